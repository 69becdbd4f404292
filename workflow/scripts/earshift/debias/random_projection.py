"""Control: remove directions that mean nothing, as many as a correction removes."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from earshift.debias._calls import has_own_transform
from earshift.debias._controls import check_seed
from earshift.errors import ConfigError, DataError

version = 1
access = "none"
control = True


class RandomProjection(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Project clip features off random directions.

    What a method loses or gains that removes directions is worth no more than what the
    same number of random ones does. All directions are as likely; neither domains nor
    values of clips are looked at.

    Parameters
    ----------
    rank : int, default=1
        Number of directions, less than that of features: the rank of the method that
        this is to be compared with, such as 1 of `LDA`.
    seed : int, default=42
        Of the directions.

    Attributes
    ----------
    directions_ : ndarray of shape (rank, n_features)
        Orthonormal rows.
    """

    def __init__(self, *, rank: int = 1, seed: int = 42) -> None:
        self.rank = rank
        self.seed = seed

    def fit(
        self,
        X: NDArray[np.floating],
        domain: NDArray[np.generic] | None = None,
        y: NDArray[np.generic] | None = None,
        subgroup: NDArray[np.generic] | None = None,
        *,
        source: str | None = None,
    ) -> Self:
        """Draw the directions, in as many features as `X` has.

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
        RandomProjection
            This estimator, fitted.

        Raises
        ------
        DataError
            If there are not more features than directions.
        """
        del domain, y, subgroup, source
        X = validate_data(self, X, dtype=(np.float64, np.float32))
        n_features = X.shape[1]
        if self.rank >= n_features:
            raise DataError(
                f"RandomProjection removes {self.rank} of {n_features} feature(s), "
                "which leaves none: give a 'rank' below the number of features."
            )
        rng = np.random.default_rng(self.seed)
        # The span of normal vectors has no preferred direction.
        basis, _ = np.linalg.qr(rng.standard_normal((n_features, self.rank)))
        self.directions_ = basis.T
        return self

    def transform(
        self, X: NDArray[np.floating], domain: NDArray[np.generic] | None = None
    ) -> NDArray[np.floating]:
        """Return `X`, shape (n_clips, n_features), without the directions."""
        del domain
        check_is_fitted(self)
        X = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        directions = self.directions_.astype(X.dtype, copy=False)
        return X - (X @ directions.T) @ directions

    @property
    def removed_directions_(self) -> NDArray[np.floating] | None:
        """`directions_`; None for a child whose `transform` does something else."""
        own = has_own_transform(self, RandomProjection)
        return None if own else self.directions_


def make(*, rank: int = 1, seed: int = 42) -> RandomProjection:
    """Return the control; options as in `RandomProjection`."""
    check_seed(seed)
    if not isinstance(rank, int) or rank < 1:
        raise ConfigError(f"rank is a number from 1 on, got {rank!r}.")
    return RandomProjection(rank=rank, seed=seed)
