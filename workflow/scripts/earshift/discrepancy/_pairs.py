"""Sums over pairs of clips, for the datasets and all draws at once, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earshift.discrepancy._resampling import Draws

Floats = NDArray[np.float64]

#: Clips whose values with as many others are held at a time: 8 MB of them.
BLOCK = 1024


@dataclass(frozen=True)
class PairSums:
    """Sums of a symmetric function of two clips, for each row of `Draws`.

    Parameters
    ----------
    a, b : ndarray of shape (1 + 2 * n_draws,), float64
        Over all ordered pairs of clips of one dataset, a clip with itself included.
    between : ndarray of shape (1 + 2 * n_draws,), float64
        Over all pairs of a clip of `a` and a clip of `b`.
    own : ndarray of shape (n_clips,), float64
        Per clip, over the clips of its own recording, itself included.
    """

    a: Floats
    b: Floats
    between: Floats
    own: Floats


def pair_sums(
    function: Callable[[Floats, Floats], Floats], X: Floats, draws: Draws
) -> PairSums:
    """Sum a function over pairs of clips.

    Every pair is looked at once for all draws. Beside `X`, this needs a few blocks of
    `BLOCK` by `BLOCK` numbers.

    Parameters
    ----------
    function : callable
        Given clips of shapes (m, n_features) and (n, n_features), returns its values,
        shape (m, n). It is symmetric.
    X : ndarray of shape (n_clips, n_features), float64
        Features of both datasets, first those of `a`.
    draws : Draws
        Which clips stand for each dataset.

    Returns
    -------
    PairSums
        The sums.
    """
    a, b, between = np.zeros((3, len(draws.in_a)))
    own = np.zeros(len(X))
    starts = range(0, len(X), BLOCK)
    sides = (draws.in_a, draws.in_b)
    for start in starts:
        rows = slice(start, start + BLOCK)
        row_a, row_b = (side[:, rows].T.astype(float) for side in sides)
        for other in range(start, len(X), BLOCK):
            columns = slice(other, other + BLOCK)
            # The same array twice: a clip is at no distance from itself.
            x, y = (X[rows],) * 2 if other == start else (X[rows], X[columns])
            values = function(x, y)
            column_a, column_b = (
                values @ side[:, columns].T.astype(float) for side in sides
            )
            same = draws.recording[rows, np.newaxis] == draws.recording[columns]
            values *= same
            own[rows] += values.sum(axis=1)
            # A block off the diagonal stands for its mirror image, too.
            times = 1 if other == start else 2
            a += times * np.einsum("im,im->m", row_a, column_a)
            b += times * np.einsum("im,im->m", row_b, column_b)
            between += np.einsum("im,im->m", row_a, column_b)
            if other > start:
                own[columns] += values.sum(axis=0)
                between += np.einsum("im,im->m", row_b, column_a)
    return PairSums(a, b, between, own)


def blocks(n: int, size: int = BLOCK) -> Iterator[slice]:
    """Yield slices of at most `size` numbers that together are those below `n`."""
    for start in range(0, n, size):
        yield slice(start, start + size)


def both(
    X_a: NDArray[np.floating], X_b: NDArray[np.floating], *, centre_each: bool = False
) -> Floats:
    """Return the features of both datasets, centred.

    Parameters
    ----------
    X_a, X_b : ndarray of shape (n_clips, n_features)
        Features of the two datasets.
    centre_each : bool, default=False
        Whether each dataset has its own mean removed, in place of that of all clips:
        for measures of which a translation is no part. Null draws would mix clips of
        datasets whose means differ.

    Returns
    -------
    ndarray of shape (n_a + n_b, n_features), float64
        First the clips of `a`.
    """
    X = np.concatenate([X_a, X_b], dtype=np.float64)
    parts = (X[: len(X_a)], X[len(X_a) :]) if centre_each else (X,)
    for part in parts:
        part -= part.mean(axis=0)
    return X
