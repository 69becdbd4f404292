"""Intervals and null values of any measure, by drawing recordings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earshift.discrepancy._result import Result

#: Values under equality, and values of resamples. A p-value is 0.005 at least.
N_DRAWS = 199

#: How many there are at present: a measure need not know of the number.
_n_draws = ContextVar("n_draws", default=N_DRAWS)

#: Numbers of clips: of the clips of both datasets, first those of `a`.
Rows = NDArray[np.int64]


@contextmanager
def drawing(n_draws: int) -> Iterator[None]:
    """Have measures make another number of draws than `N_DRAWS`, in the context alone.

    Parameters
    ----------
    n_draws : int
        Number of null values, and of resampled ones.
    """
    before = _n_draws.set(n_draws)
    try:
        yield
    finally:
        _n_draws.reset(before)


@dataclass(frozen=True)
class Draws:
    """Which clips stand for each dataset, in the value and in all draws.

    Parameters
    ----------
    recording : ndarray of shape (n_a + n_b,), int64
        Number of the recording of each clip, first of those of `a`. The datasets share
        none.
    in_a, in_b : ndarray of shape (1 + 2 * n_draws, n_a + n_b), bool
        Clips that stand for `a`, and for `b`. The first row is the datasets themselves;
        null draws follow, then halves.
    """

    recording: NDArray[np.int64]
    in_a: NDArray[np.bool_]
    in_b: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        recordings_a: NDArray[np.str_],
        recordings_b: NDArray[np.str_],
        rng: np.random.Generator,
        n_draws: int | None = None,
    ) -> Draws:
        """Draw recordings, as `resample` says."""
        n_draws = _n_draws.get() if n_draws is None else n_draws
        member_a, member_b = (
            np.unique(recordings, return_inverse=True)[1]
            for recordings in (recordings_a, recordings_b)
        )
        k_a, k_b = int(member_a.max()) + 1, int(member_b.max()) + 1
        member = np.concatenate([member_a, k_a + member_b])
        of_a = np.arange(len(member)) < len(member_a)
        in_a, in_b = np.empty((2, 1 + 2 * n_draws, len(member)), bool)
        in_a[0], in_b[0] = of_a, ~of_a
        for i in range(1, 1 + n_draws):
            in_a[i] = np.isin(member, rng.permutation(k_a + k_b)[:k_a])
            in_b[i] = ~in_a[i]
            kept = np.isin(member, np.r_[_half(k_a, rng), k_a + _half(k_b, rng)])
            in_a[n_draws + i], in_b[n_draws + i] = kept & of_a, kept & ~of_a
        return cls(member, in_a, in_b)

    @property
    def is_null(self) -> NDArray[np.bool_]:
        """Which rows are null draws, shape (1 + 2 * n_draws,)."""
        number = np.arange(len(self.in_a))
        return (number > 0) & (number <= len(number) // 2)

    def part(self, rows: NDArray[np.bool_]) -> Draws:
        """Return some of the rows, of which there is no result."""
        return Draws(self.recording, self.in_a[rows], self.in_b[rows])

    def result(self, values: Iterable[float]) -> Result:
        """Return the result, given the value of each row of `in_a` and `in_b`."""
        value, *others = map(float, values)
        null, halves = np.split(np.array(others), 2)
        return Result(value, null, value + halves - halves.mean())


def resample(
    statistic: Callable[[Rows, Rows], float],
    recordings_a: NDArray[np.str_],
    recordings_b: NDArray[np.str_],
    rng: np.random.Generator,
    *,
    n_draws: int | None = None,
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
    n_draws : int, optional
        Number of null values, and of resampled ones. Without, it is what the caller of
        the measure asks for: `N_DRAWS` in the workflow.

    Returns
    -------
    Result
        Without scores.
    """
    draws = Draws.of(recordings_a, recordings_b, rng, n_draws)
    return draws.result(
        statistic(np.flatnonzero(a), np.flatnonzero(b))
        for a, b in zip(draws.in_a, draws.in_b, strict=True)
    )


def _half(n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw half of the numbers below `n`; of an odd `n` as often one more as less."""
    size = max(1, (n + int(rng.integers(2))) // 2)
    return rng.permutation(n)[:size]
