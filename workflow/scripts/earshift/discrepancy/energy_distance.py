"""Energy distance: by how much clips of different datasets are further apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics.pairwise import euclidean_distances

from earshift.discrepancy import Result
from earshift.discrepancy._pairs import both, pair_sums
from earshift.discrepancy._resampling import Draws

version = 1
label = "energy distance"
better = "lower"
range = (0.0, None)
at_equality = None


def measure(
    X_a: NDArray[np.floating],
    X_b: NDArray[np.floating],
    *,
    recordings_a: NDArray[np.str_],
    recordings_b: NDArray[np.str_],
    rng: np.random.Generator,
    **_: Any,
) -> Result:
    """Compare distances between clips of different datasets and of the same one.

    The value is ``2 E|x - y| - E|x - x'| - E|y - y'|``, of all pairs of clips, a clip
    with itself included. It has no width to choose, and is zero for equal distributions
    only. That of two samples of one distribution is above zero, the more so the fewer
    clips there are.

    Parameters
    ----------
    X_a, X_b : ndarray of shape (n_clips, n_features)
        Features of the two datasets.
    recordings_a, recordings_b : ndarray of shape (n_clips,), str
        Recording of each clip.
    rng : Generator
        Draws recordings.

    Returns
    -------
    Result
        Its value is in the unit of the features, and never negative. SciPy's
        ``energy_distance``, which is for one feature, is its square root.

    References
    ----------
    Szekely, Rizzo (2013), "Energy statistics: a class of statistics based on
    distances", Journal of Statistical Planning and Inference 143, pp. 1249-1272.
    """
    draws = Draws.of(recordings_a, recordings_b, rng)
    sums = pair_sums(euclidean_distances, both(X_a, X_b), draws)
    n_a, n_b = draws.in_a.sum(axis=1), draws.in_b.sum(axis=1)
    values = 2 * sums.between / (n_a * n_b) - sums.a / n_a**2 - sums.b / n_b**2
    return draws.result(np.maximum(values, 0))  # but for rounding, it is so
