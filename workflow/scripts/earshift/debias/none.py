"""The control: features as they are."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

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
    ) -> Self:
        """Check `X`, shape (n_clips, n_features); learn nothing.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features)
            Clip features.
        domain, y, subgroup : ndarray of shape (n_clips,), optional
            Not looked at.

        Returns
        -------
        Identity
            This estimator, fitted.
        """
        del domain, y, subgroup
        validate_data(self, X, dtype=(np.float64, np.float32))
        self.fitted_ = True
        return self

    def transform(self, X: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return `X`, shape (n_clips, n_features), unchanged."""
        check_is_fitted(self)
        return validate_data(self, X, dtype=(np.float64, np.float32), reset=False)


def make() -> Identity:
    """Return the control method."""
    return Identity()
