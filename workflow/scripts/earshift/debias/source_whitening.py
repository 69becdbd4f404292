"""Whiten all clips by the covariance of the source."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import validate_data

from earshift.debias._whitening import Whitening

version = 1
access = "none"


class SourceWhitening(Whitening):
    """Give clips of the source the identity as covariance, and others the same map.

    A clip x becomes C^-1/2 (x - m), with mean m and covariance C of the source, the
    latter shrunk as Ledoit and Wolf do. Directions in which the source hardly varies
    then count as much as others, and a classifier with a penalty relies on them more.

    Attributes
    ----------
    mean_, components_, scales_, rest_, shrinkage_
        As of `Whitening`.

    Notes
    -----
    Nothing is lost: without a penalty, a linear classifier gives the same scores.

    References
    ----------
    Garcia-Romero, Espy-Wilson (2011), "Analysis of i-vector length normalization in
    speaker recognition systems", Interspeech, section 3.
    """

    def fit(
        self,
        X: NDArray[np.floating],
        domain: NDArray[np.generic] | None = None,
        y: NDArray[np.generic] | None = None,
        subgroup: NDArray[np.generic] | None = None,
    ) -> Self:
        """Learn mean and covariance.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features)
            Clips of the source.
        domain, y, subgroup : None
            Not used.

        Returns
        -------
        SourceWhitening
            Itself.
        """
        del domain, y, subgroup
        X = validate_data(self, X, dtype=np.float64)
        mean = X.mean(axis=0)
        self._learn(mean, X - mean)
        return self


def make() -> SourceWhitening:
    """Return the method; it has no options."""
    return SourceWhitening()
