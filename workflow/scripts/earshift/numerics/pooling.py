"""Pool the frames of a clip into one vector, in any number of parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

#: Vector of float64 per feature.
_Vector = NDArray[np.float64]


class Pooler:
    """Statistics over the frames of one clip.

    Parameters
    ----------
    statistics : sequence of str
        Names in `STATISTICS`; their vectors are put one after the other.

    Notes
    -----
    Sums run frame by frame in float64, so that it does not matter how the frames are
    cut into parts.
    """

    def __init__(self, statistics: Sequence[str]) -> None:
        self._statistics = statistics
        self.n = 0
        self.sum: _Vector = np.zeros(0)
        self.square: _Vector = np.zeros(0)
        self.min: _Vector = np.zeros(0)
        self.max: _Vector = np.zeros(0)

    def add(self, frames: NDArray[np.float32]) -> None:
        """Count more frames, shape (n_frames, n_features)."""
        if not len(frames):
            return
        values = frames.astype(np.float64)
        parts = {"sum": values, "square": values**2, "min": values, "max": values}
        for name, part in parts.items():
            before = [getattr(self, name)[None]] if self.n else []
            rows = np.concatenate([*before, part])
            setattr(self, name, _REDUCE[name](rows, axis=0))
        self.n += len(frames)

    def vector(self) -> NDArray[np.float32]:
        """Return the pooled vector, shape (n_features * n_statistics,)."""
        found = [STATISTICS[name](self) for name in self._statistics]
        return np.concatenate(found).astype(np.float32)


_REDUCE: Mapping[str, Callable[..., _Vector]] = {
    "sum": np.add.reduce,
    "square": np.add.reduce,
    "min": np.minimum.reduce,
    "max": np.maximum.reduce,
}


def _std(pool: Pooler) -> _Vector:
    variance = pool.square / pool.n - (pool.sum / pool.n) ** 2
    return np.sqrt(np.maximum(variance, 0.0))


#: Name of a statistic -> its vector, in embedding units.
STATISTICS: Mapping[str, Callable[[Pooler], _Vector]] = {
    "mean": lambda pool: pool.sum / pool.n,
    "std": _std,
    "min": lambda pool: pool.min,
    "max": lambda pool: pool.max,
}


def pooled(
    parts: Iterator[tuple[int, NDArray[np.float32]]],
    n_frames: Mapping[int, int] | NDArray[np.int64],
    statistics: Sequence[str],
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Pool clip after clip.

    Parameters
    ----------
    parts : iterator of (int, ndarray of shape (n, n_features))
        A clip, and some of its frames; all parts of a clip come one after the other.
    n_frames : mapping or ndarray
        How many frames each clip has. One that had fewer is left out.
    statistics : sequence of str
        Names in `STATISTICS`.

    Yields
    ------
    tuple of int and ndarray of shape (n_features * n_statistics,), float32
        A clip, and its pooled vector.
    """
    clip, pool = -1, Pooler(statistics)
    for now, frames in parts:
        if now != clip:
            clip, pool = now, Pooler(statistics)
        pool.add(frames)
        if pool.n == n_frames[clip]:
            yield clip, pool.vector()
