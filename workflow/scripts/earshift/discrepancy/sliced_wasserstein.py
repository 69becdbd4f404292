"""Sliced Wasserstein distance: how far clips move, seen along random directions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from earshift.discrepancy import Result
from earshift.discrepancy._resampling import Draws

version = 1
label = "sliced Wasserstein distance"
better = "lower"
range = (0.0, None)
at_equality = None

#: Random directions. They are the same for all methods.
N_PROJECTIONS = 100


def measure(
    X_a: NDArray[np.floating],
    X_b: NDArray[np.floating],
    *,
    recordings_a: NDArray[np.str_],
    recordings_b: NDArray[np.str_],
    rng: np.random.Generator,
    **_: Any,
) -> Result:
    """Average the 1-Wasserstein distance over random directions.

    Along each of `N_PROJECTIONS` directions, drawn evenly from the sphere, the distance
    is the area between the two distribution functions.

    Parameters
    ----------
    X_a, X_b : ndarray of shape (n_clips, n_features)
        Features of the two datasets.
    recordings_a, recordings_b : ndarray of shape (n_clips,), str
        Recording of each clip.
    rng : Generator
        Draws directions, then recordings.

    Returns
    -------
    Result
        Its value is in the unit of the features, and never negative. A translation by
        t of n features gives about ``0.8 |t| / sqrt(n)``. That of two samples of one
        distribution is above zero, the more so the fewer clips there are.

    References
    ----------
    Bonneel, Rabin, Peyre, Pfister (2015), "Sliced and Radon Wasserstein barycenters of
    measures", Journal of Mathematical Imaging and Vision 51, pp. 22-45.
    """
    directions = rng.standard_normal((N_PROJECTIONS, X_a.shape[1]))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    projected = np.concatenate([X @ directions.T for X in (X_a, X_b)])
    draws = Draws.of(recordings_a, recordings_b, rng)
    # What each clip adds to one distribution function, less what to the other.
    steps = draws.in_a / draws.in_a.sum(axis=1, keepdims=True)
    steps -= draws.in_b / draws.in_b.sum(axis=1, keepdims=True)
    total = np.zeros(len(steps))
    for x in projected.T:
        order = np.argsort(x)
        between = steps[:, order[:-1]]
        np.cumsum(between, axis=1, out=between)
        np.abs(between, out=between)
        total += between @ np.diff(x[order])
    return draws.result(total / N_PROJECTIONS)
