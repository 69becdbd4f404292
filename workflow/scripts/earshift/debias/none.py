"""No correction: features as they are, which every method is compared with."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from earshift.debias._calls import has_own_transform

version = 1
access = "none"


class Identity(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Return clip features unchanged: what every method is compared with."""

    def fit(
        self,
        X: NDArray[np.floating],
        domain: NDArray[np.generic] | None = None,
        y: NDArray[np.generic] | None = None,
        subgroup: NDArray[np.generic] | None = None,
        *,
        source: str | None = None,
    ) -> Self:
        """Check `X`, shape (n_clips, n_features); learn nothing.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features)
            Clip features.
        domain, y, subgroup : ndarray of shape (n_clips,), optional
            Not looked at.
        source : str, optional
            Not looked at.

        Returns
        -------
        Identity
            This estimator, fitted.
        """
        del domain, y, subgroup, source
        validate_data(self, X, dtype=(np.float64, np.float32))
        self.fitted_ = True
        return self

    def transform(
        self, X: NDArray[np.floating], domain: NDArray[np.generic] | None = None
    ) -> NDArray[np.floating]:
        """Return `X`, shape (n_clips, n_features), unchanged."""
        del domain
        check_is_fitted(self)
        return validate_data(self, X, dtype=(np.float64, np.float32), reset=False)

    @property
    def removed_directions_(self) -> NDArray[np.floating] | None:
        """No row, shape (0, n_features); None for a child that does something else."""
        if has_own_transform(self, Identity):
            return None
        return np.zeros((0, self.n_features_in_))


def make() -> Identity:
    """Return the method; it has no options."""
    return Identity()
