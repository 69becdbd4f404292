"""Principal angles: how differently the widest directions of two datasets point."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, subspace_angles
from scipy.sparse.linalg import ArpackError, eigsh

from earshift.discrepancy import Result
from earshift.discrepancy._pairs import Floats, both
from earshift.discrepancy._resampling import Draws

#: Which clips stand for a dataset.
Mask = NDArray[np.bool_]

version = 1
label = "mean sine of principal angles"
better = "lower"
range = (0.0, 1.0)
at_equality = None

#: Directions of each dataset, those of most variance.
N_DIRECTIONS = 5

#: Of larger matrices, a few components are found faster by Lanczos' method.
LARGE = 256


def measure(
    X_a: NDArray[np.floating],
    X_b: NDArray[np.floating],
    *,
    recordings_a: NDArray[np.str_],
    recordings_b: NDArray[np.str_],
    rng: np.random.Generator,
    **_: Any,
) -> Result:
    """Compare the subspaces in which clips vary most.

    The subspace of a dataset is spanned by its `N_DIRECTIONS` leading principal
    components, or by half as many as there are features if that is less: larger ones
    would have to intersect. The value is the mean sine of the angles between the two.
    It is blind to a difference of means, since each dataset is centred before
    recordings are drawn from both, and to a scale that is the same for all features of
    a dataset. With few recordings, of very different numbers of clips, centring makes
    equal datasets look different too often.

    Null draws mix clips of both datasets. Where the widest directions of the mixture
    are less clear than those of either dataset, its angles are large by chance, and a
    difference may go undetected: read the value, too.

    Parameters
    ----------
    X_a, X_b : ndarray of shape (n_clips, n_features)
        Features of the two datasets. Where clips vary in fewer directions, the others
        are arbitrary, as they are among components of equal variance.
    recordings_a, recordings_b : ndarray of shape (n_clips,), str
        Recording of each clip.
    rng : Generator
        Draws recordings.

    Returns
    -------
    Result
        Its value is in [0, 1]: 0 for equal subspaces, 1 for orthogonal ones. That of
        two samples of one distribution is above zero, the more so the fewer clips there
        are and the closer in variance the components.

    References
    ----------
    Bjorck, Golub (1973), "Numerical methods for computing angles between linear
    subspaces", Mathematics of Computation 27, pp. 579-594.
    """
    X = both(X_a, X_b, centre_each=True)
    draws = Draws.of(recordings_a, recordings_b, rng)
    fewest = min(side.sum(axis=1).min() for side in (draws.in_a, draws.in_b))
    k = max(1, min(N_DIRECTIONS, X.shape[1] // 2, int(fewest) - 1))
    # All draws take their part of one matrix of clips, unless features are few.
    products = X @ X.T if len(X) <= 2 * X.shape[1] else None
    return draws.result(
        np.sin(
            subspace_angles(_leading(X, products, a, k), _leading(X, products, b, k))
        ).mean()
        for a, b in zip(draws.in_a, draws.in_b, strict=True)
    )


def _leading(X: Floats, products: Floats | None, drawn: Mask, k: int) -> Floats:
    """Return the leading principal components, shape (n_features, k), orthonormal.

    `products` are the inner products of all clips, if these are used.
    """
    clips = X[drawn]
    clips -= clips.mean(axis=0)
    if products is None:
        return _widest(clips.T @ clips, k)
    rows = np.flatnonzero(drawn)
    own = products[np.ix_(rows, rows)]
    own -= own.mean(axis=0)
    own -= own.mean(axis=1, keepdims=True)
    # Of clips: what they weigh in a component. One without variance has no weights.
    return np.linalg.qr(clips.T @ _widest(own, k))[0]


def _widest(product: Floats, k: int) -> Floats:
    """Return the eigenvectors of the largest eigenvalues, shape (n, k)."""
    n = len(product)
    if n > LARGE:
        start = np.random.default_rng(0).standard_normal(n)
        try:
            return np.asarray(eigsh(product, k, v0=start)[1])
        except ArpackError:
            pass  # clips that are all alike, or components of one variance
    return np.asarray(eigh(product, subset_by_index=[n - k, n - 1])[1])
