"""Overlap of class and domain directions: what erasing the domain takes of classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from sklearn.covariance import ledoit_wolf_shrinkage

from earshift.discrepancy import Result
from earshift.discrepancy._classes import Labels, both_labels, mean_of_known
from earshift.discrepancy._pairs import Floats, both
from earshift.discrepancy._resampling import Draws
from earshift.errors import DataError

version = 1
label = "class-domain overlap"
better = "lower"
range = (0.0, 1.0)
at_equality = None

#: Share of a feature's variance that is rounding.
ROUNDING = 1e-12


def measure(
    X_a: NDArray[np.floating],
    X_b: NDArray[np.floating],
    *,
    recordings_a: NDArray[np.str_],
    recordings_b: NDArray[np.str_],
    y_a: Labels | None = None,
    y_b: Labels | None = None,
    rng: np.random.Generator,
    **_: Any,
) -> Result:
    """Compare the direction between datasets with those of classes, in whitened space.

    The domain direction is the difference of the means of the datasets; that of a class
    is its covariance with the features within datasets. Features are whitened by their
    covariance within datasets, and the value is the mean over classes of ``|cos|`` of
    the angle between the two directions. The square of the cosine is the share of a
    class's linear signal (the R^2 of its regression on the features, within datasets)
    that is lost when the domain direction is erased as LEACE does: 0 if nothing is, 1
    if erasing the domain erases the class. It is no distance: datasets may be far apart
    along a direction that no class needs.

    A class counts if a dataset has clips of it and clips without it, both known. Its
    direction comes from the datasets that have both: that of a class which only one
    dataset has comes from this one.

    The covariance is shrunk as by Ledoit and Wolf, of features with unit variance
    within datasets. In null draws recordings are assigned at random after each dataset
    is centred: they say how much a domain direction that is due to chance overlaps with
    the class directions of the datasets. All draws keep the covariance of the whole.

    Parameters
    ----------
    X_a, X_b : ndarray of shape (n_clips, n_features)
        Features of the two datasets.
    recordings_a, recordings_b : ndarray of shape (n_clips,), str
        Recording of each clip.
    y_a, y_b : ndarray of shape (n_clips, n_classes), int8
        Labels: 1 present, 0 absent; clips labelled -1 do not count for a class.
    rng : Generator
        Draws recordings.

    Returns
    -------
    Result
        Its value is in [0, 1] and has no unit. Of directions that have nothing in
        common it is about ``0.8 / sqrt(n_features)``. It is 0 if the datasets have the
        same mean.

    Raises
    ------
    DataError
        Without labels, or if no class counts.

    References
    ----------
    Belrose, Schneider-Joseph, Ravfogel, Cotterell, Raff, Biderman (2023), "LEACE:
    perfect linear concept erasure in closed form", NeurIPS, for what is erased.
    """
    y = both_labels("class_domain_overlap", y_a, y_b)
    draws = Draws.of(recordings_a, recordings_b, rng)
    usable = _usable(y, draws)
    Z = _whitened(X_a, X_b)
    centred = both(Z[: len(X_a)], Z[len(X_a) :], centre_each=True)
    is_null = draws.is_null[:, np.newaxis]
    domain = np.where(is_null, _between(centred, draws), _between(Z, draws))
    cosines = []
    for c in usable:
        direction = _within(Z, y[:, c], draws)
        direction[draws.is_null] = direction[0]
        lengths = np.linalg.norm(direction, axis=1) * np.linalg.norm(domain, axis=1)
        products = np.abs(np.einsum("md,md->m", direction, domain))
        there = lengths > ROUNDING * len(Z)
        cosine = np.divide(products, lengths, out=np.zeros(len(products)), where=there)
        # Halves may lack a class; rounding may make a cosine larger than 1.
        cosines.append(
            np.where(np.any(direction, axis=1), np.minimum(cosine, 1), np.nan)
        )
    return draws.result(mean_of_known(np.stack(cosines)))


def _usable(y: Labels, draws: Draws) -> NDArray[np.int64]:
    """Return the classes that a dataset has clips of, and clips without."""
    sides = (draws.in_a[0], draws.in_b[0])
    found = [np.any(y[s] == 1, axis=0) & np.any(y[s] == 0, axis=0) for s in sides]
    usable = np.flatnonzero(found[0] | found[1])
    if not len(usable):
        raise DataError(
            "the measure 'class_domain_overlap' needs a class of which one dataset has "
            f"both clips (1) and clips without it (0); of the {y.shape[1]} classes "
            "none is such. Label more clips, or leave this measure out."
        )
    return usable


def _whitened(X_a: NDArray[np.floating], X_b: NDArray[np.floating]) -> Floats:
    """Return the clips of both datasets, white within them but for shrinkage."""
    within = both(X_a, X_b, centre_each=True)
    scale = within.std(axis=0)
    scale[scale <= ROUNDING * scale.max()] = 1.0
    X, within = both(X_a, X_b) / scale, within / scale
    d = X.shape[1]
    level = float(np.mean(within**2))
    # Of one feature, there is nothing to shrink to.
    shrinkage = ledoit_wolf_shrinkage(within, assume_centered=True) if d > 1 else 0.0
    if d > len(X):
        # Coordinates in the span of the clips, which holds all directions.
        X = np.asarray(np.linalg.qr(X.T, mode="r")).T
        within = both(X[: len(X_a)], X[len(X_a) :], centre_each=True)
    spread = (1 - shrinkage) / len(X) * within.T @ within
    floor = max(float(shrinkage) * level, ROUNDING * level, ROUNDING)
    np.einsum("ii->i", spread)[:] += floor
    root = cholesky(spread, lower=True)
    return np.ascontiguousarray(solve_triangular(root, X.T, lower=True).T)


def _between(Z: Floats, draws: Draws) -> Floats:
    """Return the difference of the means of the datasets, for each draw."""
    mean_a, mean_b = (
        side @ Z / side.sum(axis=1, keepdims=True) for side in (draws.in_a, draws.in_b)
    )
    difference: Floats = mean_b - mean_a
    return difference


def _within(Z: Floats, y: NDArray[np.int8], draws: Draws) -> Floats:
    """Return the covariance of a class and the features within datasets, per draw.

    Up to a factor. Zero where no dataset has clips of the class and clips without.
    """
    weights = np.zeros(draws.in_a.shape)
    for side in (draws.in_a, draws.in_b):
        known, present = side & (y >= 0), side & (y == 1)
        n_known = np.maximum(known.sum(axis=1, keepdims=True), 1)
        share = present.sum(axis=1, keepdims=True) / n_known
        both_kinds = (share > 0) & (share < 1)
        weights += np.where(both_kinds, present - share * known, 0)
    return weights @ Z
