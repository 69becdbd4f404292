"""Shrunken linear discriminants, from features or from products of clips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, cho_factor, cho_solve
from sklearn.preprocessing import StandardScaler

Array = NDArray[np.float64]


def discriminant(
    parts: Sequence[NDArray[np.floating]], shrinkage: float | str = "auto"
) -> Array:
    """Return what separates the means of groups of clips, in units of their spread.

    With S the mean of the groups' covariances, weighted by their clips and each shrunk
    towards a diagonal, the rows are S^-1 times the differences of the means.

    Parameters
    ----------
    parts : sequence of ndarray of shape (n_clips, n_features)
        The clips of each group.
    shrinkage : float in [0, 1] or "auto", default="auto"
        Weight of the diagonal; "auto" is the value of Ledoit and Wolf for the group's
        standardised features. A number is a weight of the scaled identity instead.

    Returns
    -------
    ndarray of shape (n_rows, n_features), float64
        For two groups one row, S^-1 (m_2 - m_1); for more, one for each group, against
        the mean of all; for a single group S^-1 m_1, which separates it from zero.
        These are the coefficients of scikit-learn's ``LinearDiscriminantAnalysis``, but
        that there the mean row is not subtracted from more than two.
    """
    n_clips = sum(map(len, parts))
    means = np.stack([part.mean(axis=0, dtype=np.float64) for part in parts])
    rows, diagonal = [], np.zeros(means.shape[1])
    for part, mean in zip(parts, means, strict=True):
        centred = np.asarray(part - mean, np.float64)
        weight, floor = _shrunk(part, centred, shrinkage)
        rows.append(centred * np.sqrt((1 - weight) / n_clips))
        diagonal += floor * len(part) / n_clips
    if len(parts) == 2:
        contrasts = means[1:] - means[:1]
    else:
        contrasts = means - means.mean(axis=0) * (len(parts) > 1)
    return solve_spread(np.concatenate(rows), diagonal, contrasts)


def _shrunk(
    part: NDArray[np.floating], centred: Array, shrinkage: float | str
) -> tuple[float, Array]:
    """Return the weight of the diagonal, and the diagonal times it."""
    d = part.shape[1]
    if isinstance(shrinkage, int | float):
        level = float(np.mean(centred**2))
        return float(shrinkage), np.full(d, shrinkage * level)
    scale = StandardScaler().fit(part).scale_
    weight, level = ledoit_wolf(centred / scale)
    return weight, weight * level * scale**2


def ledoit_wolf(Z: Array, weights: Array | None = None) -> tuple[float, float]:
    """Return how much a covariance is to be shrunk towards a multiple of the identity.

    Parameters
    ----------
    Z : ndarray of shape (n_clips, n_features), float64
        Clips, centred.
    weights : ndarray of shape (n_clips,), float64, optional
        How often each clip is there, above 0; without, once.

    Returns
    -------
    share : float
        From 0 to 1: the covariance becomes ``(1 - share)`` times itself, plus ``share *
        level`` times the identity.
    level : float
        Mean variance of the features.

    References
    ----------
    Ledoit, Wolf (2004), "A well-conditioned estimator for large-dimensional covariance
    matrices", Journal of Multivariate Analysis 88.
    """
    d = Z.shape[1]
    n = len(Z) if weights is None else float(weights.sum())
    rows = Z if weights is None else Z * np.sqrt(weights)[:, None]
    squares = rows**2
    level = float(squares.sum() / (n * d))
    if d == 1:
        return 0.0, level
    # The squared length of Z' Z is that of Z Z': take the smaller of the two.
    products = blas.dsyrk(1.0, rows, trans=int(d < len(Z)))
    length = (2 * (products**2).sum() - (np.diagonal(products) ** 2).sum()) / n**2
    fourth = squares.sum(axis=1) ** 2
    if weights is not None:
        fourth /= weights
    spread = (fourth.sum() / n - length) / (n * d)
    distance = length / d - level**2
    if min(spread, distance) <= 0:
        return 0.0, level
    return float(min(spread, distance) / distance), level


def solve_spread(rows: Array, diagonal: Array, right: Array) -> Array:
    """Solve ``(rows' rows + diagonal) x = right`` for each row of `right`.

    Parameters
    ----------
    rows : ndarray of shape (n_clips, n_features), float64
        Weighted clips.
    diagonal : ndarray of shape (n_features,), float64
        Not negative.
    right : ndarray of shape (n_right, n_features), float64
        Right-hand sides.

    Returns
    -------
    ndarray of shape (n_right, n_features)
        By Woodbury's identity where features outnumber clips, which solves a system as
        large as the clips; the shortest least-squares solution of a singular one.
    """
    n, d = rows.shape
    try:
        if n < d and diagonal.min() > 0:
            root = 1 / np.sqrt(diagonal)
            G, u = rows * root, right * root
            system = blas.dsyrk(1.0, G, lower=1)
            system.flat[:: n + 1] += 1
            inner = cho_solve(cho_factor(system, lower=True), G @ u.T)
            return np.asarray((u - inner.T @ G) * root)
        system = blas.dsyrk(1.0, rows, trans=1, lower=1)
        np.einsum("ii->i", system)[:] += diagonal
        return np.asarray(cho_solve(cho_factor(system, lower=True), right.T).T)
    except np.linalg.LinAlgError:
        whole = rows.T @ rows + np.diag(diagonal)
        return np.asarray(np.linalg.lstsq(whole, right.T, rcond=None)[0].T)
