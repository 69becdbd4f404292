"""Scores and domain odds of clips that no classifier has seen, fold after fold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift.debias import Method, fit_checks
from earshift.evaluation import domains, samples
from earshift.evaluation.domains import Domain
from earshift.evaluation.samples import ALL
from earshift.evaluation.training import Trainer
from earshift.evaluation.views import Split, View
from earshift.numerics import classifier, overlap
from earshift.numerics.overlap import DomainOdds
from earshift.stages.scores.folds import Work
from earshift.stages.scores.score_tables import REFIT, ClipRows

Array = NDArray[np.float64]

#: Dataset that trains, sample, dataset that tests -> scores, shape
#: (n_clips, n_classes), NaN where there is none.
Scores = dict[tuple[str, str, str], Array]


@dataclass(frozen=True)
class Run:
    """One repeat of one method, trained on the source.

    Parameters
    ----------
    pair : (Domain, Domain)
        Source and target.
    classes : sequence of str
        All classes.
    method : Method
        The method.
    trainer : Trainer
        Of the classifiers.
    seed, repeat : int
        Of all draws.
    n_refits : int
        How often training data are drawn anew, over all repeats.
    """

    pair: tuple[Domain, Domain]
    classes: Sequence[str]
    method: Method
    trainer: Trainer
    seed: int
    repeat: int
    n_refits: int

    @property
    def splits(self) -> Iterator[Split]:
        """The splits of the repeat, one after the other, as each keeps its clips."""
        for fold in range(self.pair[0].left_out.shape[1]):
            yield Split(self.pair, self.repeat, fold)

    @cached_property
    def draws(self) -> range:
        """Which draws of training data are of this repeat."""
        return range(self.repeat, self.n_refits, len(self.pair[0].folds))

    @cached_property
    def counts(self) -> dict[int, list[NDArray[np.int64]]]:
        """How often each clip of either dataset is there, in each draw."""
        return {
            number: [samples.redrawn(domain, self.seed, number) for domain in self.pair]
            for number in self.draws
        }

    def scores(self, *, within: bool) -> list[Scores]:
        """Return the scores of held-out clips.

        Parameters
        ----------
        within : bool
            Whether the target, too, trains classifiers, which score the target.

        Returns
        -------
        list of Scores
            Of classifiers of all training clips, and of as many as the other dataset
            has; then those of each draw of training data.
        """
        clips = ClipRows()
        for split in self.splits:
            work = Work(
                split,
                self.classes,
                self.method.redrawn(self.repeat),
                self.trainer,
                self.seed,
                (self.repeat, split.fold),
                classwise=False,
                balanced=False,
                is_first=False,
                shares=False,
                n_refits=self.n_refits,
            )
            for i, targets in ((0, [0, 1]), (1, [1])):
                if i == 0 or within:
                    key = {"method": self.method.name, "scope": "global"}
                    key |= {"train": self.pair[i].name, "class": None}  # type: ignore[dict-item]
                    place = {"repeat": self.repeat, "fold": split.fold}
                    work.source(i, targets, self.classes, {**key, **place}, clips)
        rows = clips.table()
        columns = ["score", *(f"{REFIT}{k}" for k in range(len(self.draws)))]
        return [self._as_arrays(rows, column) for column in columns]

    def _as_arrays(self, rows: pd.DataFrame, column: str) -> Scores:
        out: Scores = {}
        names = [domain.name for domain in self.pair]
        for (train, sample, test), part in rows.groupby(["train", "sample", "test"]):
            own = self.pair[names.index(str(test))]
            values = np.full(own.labels.shape, np.nan)
            place = pd.Index(own.clip_id).get_indexer(part["clip_id"])
            c = pd.Index(list(self.classes)).get_indexer(part["class"])
            values[place, c] = part[column].to_numpy(float)
            out[str(train), str(sample), str(test)] = values
        return out

    def odds(self, weights: Array) -> list[DomainOdds]:
        """Return how much likelier each held-out clip is in the target.

        The domain classifier of a fold sees its training clips as the classifiers of
        the source do, after the method.

        Parameters
        ----------
        weights : ndarray of shape (n_source,), float64
            How much clips of the source count.

        Returns
        -------
        list of DomainOdds
            Of the clips of the source, then of the target; then those of each draw of
            training data.
        """
        is_target, recordings, folds, trained = self._both(weights)
        scores = np.empty((trained.shape[1], len(folds)))
        for split in self.splits:
            view = split.view(0, self.method.redrawn(self.repeat))
            X = _as_seen(view)
            train, test = np.concatenate(split.train), np.concatenate(split.tested)
            scores[:, test] = overlap.domain_scores(
                *(X[train], is_target[train], recordings[train], trained[train]),
                *(X[test], self._rng(split.fold)),
            )
        counts = trained[:, 0]
        return [overlap.calibrated(own, is_target, folds, counts) for own in scores]

    def odds_by_scores(
        self, weights: Array, given: Sequence[Scores]
    ) -> list[DomainOdds]:
        """Return the same, if nothing is known of clips but their held-out scores.

        Parameters
        ----------
        weights : ndarray of shape (n_source,), float64
            As of `odds`.
        given : sequence of Scores
            As from `scores`.

        Returns
        -------
        list of DomainOdds
            As from `odds`. The domain classifier of a fold sees clips of the others.
        """
        is_target, recordings, folds, trained = self._both(weights)
        source, target = (domain.name for domain in self.pair)
        out = []
        for own, counted in zip(given, trained.T, strict=True):
            Z = np.concatenate([own[source, ALL, test] for test in (source, target)])
            scores = np.full(len(Z), np.nan)
            for fold in np.unique(folds) if np.isfinite(Z).all() else ():
                train = folds != fold
                (scores[~train],) = overlap.domain_scores(
                    *(Z[train], is_target[train], recordings[train]),
                    *(counted[train, None], Z[~train], self._rng(int(fold))),
                )
            out.append(overlap.calibrated(scores, is_target, folds, trained[:, 0]))
        return out

    def _both(
        self, weights: Array
    ) -> tuple[
        NDArray[np.bool_], NDArray[np.str_], NDArray[np.int64], NDArray[np.float64]
    ]:
        """Return side, recording and fold of all clips, and how much each counts.

        The latter, also in each draw of training data, has shape
        (n_clips, 1 + n_draws).
        """
        sizes = [len(domain.clip_id) for domain in self.pair]
        counts = np.concatenate([weights, np.ones(sizes[1])])
        drawn = [np.concatenate(self.counts[number]) for number in self.draws]
        return (
            np.repeat([False, True], sizes),
            np.concatenate([domain.recording for domain in self.pair]),
            np.concatenate([domain.folds[self.repeat] for domain in self.pair]),
            np.stack([counts, *(counts * own for own in drawn)], axis=1),
        )

    def _rng(self, fold: int) -> np.random.Generator:
        return domains.generator(self.seed, self.repeat, fold, "domain")


def _as_seen(view: View) -> Array:
    """Return the used clips of all datasets as classifiers see them."""
    X = np.concatenate(view.space.X)
    removed = fit_checks.removed_directions(view.method)
    return X if removed is None else classifier.without(X, None, removed)[0]
