"""Squared Frechet distance between Gaussians fitted to two datasets."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earshift.discrepancy import Result, resample
from earshift.discrepancy._pairs import Floats, both

version = 1
label = "squared Frechet distance"
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
    """Compare means and covariances of features.

    The value is ``|m_a - m_b|^2 + tr C_a + tr C_b - 2 tr (C_a C_b)^(1/2)``, the squared
    2-Wasserstein distance of two normal distributions. It sees nothing but means and
    covariances.

    With fewer clips than features, a covariance has no more directions than clips less
    one, and the value between two samples of one distribution may be most of what there
    is to measure. It remains defined, and is read against the null values; values of
    different numbers of clips are not comparable.

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
        Its value is in the squared unit of the features, and never negative. That of
        two samples of one distribution is above zero, the more so the fewer clips there
        are.

    Notes
    -----
    With ``C = F' F``, the trace of the root is the sum of the singular values of
    ``F_a F_b'``, which are real and not negative whatever the rounding. Where a dataset
    has no more clips than features, F is made of the clips themselves, and all draws
    take their part of one matrix of the inner products of clips.

    References
    ----------
    Dowson, Landau (1982), "The Frechet distance between multivariate normal
    distributions", Journal of Multivariate Analysis 12, pp. 450-455. Kilgour, Zuluaga,
    Roblek, Sharifi (2019), "Frechet audio distance", Interspeech, for its use with
    audio embeddings.
    """
    X = both(X_a, X_b)
    if len(X) <= 2 * X.shape[1]:
        products = X @ X.T
        return resample(partial(_distance, products), recordings_a, recordings_b, rng)

    def distance(a: NDArray[np.int64], b: NDArray[np.int64]) -> float:
        (mean_a, F_a), (mean_b, F_b) = _moments(X[a]), _moments(X[b])
        root = np.linalg.svd(F_a @ F_b.T, compute_uv=False).sum()
        value = np.sum((mean_a - mean_b) ** 2) + np.sum(F_a**2) + np.sum(F_b**2)
        return max(0.0, float(value - 2 * root))  # but for rounding, it is so

    return resample(distance, recordings_a, recordings_b, rng)


def _distance(products: Floats, a: NDArray[np.int64], b: NDArray[np.int64]) -> float:
    """Return the distance, given the inner products of all clips."""
    means, traces = 0.0, 0.0
    for rows in (a, b):
        total = products[np.ix_(rows, rows)].sum()
        means += total / len(rows) ** 2
        trace = products[rows, rows].sum() - total / len(rows)
        traces += trace / max(len(rows) - 1, 1)
    M = products[np.ix_(a, b)]
    means -= 2 * M.mean()
    # Both datasets centred: what F_a F_b' is, but for a factor.
    M -= M.mean(axis=0)
    M -= M.mean(axis=1, keepdims=True)
    root = np.linalg.svd(M, compute_uv=False).sum()
    root /= np.sqrt(max(len(a) - 1, 1) * max(len(b) - 1, 1))
    return max(0.0, float(means + traces - 2 * root))  # but for rounding, it is so


def _moments(X: Floats) -> tuple[Floats, Floats]:
    """Return the mean, and a factor F of the covariance: ``F' F``."""
    mean = X.mean(axis=0)
    F = (X - mean) / np.sqrt(max(len(X) - 1, 1))
    if len(F) > F.shape[1]:
        F = np.asarray(np.linalg.qr(F, mode="r"))
    return mean, F
