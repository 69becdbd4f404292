"""What some labels of the target would add to a correction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift.decomposition._scores import Run
from earshift.errors import DataError
from earshift.evaluation import domains, pools
from earshift.evaluation.domains import PRESENT
from earshift.evaluation.pools import Labelled, Pool
from earshift.evaluation.samples import EQUAL, Sampler
from earshift.evaluation.training import Fitted, Trainer
from earshift.evaluation.views import Split, View

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def few_labels(run: Run, n: int) -> Array:
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
    ndarray of shape (n_target, n_classes)
        NaN where there is no score.
    """
    target = run.pair[1]
    out = np.full(target.labels.shape, np.nan)
    for split in run.splits:
        view = split.view(0, run.method.redrawn(run.repeat))
        drawn = _drawn(run, split, n)
        for c, fitted in enumerate(_trained(run, split, view, drawn)):
            known = split.tested[1] & (target.labels[:, c] >= 0)
            if fitted is not None:
                out[known, c] = view.score(fitted, 1, known)
    return out


def _drawn(run: Run, split: Split, n: int) -> Mask:
    """Return which clips of the target have labels."""
    target = run.pair[1]
    drawn = np.zeros(len(target.clip_id), bool)
    rng = domains.generator(run.seed, run.repeat, split.fold, "few labels")
    order = rng.permutation(len(drawn))
    for c in range(target.labels.shape[1]):
        own = order[(split.train[1] & (target.labels[:, c] == PRESENT))[order]]
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


def _trained(run: Run, split: Split, view: View, drawn: Mask) -> list[Fitted | None]:
    """Return the classifier of each class; None if there are too few clips."""
    given = list(_classes(run, split, view, drawn))
    fits = [None if one is None else one.fit(run, view, one.labelled) for one in given]
    if not getattr(view.method, "n_rounds", 0):
        return fits

    def refit(k: int, more: Labelled) -> Fitted:
        one = given[k]
        assert one is not None  # a class without a classifier takes no part
        X, y, weights, recordings = one.labelled.after(
            more.X, more.y, more.weights, more.recordings
        )
        return one.fit(run, view, Labelled(X, y, recordings, weights))

    pool, kept = view.pool(0), ~drawn[split.train[1]]
    pool = Pool(pool.X[kept], pool.recordings[kept], None)
    return pools.trained_again(view.method, pool, fits, refit)


def _classes(
    run: Run, split: Split, view: View, drawn: Mask
) -> Iterator[_Class | None]:
    """Yield what trains each class; None if there are too few clips."""
    source, target = run.pair
    sampler = Sampler(
        *(run.pair, split.train, split.tested, 0),
        targets=[1],
        plain=False,
        seed=run.seed,
        repeat=run.repeat,
    )
    for c, name in enumerate(run.classes):
        clips = next(s.clips for s in sampler.of_class(c) if s.name == EQUAL)
        y = source.labels[clips, c] == PRESENT
        rng = domains.generator(run.seed, run.repeat, split.fold, source.name, name)
        try:
            first = view.fit(
                *(0, clips, y, run.trainer),
                recordings=source.recording[clips],
                rng=rng,
            )
        except DataError:
            yield None
            continue
        known = drawn & (target.labels[:, c] >= 0)
        yield _Class(
            clips,
            y,
            run.trainer.at(first),
            Labelled(
                view.space.X[1][split.rows(1, known)],
                target.labels[known, c] == PRESENT,
                target.recording[known],
                np.full(known.sum(), len(y) / max(known.sum(), 1)),
            ),
        )
