"""What methods share that map the source linearly onto the target."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.covariance import ledoit_wolf
from sklearn.utils.validation import check_is_fitted, validate_data

from earshift.errors import ConfigError, DataError

Array = NDArray[np.float64]

#: Share of the variance within datasets that the components hold, by default.
HELD = 0.99


class OntoTarget(OneToOneFeatureMixin, TransformerMixin, BaseEstimator, ABC):
    """Base of methods that give clips of the source mean and covariance of the target.

    Clips of other datasets stay as they are. The target is all clips of datasets other
    than the source. Covariances are matched within the leading principal components of
    the variance within datasets, where source and target count equally. In other
    directions clips are only moved, so that nothing of them is lost.

    Parameters
    ----------
    n_components : int, optional
        Number of principal components, at most; without, as many as hold 99 % of the
        variance.

    Attributes
    ----------
    components_ : ndarray of shape (n_components_, n_features), float64
        The principal components.
    matrix_ : ndarray of shape (n_components_, n_components_), float64
        What rows of their scores are multiplied by, from the right.
    mean_, target_mean_ : ndarray of shape (n_features,), float64
        Means of source and target.
    source_ : str
        Name of the source.
    n_components_ : int
        Number of components that are used.
    """

    def __init__(self, n_components: int | None = None) -> None:
        self.n_components = n_components

    def fit(
        self,
        X: NDArray[np.floating],
        domain: NDArray[np.generic],
        y: NDArray[np.generic] | None = None,
        subgroup: NDArray[np.generic] | None = None,
        *,
        source: str,
    ) -> Self:
        """Learn the map.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features)
            Features, in one scale: what is small counts little.
        domain : ndarray of shape (n_clips,)
            Dataset of each clip.
        y, subgroup : None
            Not used.
        source : str
            The dataset that is mapped.

        Returns
        -------
        OntoTarget
            Itself.

        Raises
        ------
        DataError
            If there are fewer than two clips of the source, or of the others.
        """
        del y, subgroup
        X, domain = validate_data(self, X, domain, dtype=np.float64)
        own, other = X[domain == source], X[domain != source]
        check_both(type(self).__name__, own, other)
        self.source_ = source
        self.mean_, self.target_mean_ = own.mean(axis=0), other.mean(axis=0)
        parts = [own - self.mean_, other - self.target_mean_]
        rows = np.concatenate([part / np.sqrt(len(part)) for part in parts])
        _, size, basis = np.linalg.svd(rows, full_matrices=False)
        held = np.cumsum(size**2)
        rank = self.n_components or 1 + int(np.sum(held < HELD * held[-1]))
        self.components_ = basis[:rank]
        self.n_components_ = len(self.components_)
        scores = [part @ self.components_.T for part in parts]
        covariances = [ledoit_wolf(part, assume_centered=True)[0] for part in scores]
        self.matrix_ = self._matrix(*covariances)
        return self

    @abstractmethod
    def _matrix(self, source: Array, target: Array) -> Array:
        """Return what takes rows of covariance `source` to covariance `target`."""

    def transform(self, X: NDArray[np.floating], domain: NDArray[np.generic]) -> Array:
        """Return the clips, those of the source mapped.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features)
            Features.
        domain : ndarray of shape (n_clips,)
            Dataset of each clip.

        Returns
        -------
        ndarray of shape (n_clips, n_features), float64
            A new array.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        own = np.asarray(domain) == self.source_
        centred = X[own] - self.mean_
        change = self.matrix_ - np.eye(self.n_components_)
        moved = (centred @ self.components_.T) @ change @ self.components_
        out = np.array(X, np.float64)
        out[own] = centred + moved + self.target_mean_
        return out


def check_both(name: str, own: Array, other: Array) -> None:
    """Raise `DataError` unless the method `name` has clips of the source and others."""
    if min(len(own), len(other)) < 2:
        raise DataError(
            f"{name} compares clips of the source with those of other datasets, and "
            f"needs 2 or more of either, got {len(own)} and {len(other)}."
        )


def check_components(name: str, n_components: int | None) -> None:
    """Raise `ConfigError` unless `n_components` is None or a number from 1 on."""
    if n_components is not None and n_components < 1:
        raise ConfigError(
            f"'n_components' of '{name}' is a number from 1 on, or nothing, got "
            f"{n_components!r}."
        )


def power(matrix: Array, exponent: float) -> Array:
    """Return a power of a symmetric matrix; what has no variance stays at 0.

    Parameters
    ----------
    matrix : ndarray of shape (n, n), float64
        Without negative eigenvalues but for rounding.
    exponent : float
        May be negative.

    Returns
    -------
    ndarray of shape (n, n), float64
        Symmetric.
    """
    values, vectors = np.linalg.eigh(matrix)
    kept = values > 1e-12 * values[-1]
    vectors = vectors[:, kept]
    found: Array = (vectors * values[kept] ** exponent) @ vectors.T
    return found
