"""One fold of stage 5: samples of the training clips, and training data drawn anew.

A classifier is trained on each sample of the clips that may train a class
(`evaluation.samples`). What another draw of training recordings would have given is
asked by drawing those of all datasets with replacement: method and classifier are
fitted to them again, the latter with the settings that were chosen before, and score
the same test clips.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earshift.debias import Method
from earshift.errors import DataError
from earshift.evaluation import domains, pools, samples
from earshift.evaluation.domains import PRESENT
from earshift.evaluation.pools import Labelled
from earshift.evaluation.samples import ALL, Sample, Sampler
from earshift.evaluation.training import Fitted, Trainer
from earshift.evaluation.views import Split, View
from earshift.numerics.classifier import Classifier
from earshift.stages.scores import score_tables
from earshift.stages.scores.score_tables import ClipRows

log = logging.getLogger(__name__)

Mask = NDArray[np.bool_]

#: What a classifier or method raises that has too few clips: our own say so, others,
#: such as one that looks for more neighbours, do not. With all clips it is an error.
TOO_FEW = (DataError, ValueError)

#: A classifier, and those of training data that were drawn anew.
Fits = tuple[Fitted, list[Fitted | None]]

#: Columns of a row that hold for all clips, by name.
Facts = Mapping[str, Any]


@dataclass(frozen=True)
class _Trained:
    """What is trained on a sample of the clips of a class.

    Parameters
    ----------
    c : int
        Number of the class.
    view : View
        Clips as the classifier sees them.
    again : list of View or None
        The same of training data that were drawn anew.
    sample : Sample
        Which clips train.
    fits : Fits
        The classifiers.
    """

    c: int
    view: View
    again: list[View | None]
    sample: Sample
    fits: Fits


class Work:
    """Trains all classes of a fold with one method.

    Parameters
    ----------
    split : Split
        Which clips train and test.
    classes : sequence of str
        All classes, in the order of the labels.
    method : Method
        The method.
    trainer : Trainer
        Of the classifier.
    seed : int
        Of all draws.
    place : (int, int)
        Repeat and fold.
    classwise : bool
        Whether the method is fitted anew for each class, to clips that have it.
    balanced : bool
        Whether training clips differ from class to class.
    is_first : bool
        Whether this is the first fold of a repeat.
    shares : bool
        Whether shares and halves of the training clips train classifiers, too.
    n_refits : int
        How often training data are drawn anew, over all repeats.
    """

    def __init__(
        self,
        split: Split,
        classes: Sequence[str],
        method: Method,
        trainer: Trainer,
        seed: int,
        place: tuple[int, int],
        *,
        classwise: bool,
        balanced: bool,
        is_first: bool,
        shares: bool,
        n_refits: int,
    ) -> None:
        self.split, self.classes, self.method = split, classes, method
        self.trainer, self.seed = trainer, seed
        self.repeat, self.fold = place
        self.is_first, self.shares = is_first, shares
        # A control that replaces clips is told the labels of one class.
        self.by_class = classwise or method.replaces
        self.anew = self.by_class or balanced
        #: How often classifiers are trained again, on clips that the method labels.
        self.n_rounds: int = getattr(method.two_steps()[1], "n_rounds", 0)
        n_repeats = len(split.domains[0].folds)
        #: Which draws of training data are of this repeat.
        self.draws = range(self.repeat, n_refits, n_repeats)

    @cached_property
    def counts(self) -> list[list[NDArray[np.int64]]]:
        """How often each clip of each dataset is there, in each draw."""
        return [
            [samples.redrawn(d, self.seed, number) for d in self.split.domains]
            for number in self.draws
        ]

    def source(
        self,
        i: int,
        targets: Sequence[int],
        only: Sequence[str],
        key: Facts,
        clips: ClipRows,
    ) -> list[dict[str, Any]]:
        """Add the scores of each class and sample of one training dataset.

        Parameters
        ----------
        i : int
            Number of the dataset.
        targets : sequence of int
            Numbers of the datasets whose clips are scored.
        only : sequence of str
            The classes.
        key : mapping
            Columns of all rows, but for ``class``.
        clips : ClipRows
            Gets the rows of clips.

        Returns
        -------
        list of dict
            Rows of directions.
        """
        directions: list[dict[str, Any]] = []
        sampler = Sampler(
            self.split.domains,
            self.split.train,
            self.split.tested,
            i,
            targets=targets,
            plain=self.shares,
            seed=self.seed,
            repeat=self.repeat,
        )
        trained = self._trained(i, sampler, only, key, directions)
        if self.n_rounds:
            trained = self._again(i, list(trained))
        for one in trained:
            facts = {**key, "class": self.classes[one.c]}
            first, _ = one.fits
            if one.sample.name == ALL and isinstance(first, Classifier):
                directions.append(score_tables.class_row(first, **facts))
            self._score(i, one, clips, facts)
        return directions

    def _trained(
        self,
        i: int,
        sampler: Sampler,
        only: Sequence[str],
        key: Facts,
        directions: list[dict[str, Any]],
    ) -> Iterator[_Trained]:
        """Yield what is trained on each class and sample; add rows of directions."""
        for c, view, again, rows in self._views(i, only, key):
            directions += rows
            # Samples may be the same clips; the first is all of them.
            known: Mask | None = None
            fits: dict[bytes, Fits] = {}
            for sample in sampler.of_class(c):
                known = sample.clips if known is None else known
                drawn = sample.clips.tobytes()
                if drawn not in fits:
                    try:
                        fits[drawn] = self._fitted(
                            view, again, i, c, sample.clips, known
                        )
                    except TOO_FEW as error:
                        if sample.name == ALL:
                            raise
                        log.debug("%s, %s: %s", self.classes[c], sample.name, error)
                        continue
                yield _Trained(c, view, again, sample, fits[drawn])

    def _again(self, i: int, trained: Sequence[_Trained]) -> Iterator[_Trained]:
        """Yield what is trained on clips of other datasets, too, which it labels.

        Classes take part that have a classifier of a sample.
        """
        by_sample: dict[tuple[str, str], list[_Trained]] = {}
        for one in trained:
            by_sample.setdefault((one.sample.name, one.sample.partner), []).append(one)
        for group in by_sample.values():
            trainers = [self.trainer.at(one.fits[0]) for one in group]
            columns = [
                self._rounds(i, group, trainers, view, fits)
                for view, fits in _draws_of(group)
            ]
            for one, (first, *others) in zip(
                group, zip(*columns, strict=True), strict=True
            ):
                assert first is not None
                kept = replace(first, threshold=one.fits[0].threshold)
                yield replace(one, fits=(kept, others))

    def _rounds(
        self,
        i: int,
        group: Sequence[_Trained],
        trainers: Sequence[Trainer],
        view: View | None,
        fits: Sequence[Fitted | None],
    ) -> Sequence[Fitted | None]:
        """Return the classifiers of all classes after the rounds of the method."""
        if view is None:
            return fits
        source, seen = self.split.domains[i], view

        def refit(k: int, more: Labelled) -> Fitted:
            clips, c = group[k].sample.clips, group[k].c
            return seen.fit(
                i,
                clips,
                source.labels[clips, c] == PRESENT,
                trainers[k],
                more=more,
                recordings=source.recording[clips],
                rng=np.random.default_rng(0),  # nothing is chosen any more
            )

        return pools.trained_again(view.method, view.pool(i), fits, refit)

    def _views(
        self, i: int, only: Sequence[str], key: Mapping[str, Any]
    ) -> Iterator[tuple[int, View, list[View | None], list[dict[str, Any]]]]:
        """Yield each class with its view, those of drawn data, and rows of directions.

        In the first fold of each repeat, the first class makes sure that a second fit
        gives the same.
        """
        names = [domain.name for domain in self.split.domains]
        view: View | None = None
        again: list[View | None] = []
        for name in only:
            c, rows = self.classes.index(name), []
            if view is None or self.anew:
                of = c if self.by_class else None
                check = self.is_first and c == 0
                view = self.split.view(i, self.method, of, fit_again=check)
                again = [self._view_again(i, of, counts) for counts in self.counts]
                own = {**key, "class": name if self.anew else None}
                rows = score_tables.direction_rows(view.found, names, "dataset", **own)
                rows += score_tables.direction_rows(
                    view.skipped, names, "skipped", **own
                )
            yield c, view, again, rows

    def _view_again(
        self, i: int, c: int | None, counts: Sequence[NDArray[np.int64]]
    ) -> View | None:
        """Return the view of drawn training data; None if the method cannot be fitted.

        A draw may lack what the method needs, such as clips of a rare class.
        """
        try:
            return self.split.view(i, self.method, c, counts=counts)
        except TOO_FEW as error:
            log.debug("training data drawn anew: %s", error)
            return None

    def _fitted(
        self,
        view: View,
        again: Sequence[View | None],
        i: int,
        c: int,
        clips: Mask,
        known: Mask,
    ) -> Fits:
        """Return the classifier of some clips, and those of drawn training data."""
        source, name = self.split.domains[i], self.classes[c]
        rng = domains.generator(self.seed, self.repeat, self.fold, source.draws, name)
        first = self._fit(view, i, c, clips, self.trainer, rng, known)
        trainer = self.trainer.at(first)
        others: list[Fitted | None] = []
        for other in again:
            fitted = None
            if other is not None:
                try:
                    fitted = self._fit(other, i, c, clips, trainer, rng, known)
                except TOO_FEW as error:
                    log.debug("%s, training data drawn anew: %s", name, error)
            others.append(fitted)
        return first, others

    def _fit(
        self,
        view: View,
        i: int,
        c: int,
        clips: Mask,
        trainer: Trainer,
        rng: np.random.Generator,
        known: Mask,
    ) -> Fitted:
        """Fit a classifier of a class to some clips of dataset `i`."""
        source = self.split.domains[i]
        try:
            return view.fit(
                i,
                clips,
                source.labels[clips, c] == PRESENT,
                trainer,
                part_of=known,
                recordings=source.recording[clips],
                rng=rng,
            )
        except DataError as error:
            raise DataError(
                f"dataset '{source.name}', class '{self.classes[c]}': {error}"
            ) from error

    def _score(self, i: int, trained: _Trained, clips: ClipRows, facts: Facts) -> None:
        """Add the rows of the tested clips of all datasets."""
        first, others = trained.fits
        source, sample, c = self.split.domains[i], trained.sample, trained.c
        facts = {
            **facts,
            "sample": sample.name,
            "partner": sample.partner,
            "C": first.C,
            "threshold": first.threshold,
            **score_tables.sizes(
                source.labels[sample.clips, c] == PRESENT,
                source.recording[sample.clips],
            ),
        }
        for j, test in sample.tests.items():
            unknown = np.full(int(test.sum()), np.nan)
            scores = [
                unknown if a is None or b is None else a.score(b, j, test)
                for a, b in zip(trained.again, others, strict=True)
            ]
            target = self.split.domains[j]
            score = trained.view.score(first, j, test)
            clips.add(target, test, c, score, scores, **facts)


def _draws_of(
    group: Sequence[_Trained],
) -> Iterator[tuple[View | None, list[Fitted | None]]]:
    """Yield the view and classifiers of the clips as they are, then of each draw."""
    yield group[0].view, [one.fits[0] for one in group]
    for k, view in enumerate(group[0].again):
        yield view, [one.fits[1][k] for one in group]
