"""What methods that remove directions share: find them in `fit`, project off them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from earshift.errors import DataError


class DirectionRemover(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Base of methods that project clip features off a set of directions.

    A child's `fit` sets ``directions_`` (orthonormal rows) and ``mean_``; `transform`
    subtracts each clip's component along the directions, measured from ``mean_``.
    """

    def _validate(
        self, X: NDArray[np.floating], domain: NDArray[np.generic]
    ) -> tuple[NDArray[np.floating], NDArray[np.generic], NDArray[np.generic]]:
        """Return checked `X` and `domain`, and the names of the domains."""
        X, domain = validate_data(self, X, domain, dtype=(np.float64, np.float32))
        check_classification_targets(domain)
        names = np.unique(domain)
        if len(names) < 2:
            raise DataError(
                f"{type(self).__name__} compares 2 or more domains (one class of label "
                f"is not enough), got {len(domain)} clips all of domain '{names[0]}'. "
                "Fit it on the pooled training folds of both datasets."
            )
        return X, domain, names

    def transform(self, X: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return `X`, shape (n_clips, n_features), without the removed directions."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        directions = self.directions_.astype(X.dtype, copy=False)
        centred = X - self.mean_.astype(X.dtype, copy=False)
        return X - (centred @ directions.T) @ directions


def orthonormal_rows(
    rows: NDArray[np.floating], tol: float = 1e-6
) -> NDArray[np.floating]:
    """Return an orthonormal basis of the span of `rows`, strongest direction first.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
        Any vectors.
    tol : float, default=1e-6
        Singular values below this fraction of the largest are left out (no unit).

    Returns
    -------
    ndarray of shape (rank, n_features)
        No row at all if `rows` are all zero.
    """
    _, strength, basis = np.linalg.svd(rows, full_matrices=False)
    return basis[strength > tol * max(strength[0], np.finfo(np.float64).tiny)]


def domain_means(
    X: NDArray[np.floating], domain: NDArray[np.generic], names: NDArray[np.generic]
) -> NDArray[np.floating]:
    """Return the mean of each domain, shape (n_domains, n_features)."""
    return np.stack([X[domain == name].mean(axis=0) for name in names])
