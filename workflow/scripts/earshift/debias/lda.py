"""Remove the linear discriminant direction between the domains (LDA)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from earshift.debias._directions import DirectionRemover, Found, found
from earshift.errors import ConfigError
from earshift.numerics.discriminant import discriminant

version = 1
access = "target_unlabelled"


class LDA(DirectionRemover):
    """Project clip features off the discriminant direction of the domains.

    For two domains with means m_1, m_2 and shrunken within-domain covariance S, the
    direction is w = S^-1 (m_2 - m_1), scaled to length one, and `transform` returns
    x - (w . (x - m)) w. With more domains the span of all their discriminants goes.

    Parameters
    ----------
    shrinkage : float in [0, 1] or "auto", default="auto"
        Weight of the scaled identity in S; "auto" is the value of Ledoit and Wolf.

    Attributes
    ----------
    directions_ : ndarray of shape (n_directions, n_features)
        Orthonormal rows; one for two domains.
    mean_ : ndarray of shape (n_features,)
        Unweighted mean of the domain means, in embedding units.

    Notes
    -----
    This does *not* make the domains linearly inseparable: the projection is orthogonal
    while w is a whitened difference, so the means still differ afterwards wherever
    S^-1 turned w away from m_2 - m_1. `MeanProjection` removes that difference.

    References
    ----------
    Wang, Richard, McFee (2023), "Transfer learning and bias correction with
    pre-trained audio embeddings", ISMIR, section 3.2.
    """

    def __init__(self, *, shrinkage: float | str = "auto") -> None:
        self.shrinkage = shrinkage

    _keep_lengths = False

    def _find(
        self,
        X: NDArray[np.floating],
        domain: NDArray[np.generic],
        means: NDArray[np.floating],
        subgroup: NDArray[np.generic] | None,
    ) -> list[Found]:
        del means, subgroup
        return found(discriminants(X, domain, self.shrinkage), domain)


def discriminants(
    X: NDArray[np.floating], domain: NDArray[np.generic], shrinkage: float | str
) -> NDArray[np.floating]:
    """Return discriminant vectors of the domains.

    Parameters
    ----------
    X : ndarray of shape (n_clips, n_features)
        Clip features.
    domain : ndarray of shape (n_clips,)
        At least two domains.
    shrinkage : float in [0, 1] or "auto"
        As in `LDA`.

    Returns
    -------
    ndarray of shape (n_discriminants, n_features)
        S^-1 (m_2 - m_1) for two domains; for more, S^-1 (m_k - m) for each domain.
    """
    parts = [X[domain == name] for name in np.unique(domain)]
    return discriminant(parts, shrinkage)


def check_shrinkage(shrinkage: float | str) -> None:
    """Raise `ConfigError` unless `shrinkage` is "auto" or between 0 and 1."""
    if shrinkage != "auto" and not (
        isinstance(shrinkage, int | float) and 0 <= shrinkage <= 1
    ):
        raise ConfigError(f"shrinkage is 'auto' or from 0 to 1, got {shrinkage!r}.")


def make(*, shrinkage: float | str = "auto") -> LDA:
    """Return the method; `shrinkage` as in `LDA`."""
    check_shrinkage(shrinkage)
    return LDA(shrinkage=shrinkage)
