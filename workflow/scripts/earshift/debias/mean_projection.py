"""Remove the differences between the domain means."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray

from earshift.debias._directions import (
    DirectionRemover,
    domain_means,
    orthonormal_rows,
)

version = 1
access = "target_unlabelled"


class MeanProjection(DirectionRemover):
    """Project clip features off the span of the domain means.

    With K domains whose means are m_1 ... m_K and grand mean m, the centred means
    m_k - m span at most K - 1 directions. `transform` subtracts each clip's component
    along them, so that on the clips it was fitted to all domains share one mean, and a
    least-squares classifier of the domain can do no better than guess its frequency.

    Parameters
    ----------
    tol : float, default=1e-6
        Smallest singular value kept, as a fraction of the largest (no unit).

    Attributes
    ----------
    directions_ : ndarray of shape (n_directions, n_features)
        Orthonormal rows, strongest first; n_directions <= n_domains - 1.
    mean_ : ndarray of shape (n_features,)
        Unweighted mean of the domain means, in embedding units.

    Notes
    -----
    Domains count equally, however many clips each has. Only first moments are matched:
    a quadratic classifier may still separate the domains.

    References
    ----------
    Belrose et al. (2023), "LEACE: Perfect linear concept erasure in closed form",
    arXiv:2306.03819, for equal means as the condition for linear guardedness. This is
    the orthogonal variant, without whitening.
    """

    def __init__(self, *, tol: float = 1e-6) -> None:
        self.tol = tol

    def fit(
        self,
        X: NDArray[np.floating],
        domain: NDArray[np.generic],
        y: NDArray[np.generic] | None = None,
        subgroup: NDArray[np.generic] | None = None,
    ) -> Self:
        """Find the directions that separate the domain means.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features)
            Clip features of the training folds of all domains, in embedding units.
        domain : ndarray of shape (n_clips,)
            Domain (dataset) of each clip.
        y, subgroup : ndarray of shape (n_clips,), optional
            Not looked at.

        Returns
        -------
        MeanProjection
            This estimator, fitted.

        Raises
        ------
        DataError
            If `domain` names fewer than two domains.
        """
        del y, subgroup
        X, domain, names = self._validate(X, domain)
        means = domain_means(X, domain, names)
        self.mean_ = means.mean(axis=0)
        self.directions_ = orthonormal_rows(means - self.mean_, self.tol)
        return self


def make(*, tol: float = 1e-6) -> MeanProjection:
    """Return the method; `tol` as in `MeanProjection`."""
    return MeanProjection(tol=tol)
