"""CORAL distance: how much the covariances of two datasets differ."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from earshift.discrepancy import Result
from earshift.discrepancy._pairs import Floats, both, pair_sums
from earshift.discrepancy._resampling import Draws

version = 1
label = "CORAL distance"
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
    """Compare the covariances of features.

    The value is the squared Frobenius norm of the difference of the two covariance
    matrices, over ``4 n_features^2``. It is blind to a difference of means: each
    dataset is centred before recordings are drawn from both. With few recordings, of
    very different numbers of clips, this makes equal datasets look different too often.

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
        Its value is in the fourth power of the unit of the features, and never
        negative. That of two samples of one distribution is above zero, the more so the
        fewer clips there are.

    Notes
    -----
    With moments ``M = E x x'`` about the mean of its dataset, the product of two
    covariances is a sum over pairs of clips, so that no matrix of all features is made:
    ``<M_a, M_b> = E (x . y)^2``.

    References
    ----------
    Sun, Saenko (2016), "Deep CORAL: correlation alignment for deep domain adaptation",
    ECCV workshops, equation 1.
    """
    X = both(X_a, X_b, centre_each=True)
    draws = Draws.of(recordings_a, recordings_b, rng)
    values = np.empty(len(draws.in_a))
    values[~draws.is_null] = _distances(X, draws.part(~draws.is_null))
    values[draws.is_null] = _distances(_widened(X, draws), draws.part(draws.is_null))
    return draws.result(values)


def _widened(X: Floats, draws: Draws) -> Floats:
    """Return centred clips, spread by what null draws would lack.

    To centre R recordings takes 1/R of their variance, and more of that of long ones.
    The value has lost that once. Null draws are of clips that have lost it, and
    centring them again takes half as much, since two such draws together have no mean
    left. With many features, where null values are close together, this alone would
    make equal datasets look different. So half of the first loss is given back, to the
    means of recordings, which are what varies.
    """
    recording = draws.recording
    size = np.bincount(recording)
    means = np.zeros((len(size), X.shape[1]))
    np.add.at(means, recording, X)
    means /= size[:, np.newaxis]
    out = X.copy()
    for of in (draws.in_a[0], draws.in_b[0]):
        own, member = np.unique(recording[of], return_inverse=True)
        if len(own) == 1:
            continue  # it is its own mean, and nothing is left of it
        share = size[own] / of.sum()
        # Of the variance of a recording's mean, about that of the dataset.
        left = 1 - 2 * share + np.sum(share**2)
        # Half of the loss in variance, and thus a quarter in clips.
        more = left**-0.25 - 1
        out[of] += (more[:, np.newaxis] * means[own])[member]
    return out


def _distances(X: Floats, draws: Draws) -> Floats:
    """Return the distance of each draw."""
    sums = pair_sums(_squared_product, X, draws)
    sides = (draws.in_a, draws.in_b)
    n_a, n_b = (side.sum(axis=1) for side in sides)
    means = [
        side @ X / n[:, np.newaxis] for side, n in zip(sides, (n_a, n_b), strict=True)
    ]
    # How far the clips of each dataset go along either mean, squared, on average.
    along = [
        [np.einsum("mi,im->m", side, (X @ mean.T) ** 2) / n for mean in means]
        for side, n in zip(sides, (n_a, n_b), strict=True)
    ]
    moments = {(0, 0): sums.a / n_a**2, (1, 1): sums.b / n_b**2}
    moments[0, 1] = sums.between / (n_a * n_b)
    aa, bb, ab = (
        moments[i, j]
        - along[i][j]
        - along[j][i]
        + np.einsum("md,md->m", means[i], means[j]) ** 2
        for i, j in ((0, 0), (1, 1), (0, 1))
    )
    f_a, f_b = (n / np.maximum(n - 1, 1) for n in (n_a, n_b))
    values = f_a**2 * aa + f_b**2 * bb - 2 * f_a * f_b * ab
    # But for rounding, it is not negative.
    out: Floats = np.maximum(values, 0) / (4 * X.shape[1] ** 2)
    return out


def _squared_product(x: Floats, y: Floats) -> Floats:
    values: Floats = (x @ y.T) ** 2
    return values
