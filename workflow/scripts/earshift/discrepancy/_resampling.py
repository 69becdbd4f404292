"""Intervals and null values of any measure, by drawing recordings."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from earshift.discrepancy._result import Result

#: Values under equality, and values of resamples. A p-value is 0.005 at least.
N_DRAWS = 199

#: Numbers of clips: of the clips of both datasets, first those of `a`.
Rows = NDArray[np.int64]


def resample(
    statistic: Callable[[Rows, Rows], float],
    recordings_a: NDArray[np.str_],
    recordings_b: NDArray[np.str_],
    rng: np.random.Generator,
    *,
    n_draws: int = N_DRAWS,
) -> Result:
    """Measure two datasets, with null values and resampled values.

    For the null values, the recordings of both datasets are assigned to the two at
    random, as many to each as it has. Resampled values come from random halves of the
    recordings of each dataset, without replacement: half a sample differs from the
    whole by as much as that differs from the truth. A bootstrap would hold clips twice,
    which measures of distance take for likeness. The values are shifted so that their
    mean is `value`, since many measures have a bias that depends on the number of
    clips.

    Parameters
    ----------
    statistic : callable
        Returns the value between two sets of clips, given the numbers of the clips of
        each: those of `a` count from 0, and those of `b` follow. It draws nothing.
    recordings_a, recordings_b : ndarray of shape (n_clips,), str
        Recording of each clip; all clips of one are drawn together.
    rng : Generator
        Draws. What is drawn depends on the recordings alone.
    n_draws : int, default=`N_DRAWS`
        Number of null values, and of resampled ones.

    Returns
    -------
    Result
        Without scores.
    """
    n_a, n = len(recordings_a), len(recordings_a) + len(recordings_b)
    value = statistic(np.arange(n_a), np.arange(n_a, n))
    member_a, member_b = (
        np.unique(recordings, return_inverse=True)[1]
        for recordings in (recordings_a, recordings_b)
    )
    k_a, k_b = int(member_a.max()) + 1, int(member_b.max()) + 1
    member = np.concatenate([member_a, k_a + member_b])
    null, resampled = np.empty(n_draws), np.empty(n_draws)
    for i in range(n_draws):
        is_a = np.isin(member, rng.permutation(k_a + k_b)[:k_a])
        null[i] = statistic(np.flatnonzero(is_a), np.flatnonzero(~is_a))
        kept = np.isin(member, np.r_[_half(k_a, rng), k_a + _half(k_b, rng)])
        rows = np.flatnonzero(kept)
        resampled[i] = statistic(rows[rows < n_a], rows[rows >= n_a])
    return Result(float(value), null, value + resampled - resampled.mean())


def _half(n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw half of the numbers below `n`; of an odd `n` as often one more as less."""
    size = max(1, (n + int(rng.integers(2))) // 2)
    return rng.permutation(n)[:size]
