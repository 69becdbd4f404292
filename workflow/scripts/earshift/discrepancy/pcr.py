"""Principal-component regression: the share of variance that the dataset explains."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from earshift.discrepancy import Result
from earshift.discrepancy._pairs import both
from earshift.discrepancy._resampling import Draws

version = 1
label = "dataset variance share (PCR)"
better = "lower"
range = (0.0, 1.0)
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
    """Regress the principal components of all clips on the dataset.

    The value is the mean over principal components, weighted by their variance, of the
    share R^2 of a component's variance that the dataset explains. All components count,
    so that there is no number of them to choose. It sees means only. It is that of one
    state of the features: what a correction changes is the difference of two values,
    which is negative where the correction does harm.

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
        Its value is in [0, 1] and has no unit: 0 if the means are the same, 1 if all
        clips of a dataset are. That of two samples of one distribution is above zero,
        the more so the fewer recordings there are. It is lower where the datasets
        differ in size, since the smaller adds little to the variance.

    Notes
    -----
    A regression on the dataset predicts the mean of each, and components are
    orthogonal: the value is the variance of these means over the total variance, and no
    component has to be computed.

    References
    ----------
    Buettner et al. (2019), "A test metric for assessing single-cell RNA-seq batch
    correction", Nature Methods 16, pp. 43-49.
    """
    X = both(X_a, X_b)
    draws = Draws.of(recordings_a, recordings_b, rng)
    sides = (draws.in_a, draws.in_b)
    n_a, n_b = (side.sum(axis=1) for side in sides)
    mean_a, mean_b = (
        side @ X / n[:, np.newaxis] for side, n in zip(sides, (n_a, n_b), strict=True)
    )
    n = n_a + n_b
    between = n_a * n_b / n**2 * np.sum((mean_a - mean_b) ** 2, axis=1)
    mean = (n_a[:, np.newaxis] * mean_a + n_b[:, np.newaxis] * mean_b) / n[
        :, np.newaxis
    ]
    drawn = draws.in_a | draws.in_b
    total = drawn @ np.sum(X**2, axis=1) / n - np.sum(mean**2, axis=1)
    # Clips that are all alike have no variance but rounding.
    some = total > np.finfo(float).eps * np.sum(X**2) / len(X)
    shares = np.divide(between, total, out=np.zeros(len(n)), where=some)
    return draws.result(np.minimum(shares, 1))  # but for rounding, it is so
