"""What some labels of the target would add to a correction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift.errors import DataError
from earshift.evaluation import domains, pools
from earshift.evaluation.domains import PRESENT
from earshift.evaluation.pools import Labelled
from earshift.evaluation.samples import EQUAL, Sampler
from earshift.evaluation.training import Fitted, Trainer
from earshift.evaluation.views import Split, View
from earshift.stages.decomposition.held_out import Run
from earshift.stages.scores.folds import TOO_FEW

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def few_labels(run: Run, n: int) -> list[Array]:
    """Return scores of the target's clips if some of its training clips had labels.

    Classifiers train on as many clips of the source as the target has, and on the
    labelled clips, which weigh as much together. The rounds of the method go on from
    there with clips that have no label. The penalty is that which the source chose.

    Parameters
    ----------
    run : Run
        Of the method.
    n : int
        Clips with each class that have labels, of different recordings as far as there
        are.

    Returns
    -------
    list of ndarray of shape (n_target, n_classes)
        Then those of each draw of training data, in which others are labelled. NaN
        where there is no score.
    """
    target = run.pair[1]
    out = [np.full(target.labels.shape, np.nan) for _ in range(1 + len(run.draws))]
    for split in run.splits:
        method = run.method.redrawn(run.repeat)
        trainers: dict[int, Trainer] = {}
        for scores, number in zip(out, (None, *run.draws), strict=True):
            counts = None if number is None else run.counts[number]
            try:
                view = split.view(0, method, counts=counts)
                fits = _trained(
                    run, split, view, _drawn(run, split, n, number), trainers
                )
            except TOO_FEW:
                if number is None:
                    raise
                continue  # a draw may lack what the method needs
            for c, fitted in enumerate(fits):
                known = split.tested[1] & (target.labels[:, c] >= 0)
                if fitted is not None:
                    scores[known, c] = view.score(fitted, 1, known)
    return out


def _drawn(run: Run, split: Split, n: int, number: int | None) -> Mask:
    """Return which clips of the target have labels, in a draw of training data."""
    target = run.pair[1]
    drawn = np.zeros(len(target.clip_id), bool)
    rng = domains.generator(run.seed, run.repeat, split.fold, f"few labels {number}")
    order = rng.permutation(len(drawn))
    there = split.train[1]
    if number is not None:
        there = there & (run.counts[number][1] > 0)
    for c in range(target.labels.shape[1]):
        own = order[(there & (target.labels[:, c] == PRESENT))[order]]
        # The first clip of each recording, then the second of each.
        place = pd.Series(target.recording[own]).groupby(target.recording[own])
        own = own[np.argsort(place.cumcount().to_numpy(), kind="stable")]
        drawn[own[:n]] = True
    return drawn


@dataclass(frozen=True)
class _Class:
    """What trains a class: clips of the source, and labelled ones of the target."""

    clips: Mask
    y: Mask
    trainer: Trainer
    labelled: Labelled

    def fit(self, run: Run, view: View, more: Labelled) -> Fitted:
        """Return the classifier of the clips of the source and of `more`."""
        return view.fit(
            *(0, self.clips, self.y, self.trainer),
            more=more,
            recordings=run.pair[0].recording[self.clips],
            rng=np.random.default_rng(0),  # nothing is chosen any more
        )


def _trained(
    run: Run, split: Split, view: View, drawn: Mask, trainers: dict[int, Trainer]
) -> list[Fitted | None]:
    """Return the classifier of each class; None if there are too few clips.

    `trainers` is filled with those whose settings are chosen, where it is empty.
    """
    if not trainers:
        trainers.update(_chosen(run, split, view))
    given = [
        _class(run, split, view, drawn, c, trainers[c]) if c in trainers else None
        for c in range(len(run.classes))
    ]
    fits = [None if one is None else one.fit(run, view, one.labelled) for one in given]
    if not getattr(view.method, "n_rounds", 0):
        return fits

    def refit(k: int, more: Labelled) -> Fitted:
        one = given[k]
        assert one is not None  # a class without a classifier takes no part
        return one.fit(run, view, more.and_more(one.labelled))

    pool, there = view.pool(0), split.train[1]
    if view.counts is not None:
        there = there & (view.counts[1] > 0)
    kept = pool.only(~drawn[there])
    return pools.trained_again(view.method, kept, fits, refit)


def _chosen(run: Run, split: Split, view: View) -> Iterator[tuple[int, Trainer]]:
    """Yield each class with a trainer whose settings its clips of the source chose."""
    source = run.pair[0]
    for c, name in enumerate(run.classes):
        clips = _equal(run, split, c)
        rng = domains.generator(run.seed, run.repeat, split.fold, source.name, name)
        y = source.labels[clips, c] == PRESENT
        recordings = source.recording[clips]
        try:
            first = view.fit(0, clips, y, run.trainer, recordings=recordings, rng=rng)
        except DataError:
            continue
        yield c, run.trainer.at(first)


def _class(
    run: Run, split: Split, view: View, drawn: Mask, c: int, trainer: Trainer
) -> _Class:
    """Return what trains a class."""
    source, target = run.pair
    clips = _equal(run, split, c)
    known = drawn & (target.labels[:, c] >= 0)
    n = int(clips.sum())
    if view.counts is not None:
        n = int(view.counts[0][clips].sum())
    weight = n / max(int(known.sum()), 1)
    if not trainer.weighs:
        weight = max(round(weight), 1)
    return _Class(
        clips,
        source.labels[clips, c] == PRESENT,
        trainer,
        Labelled(
            view.space.X[1][split.rows(1, known)],
            target.labels[known, c] == PRESENT,
            target.recording[known],
            np.full(int(known.sum()), float(weight)),
        ),
    )


def _equal(run: Run, split: Split, c: int) -> Mask:
    """Return as many training clips of the source as both datasets have."""
    sampler = Sampler(
        *(run.pair, split.train, split.tested, 0),
        targets=[1],
        plain=False,
        seed=run.seed,
        repeat=run.repeat,
    )
    return next(s.clips for s in sampler.of_class(c) if s.name == EQUAL)
