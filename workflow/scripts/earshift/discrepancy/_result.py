"""What a measure returns, and what must hold of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earshift.numerics import auc


@dataclass(frozen=True)
class ClipScores:
    """Scores by which the clips of two datasets can be told apart.

    Parameters
    ----------
    scores : ndarray of shape (n_a + n_b,), float64
        A score of each clip, first those of `a`; the higher, the more it looks like
        `b`.
    folds : ndarray of shape (n_a + n_b,), int64
        Scores are comparable within a fold only. Clips that were left out have the fold
        -1; the scores of all others are finite.
    """

    scores: NDArray[np.float64]
    folds: NDArray[np.int64]

    def auc(self, n_a: int) -> float:
        """Return how often a clip of `b` scores above one of `a`, within folds.

        Parameters
        ----------
        n_a : int
            Number of clips of `a`.

        Returns
        -------
        float
            In [0, 1]; ties count half.
        """
        used = np.flatnonzero(self.folds >= 0)
        return auc.fold_auc(self.scores[used], used >= n_a, self.folds[used])


@dataclass(frozen=True)
class Result:
    """How far apart two sets of clips are.

    Parameters
    ----------
    value : float
        The value of the measure.
    null : ndarray of shape (n_draws,), float64, optional
        Values of sets of clips that differ by chance alone: the recordings of both
        datasets, assigned to the two at random. Their mean is the value expected of
        equal datasets, and their spread says which values chance explains.
    resampled : ndarray of shape (n_resamples,), float64, optional
        Values that lie about `value` as the values of other samples of recordings
        would: percentiles of them become its interval.
    scores : ClipScores, optional
        Of a measure that scores clips, and is the AUC of its scores. The workflow then
        resamples recordings by itself, and needs neither `null` nor `resampled`.
    """

    value: float
    null: NDArray[np.float64] | None = None
    resampled: NDArray[np.float64] | None = None
    scores: ClipScores | None = None
