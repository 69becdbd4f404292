"""Erase the differences between the domain means, and change clips least (LEACE)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted, validate_data

from earshift.debias._directions import (
    DirectionRemover,
    Found,
    found,
    orthonormal_rows,
)
from earshift.debias.lda import discriminants

version = 1
access = "target_unlabelled"
compared_with = ("mean_projection",)


class LEACE(DirectionRemover):
    """Project clip features off the domain means, obliquely.

    With orthonormal rows U that span the centred domain means and covariance S, a clip
    x becomes x - U' (U S^-1 U')^-1 U S^-1 (x - m). This is the whitened projection off
    the covariance of features and domain: of all linear maps after which no linear
    classifier finds the domain, it changes clips least in mean square, whatever their
    units.

    Attributes
    ----------
    directions_ : ndarray of shape (n_directions, n_features)
        U: what is erased is a multiple of these.
    readings_ : ndarray of shape (n_directions, n_features)
        How much of each is erased, as a linear function of the clip.
    mean_ : ndarray of shape (n_features,)
        Unweighted mean of the domain means, in embedding units.

    Notes
    -----
    S is the covariance within domains, shrunk as for `LDA`. That of all clips gives the
    same projection, as the means add to it in the span of U only.

    `MeanProjection` erases the same span at right angles. All such methods leave a
    linear classifier the same scores to choose from, so that after training without a
    penalty their results are the same.

    References
    ----------
    Belrose et al. (2023), "LEACE: Perfect linear concept erasure in closed form",
    arXiv:2306.03819.
    """

    def _find(
        self,
        X: NDArray[np.floating],
        domain: NDArray[np.generic],
        means: NDArray[np.floating],
        subgroup: NDArray[np.generic] | None,
    ) -> list[Found]:
        del subgroup
        basis = orthonormal_rows(means)
        rows = discriminants(X, domain, "auto")
        self.readings_ = np.linalg.pinv(rows @ basis.T) @ rows
        return found(means, domain)

    def transform(
        self, X: NDArray[np.floating], domain: NDArray[np.generic] | None = None
    ) -> NDArray[np.floating]:
        """Return `X`, shape (n_clips, n_features), without differences of the domains.

        The map is the same in all domains, and `domain` is not looked at.
        """
        del domain
        check_is_fitted(self)
        X = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        mean, readings, directions = (
            part.astype(X.dtype, copy=False)
            for part in (self.mean_, self.readings_, self.directions_)
        )
        return X - ((X - mean) @ readings.T) @ directions


def make() -> LEACE:
    """Return the method; it has no options."""
    return LEACE()
