"""Stage 5, few labels: train on the source and a few labelled clips of the target."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift import files, versions
from earshift.debias import Method
from earshift.evaluation import domains, few_labels, pools
from earshift.evaluation.domains import PRESENT
from earshift.evaluation.pools import Labelled
from earshift.evaluation.protocol import FIXED, Protocol
from earshift.evaluation.training import Fitted, Trainer
from earshift.evaluation.views import Split, View
from earshift.stages.scores import cross_validation, inputs, score_tables
from earshift.stages.scores.score_tables import ClipRows
from earshift.stages.splits.classes import read_classes
from earshift.workers import tasks
from earshift.workers.start import Spread

Mask = NDArray[np.bool_]

#: The classifier of each class, if there is one, and its threshold.
_Fits = list[tuple[Fitted | None, float]]

#: The sample that is the source alone.
SOURCE = "source"


def sample_name(way: str, choice: str, n: int) -> str:
    """Return what tables of clips call the source with n labelled clips per class."""
    return f"{way} {choice} {n}"


def score_few_labels(
    *,
    model: str,
    condition: str,
    entries: Sequence[Mapping[str, Any]],
    classes: Path,
    methods: Mapping[str, Mapping[str, Any]],
    options: Mapping[str, Any],
    protocol: Protocol = FIXED,
    classifier: Mapping[str, Any],
    fit: str = "pair",
    seed: int,
    n_workers: int,
    parts: Path,
    clip_scores: Path,
    spread: Spread | None = None,
) -> None:
    """Score classifiers of a source that have seen a few labelled clips of the target.

    Parameters
    ----------
    model, condition, entries, classes, protocol, classifier, fit, seed, n_workers, \
parts, spread
        As in `cross_validation.cross_validate`. There are no balanced draws: all clips
        that do not test may train.
    methods : mapping
        Name in the experiment -> config entry of each debias method.
    options : mapping
        Section ``few_labels`` of the config: `methods`, `numbers`, `choices`, `ways`.
    clip_scores : Path
        Parquet file to write, with the columns of that of `cross_validate`; `sample` is
        `SOURCE` or a `sample_name`.
    """
    chosen = Method.of_all({name: methods[name] for name in options["methods"]})
    chosen = cross_validation.served(chosen, entries, condition)
    told = {
        "classes": read_classes(classes),
        **cross_validation.classifier_of_tasks(protocol.classifier_in(classifier)),
        "seed": seed,
        "version": versions.FEW_LABELS,
        **{key: list(options[key]) for key in ("numbers", "choices", "ways")},
    }
    groups = [
        group
        for front, some in cross_validation.by_front(chosen).items()
        for together in cross_validation.together(inputs.behind(entries, front), fit)
        for group in _groups(together, told, some)
    ]
    (table,) = tasks.run_groups(
        score_fold,
        tasks.enough(groups, n_workers, spread),
        name="earshift.few_labels.score_fold",
        tables=("scores",),
        folder=parts,
        n_workers=n_workers,
        spread=spread,
        what=f"{model} / {condition}: few labels",
    )
    table = table.assign(protocol=protocol.name, model=model, condition=condition)
    with files.whole_file(clip_scores) as file:
        table.to_parquet(file, index=False)


def _groups(
    entries: Sequence[Mapping[str, str]],
    told: Mapping[str, Any],
    methods: Mapping[str, Method],
) -> Iterator[list[dict[str, Any]]]:
    """Yield the tasks of each split of some datasets, which share their scales."""
    all_domains = inputs.load_all(entries, told["classes"])
    digest = [domain.digest() for domain in all_domains]
    shared = {"entries": entries, "digest": digest, **told}
    names = [domain.name for domain in all_domains]
    served = [m for m in methods.values() if m.directions(names)]
    for repeat, fold in domains.folds(all_domains):
        yield [
            shared | method.task | {"repeat": repeat, "fold": fold} for method in served
        ]


def score_fold(
    *,
    method: str,
    method_entry: Mapping[str, Any],
    method_version: int | str,
    numbers: Sequence[int],
    choices: Sequence[str],
    ways: Sequence[str],
    **shared: Any,
) -> pd.DataFrame:
    """Train on one fold of each dataset in turn, and on labelled clips of each other.

    Parameters
    ----------
    method, method_entry, method_version, numbers, choices, ways
        As in `score_few_labels`.
    **shared
        As in `cross_validation.score_fold`.

    Returns
    -------
    DataFrame
        Columns `score_tables.CLIP`.
    """
    repeat, fold = shared["repeat"], shared["fold"]
    own = Method.of_task(method, method_entry, method_version).redrawn(repeat)
    words = ("entries", "digest", "classes", "repeat", "fold")
    key = {word: shared[word] for word in words}
    split = cross_validation.load_split(json.dumps(key | {"c": None}))
    rows = ClipRows()
    for i, j in own.directions([domain.name for domain in split.domains]):
        if i == j:
            continue
        names = (split.domains[i].name, split.domains[j].name)
        where = "trained on '{}', for '{}'".format(*names)
        with score_tables.named(method, f"{where} (repeat {repeat}, fold {fold})"):
            trainer = cross_validation.trainer_of(shared)
            place = (repeat, fold)
            work = _Direction(
                split, shared["classes"], own, (i, j), trainer, shared["seed"], place
            )
            facts = {"method": method, "scope": "global", "train": names[0]}
            facts |= {"partner": names[1], "repeat": repeat, "fold": fold}
            work.score(rows, facts, SOURCE, None, "")
            for way, choice, n in product(ways, choices, numbers):
                name = sample_name(way, choice, n)
                labelled = work.labelled(choice, n)
                work.score(rows, facts, name, labelled, way)
    return rows.table()


class _Direction:
    """Classifiers of a source for one target, in one fold.

    Parameters
    ----------
    split : Split
        Which clips train and test.
    classes : sequence of str
        Names of all classes, in the order of the labels.
    method : Method
        The method.
    direction : (int, int)
        Numbers of the source and of the target.
    trainer : Trainer
        Of the classifier.
    seed : int
        Of all draws.
    place : (int, int)
        Repeat and fold.
    """

    def __init__(
        self,
        split: Split,
        classes: Sequence[str],
        method: Method,
        direction: tuple[int, int],
        trainer: Trainer,
        seed: int,
        place: tuple[int, int],
    ) -> None:
        self.split, self.classes = split, classes
        self.i, self.j = direction
        self.trainer, self.seed = trainer, seed
        self.repeat, self.fold = place
        self.source, self.target = (split.domains[k] for k in direction)
        self.view: View = split.view(self.i, method)
        self.n_rounds: int = getattr(method.two_steps()[1], "n_rounds", 0)

    def _known(self, c: int) -> Mask:
        """Return the clips of the source that train a class."""
        known: Mask = self.split.train[self.i] & (self.source.labels[:, c] >= 0)
        return known

    def _fit(self, c: int, more: Labelled | None) -> Fitted | None:
        """Return the classifier of a class; None if the source lacks it.

        Inner folds of all clips that it is fitted to choose its settings.
        """
        clips = self._known(c)
        y = self.source.labels[clips, c] == PRESENT
        if y.all() or not y.any():
            return None
        # As in the stage of scores: without labels it is the same classifier.
        names = (self.source.name, self.classes[c])
        return self.view.fit(
            self.i,
            clips,
            y,
            self.trainer,
            more=more,
            recordings=self.source.recording[clips],
            rng=domains.generator(self.seed, self.repeat, self.fold, *names),
        )

    @cached_property
    def alone(self) -> _Fits:
        """The classifiers that have seen no label of the target."""
        return self._trained(None, "")

    def labelled(self, choice: str, n: int) -> Mask:
        """Return which clips of the target are labelled, n of each class."""
        target, may = self.target, self.split.train[self.j]
        if choice == "random":
            rng = domains.generator(self.seed, self.repeat, 0, "labels", target.name)
            return few_labels.at_random(
                target.clip_id, target.labels, may, n, rng.bytes(16)
            )
        used = self.split.used[self.j]
        scores = np.full(target.labels.shape, np.nan)
        for c, (fitted, _) in enumerate(self.alone):
            if fitted is not None:
                scores[:, c] = 0  # what neither trains nor tests is not chosen
                scores[used, c] = self.view.score(fitted, self.j, used)
        return few_labels.by_uncertainty(scores, target.labels, may, n)

    def _more(self, c: int, labelled: Mask | None, way: str) -> Labelled | None:
        """Return the labelled clips that train a class."""
        if labelled is None:
            return None
        target, clips = self.target, labelled & (self.target.labels[:, c] >= 0)
        y = target.labels[clips, c] == PRESENT
        y_source = self.source.labels[self._known(c), c] == PRESENT
        weights = few_labels.WAYS[way](y_source, y)
        if not self.trainer.weighs:
            weights = np.maximum(np.rint(weights), 1)
        X = self.view.space.X[self.j][self.split.rows(self.j, clips)]
        return Labelled(X, y, target.recording[clips], weights)

    def _trained(self, labelled: Mask | None, way: str) -> _Fits:
        """Return the classifiers of all classes, after the rounds of the method.

        Thresholds are those of inner folds, which the rounds do not have.
        """
        more = [self._more(c, labelled, way) for c in range(len(self.classes))]
        fits = [self._fit(c, own) for c, own in enumerate(more)]
        thresholds = [np.nan if fit is None else fit.threshold for fit in fits]
        if not self.n_rounds:
            return list(zip(fits, thresholds, strict=True))

        def refit(c: int, pseudo: Labelled) -> Fitted:
            before, own, clips = fits[c], more[c], self._known(c)
            assert before is not None
            return self.view.fit(
                self.i,
                clips,
                self.source.labels[clips, c] == PRESENT,
                self.trainer.at(before),
                more=pseudo if own is None else own.and_more(pseudo),
                recordings=self.source.recording[clips],
                rng=np.random.default_rng(0),  # nothing is chosen any more
            )

        pool = self.view.pool(self.i)
        if labelled is not None:
            pool = pool.only(self._unlabelled(labelled))
        again = pools.trained_again(self.view.method, pool, fits, refit)
        return list(zip(again, thresholds, strict=True))

    def _unlabelled(self, labelled: Mask) -> Mask:
        """Return which clips of the pool are not labelled."""
        masks = [
            train[train] if k != self.j else ~labelled[train]
            for k, train in enumerate(self.split.train)
            if k != self.i
        ]
        return np.concatenate(masks)

    def score(
        self,
        rows: ClipRows,
        facts: Mapping[str, Any],
        name: str,
        labelled: Mask | None,
        way: str,
    ) -> None:
        """Add the rows of the tested clips of the target."""
        fits = self.alone if labelled is None else self._trained(labelled, way)
        for c, (fitted, threshold) in enumerate(fits):
            test = self.split.tested[self.j] & (self.target.labels[:, c] >= 0)
            if fitted is None or not test.any():
                continue
            clips = self._known(c)
            present = self.source.labels[clips, c] == PRESENT
            recordings = self.source.recording[clips]
            if labelled is not None:
                own = labelled & (self.target.labels[:, c] >= 0)
                of_target = self.target.labels[own, c] == PRESENT
                present = np.concatenate([present, of_target])
                recordings = np.concatenate([recordings, self.target.recording[own]])
            rows.add(
                self.target,
                test,
                c,
                self.view.score(fitted, self.j, test),
                **{
                    **facts,
                    "class": self.classes[c],
                    "sample": name,
                    "C": fitted.C,
                    "threshold": threshold,
                    **score_tables.sizes(present, recordings),
                },
            )
