"""What methods share that whiten all clips by a covariance of the source."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from earshift.numerics.discriminant import ledoit_wolf

Array = NDArray[np.float64]


class Whitening(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Base of methods that multiply clips by C^-1/2, with a covariance C of the source.

    C is shrunk towards a multiple of the identity as Ledoit and Wolf do. Clips of all
    datasets go through the same map. What does not vary at all is left out.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features,), float64
        Taken from all clips.
    components_ : ndarray of shape (n_components, n_features), float64
        Orthonormal rows: the directions in which C is more than a multiple of the
        identity.
    scales_ : ndarray of shape (n_components,), float64
        What clips are multiplied by in these directions.
    rest_ : float
        What they are multiplied by in all others.
    shrinkage_ : float
        Share of the identity in C, from 0 to 1.
    """

    def _learn(self, mean: Array, centred: Array) -> None:
        """Learn the map from clips whose second moments are C before it is shrunk.

        Parameters
        ----------
        mean : ndarray of shape (n_features,), float64
            Of the source.
        centred : ndarray of shape (n_clips, n_features), float64
            Clips with the mean 0.
        """
        n = len(centred)
        self.mean_ = mean
        self.shrinkage_, level = ledoit_wolf(centred)
        _, size, self.components_ = np.linalg.svd(centred, full_matrices=False)
        floor = self.shrinkage_ * level
        own = (1 - self.shrinkage_) * size**2 / n + floor
        self.scales_ = _inverse_root(own, level)
        self.rest_ = float(_inverse_root(np.array([floor]), level)[0])

    def transform(
        self, X: NDArray[np.floating], domain: NDArray[np.generic] | None = None
    ) -> Array:
        """Return clips, whitened; the map is the same for all datasets.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features)
            Features.
        domain : None
            Not used.

        Returns
        -------
        ndarray of shape (n_clips, n_features), float64
            A new array.
        """
        del domain
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        centred = X - self.mean_
        along = (centred @ self.components_.T) * (self.scales_ - self.rest_)
        out: Array = self.rest_ * centred + along @ self.components_
        return out


def _inverse_root(variance: Array, level: float) -> Array:
    """Return 1 over the root of variances; 0 of those that rounding may have left."""
    kept = variance > 1e-12 * level
    out: Array = np.where(kept, variance, 1.0) ** -0.5 * kept
    return out
