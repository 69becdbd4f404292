"""What methods that remove directions share: find them in `fit`, project off them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from earshift.debias._calls import has_own_transform
from earshift.errors import DataError


@dataclass(frozen=True)
class Found:
    """A vector that was found between domains.

    Parameters
    ----------
    vector : ndarray of shape (n_features,)
        In the unit in which it was found.
    n_clips : dict of str to int
        Domain -> clips that it was found in.
    subgroup : str, optional
        The subgroup of those clips, if it is of one.
    """

    vector: NDArray[np.floating]
    n_clips: dict[str, int]
    subgroup: str | None = None


class DirectionRemover(OneToOneFeatureMixin, TransformerMixin, BaseEstimator, ABC):
    """Base of methods that project clip features off a set of directions.

    A child's `_find` returns the directions; `transform` subtracts each clip's
    component along them, measured from the mean of the domain means.

    Attributes
    ----------
    directions_ : ndarray of shape (n_directions, n_features)
        Orthonormal rows, strongest first.
    mean_ : ndarray of shape (n_features,)
        Unweighted mean of the domain means, in embedding units.
    found_ : list of Found
        The vectors that span the directions, as they were found.
    skipped_ : list of Found
        Subgroups of too few clips to find any; their vectors are empty.
    """

    def fit(
        self,
        X: NDArray[np.floating],
        domain: NDArray[np.generic],
        y: NDArray[np.generic] | None = None,
        subgroup: NDArray[np.generic] | None = None,
        *,
        source: str | None = None,
    ) -> Self:
        """Find the directions to remove.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features)
            Clip features of the training clips of all domains, in embedding units.
        domain : ndarray of shape (n_clips,)
            Domain (dataset) of each clip.
        y : ndarray of shape (n_clips,), optional
            Not looked at.
        subgroup : ndarray of shape (n_clips,), optional
            Subgroup of each clip, None where unknown.
        source : str, optional
            Not looked at: all domains count equally.

        Returns
        -------
        DirectionRemover
            This estimator, fitted.

        Raises
        ------
        DataError
            If `domain` names fewer than two domains.
        """
        del y, source
        X, domain = validate_data(self, X, domain, dtype=(np.float64, np.float32))
        check_classification_targets(domain)
        names = np.unique(domain)
        if len(names) < 2:
            raise DataError(
                f"{type(self).__name__} compares 2 or more domains (one class of label "
                f"is not enough), got {len(domain)} clips all of domain '{names[0]}'. "
                "Fit it on the pooled training folds of both datasets."
            )
        means = np.stack([X[domain == name].mean(axis=0) for name in names])
        self.mean_ = means.mean(axis=0)
        self.skipped_: list[Found] = []
        self.found_ = self._find(X, domain, means - self.mean_, subgroup)
        rows = np.stack([found.vector for found in self.found_])
        self.directions_ = orthonormal_rows(rows if self._keep_lengths else unit(rows))
        return self

    #: Whether short vectors count less where the span is told from noise.
    _keep_lengths = True

    @abstractmethod
    def _find(
        self,
        X: NDArray[np.floating],
        domain: NDArray[np.generic],
        means: NDArray[np.floating],
        subgroup: NDArray[np.generic] | None,
    ) -> list[Found]:
        """Return vectors that span what is removed.

        `means` are the domain means, centred, in the order of ``np.unique(domain)``.
        """

    def transform(
        self, X: NDArray[np.floating], domain: NDArray[np.generic] | None = None
    ) -> NDArray[np.floating]:
        """Return `X`, shape (n_clips, n_features), without the removed directions.

        They are the same in all domains, and `domain` is not looked at.
        """
        del domain
        check_is_fitted(self)
        X = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        directions = self.directions_.astype(X.dtype, copy=False)
        centred = X - self.mean_.astype(X.dtype, copy=False)
        return X - (centred @ directions.T) @ directions

    @property
    def removed_directions_(self) -> NDArray[np.floating] | None:
        """`directions_`; None for a child whose `transform` does something else."""
        own = has_own_transform(self, DirectionRemover)
        return None if own else self.directions_


def found(
    rows: NDArray[np.floating],
    domain: NDArray[np.generic],
    subgroup: str | None = None,
) -> list[Found]:
    """Return `rows`, shape (n_rows, n_features), with what they were found in."""
    return [replace(found_in(domain, subgroup), vector=row) for row in rows]


def found_in(domain: NDArray[np.generic], subgroup: str | None) -> Found:
    """Return an empty vector, with the domains of clips that nothing was found in."""
    names, counts = np.unique(domain, return_counts=True)
    n_clips = dict(zip(map(str, names), map(int, counts), strict=True))
    return Found(np.zeros(0), n_clips, subgroup)


def unit(rows: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return rows of length one; a row of zeros stays as it is."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.maximum(length, np.finfo(rows.dtype).tiny)


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
