"""Metrics of ranks within folds, of many resamples at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from earshift.numerics.auc import running_sums

Array = NDArray[np.float64]

#: The metrics that are found here.
RANKED = ("roc_auc", "average_precision", "average_precision_balanced")

#: Added to weights that divide and may be 0; too little to change one that is not.
_TINY = 1e-30


@dataclass(frozen=True)
class Clips:
    """Clips that have the class, then those that have not, each by fold, best first.

    Attributes
    ----------
    scores : ndarray of shape (n_clips,), float64
        All finite.
    present : ndarray of shape (n_clips,), bool
        The truth.
    folds : ndarray of shape (n_clips,), int
        Fold of each clip.
    threshold : ndarray of shape (n_clips,), float64
        Scores above which clips are called present.
    weights : ndarray of shape (n_clips, n_resamples)
        How often each clip counts in each resample.
    n_present : int
        How many clips have the class.
    """

    scores: Array
    present: NDArray[np.bool_]
    folds: NDArray[np.int64]
    threshold: Array
    weights: NDArray[np.floating]
    n_present: int

    @classmethod
    def of(
        cls,
        scores: Array,
        present: NDArray[np.bool_],
        folds: NDArray[np.int64],
        threshold: Array,
        weights: NDArray[np.floating],
    ) -> Self:
        """Sort clips, of which those with a score that is not finite are left out."""
        order = np.lexsort((-scores, folds, ~present))
        order = order[np.isfinite(scores[order])]
        return cls(
            scores[order],
            present[order],
            folds[order],
            threshold[order],
            weights[order],
            int(present[order].sum()),
        )

    def by_fold(self) -> Iterator[tuple[slice, slice]]:
        """Yield where the present and the absent clips of each fold are."""
        n = self.n_present
        names = np.unique(self.folds)
        own, others = self.folds[:n], self.folds[n:]
        edges = zip(
            np.searchsorted(own, names),
            np.searchsorted(own, names, "right"),
            np.searchsorted(others, names) + n,
            np.searchsorted(others, names, "right") + n,
            strict=True,
        )
        for start, stop, other_start, other_stop in edges:
            yield slice(start, stop), slice(other_start, other_stop)


def resampled_ranks(clips: Clips, *, precision: bool) -> dict[str, Array]:
    """Return the AUC of each resample, and the average precisions.

    Parameters
    ----------
    clips : Clips
        The clips.
    precision : bool
        Whether to find average precisions.

    Returns
    -------
    dict
        Name of a metric, as in `RANKED` -> values of shape (n_resamples,); NaN where
        they are not defined (see `metrics.all_resampled`).
    """
    positive = clips.weights[: clips.n_present]
    pairs, beaten, total, alone = np.zeros((4, positive.shape[1]))
    # The weight of the clips that score as much as each present clip of their fold or
    # more: of those that have the class, and of those that have not.
    found, wrong = np.empty_like(positive), np.empty_like(positive)
    folds, even = list(clips.by_fold()), []
    for own, others in folds:
        above, ranked = running_sums(clips.weights[others]), running_sums(positive[own])
        level = -clips.scores[own]
        rivals = -clips.scores[others]
        higher = np.searchsorted(rivals, level)
        reached = np.searchsorted(rivals, level, "right")
        above.take(reached, axis=0, out=wrong[own], mode="clip")
        place = np.searchsorted(level, level, "right")
        ranked.take(place, axis=0, out=found[own], mode="clip")
        tied = np.flatnonzero(higher < reached)
        beaten += _dot(positive[own][tied], wrong[own][tied] - above[higher[tied]]) / 2
        present, absent = ranked[-1].astype(np.float64), above[-1]
        pairs += present * absent
        total += present
        alone += present * (absent == 0)
        even.append(np.divide(present, absent, where=absent > 0, out=0 * present))
    values = [_ratio(pairs - _dot(positive, wrong) + beaten, pairs)]
    if precision:
        values.append(_ratio(_precision(positive, found, wrong), total))
        for (own, _), factor in zip(folds, even, strict=True):
            wrong[own] *= factor
        gained = _precision(positive, found, wrong) - alone
        values.append(_ratio(gained, total - alone))
    return dict(zip(RANKED, values, strict=False))


def _precision(
    positive: NDArray[np.floating],
    found: NDArray[np.floating],
    wrong: NDArray[np.floating],
) -> Array:
    """Return the sum over present clips of the precision where each is found."""
    called = found + wrong
    called += _TINY
    return _dot(positive, np.divide(found, called, out=called))


def _dot(weights: NDArray[np.floating], values: NDArray[np.floating]) -> Array:
    """Return the sum over clips of products of shape (n_clips, n_resamples)."""
    sums: Array = np.einsum("ij,ij->j", weights, values, dtype=np.float64)
    return sums


def _ratio(part: Array, whole: Array) -> Array:
    """Return the quotient; NaN where the whole is nothing."""
    ratio = np.full(len(whole), np.nan)
    np.divide(part, whole, out=ratio, where=whole > 0)
    return ratio
