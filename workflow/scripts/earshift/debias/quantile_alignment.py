"""Give every feature a normal distribution in each dataset, by its ranks."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from earshift.errors import DataError

version = 1
access = "target_unlabelled"

Array = NDArray[np.float64]


class QuantileAlignment(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Replace each feature by the normal score of its rank within its dataset.

    A value that is larger than a share q of the training clips of its dataset, those
    equal to it counted by half, becomes the value of a standard normal distribution
    that is larger than a share q of that. Between values of training clips it is
    interpolated, and beyond them it is that of the last.

    Attributes
    ----------
    scores_ : dict of str to list of tuple of ndarray
        For each dataset and feature, the values of training clips, each once and
        sorted, and their normal scores.

    Notes
    -----
    Where datasets differ in how common classes are, ranks do so for this reason too.
    With few clips, what the shape of a distribution tells is lost.
    """

    def fit(
        self,
        X: NDArray[np.floating],
        domain: NDArray[np.generic],
        y: NDArray[np.generic] | None = None,
        subgroup: NDArray[np.generic] | None = None,
    ) -> Self:
        """Learn the normal scores of each dataset.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features)
            Features.
        domain : ndarray of shape (n_clips,)
            Dataset of each clip.
        y, subgroup : None
            Not used.

        Returns
        -------
        QuantileAlignment
            Itself.
        """
        del y, subgroup
        X, domain = validate_data(self, X, domain, dtype=np.float64)
        self.scores_ = {
            str(name): [_normal_scores(column) for column in X[domain == name].T]
            for name in np.unique(domain)
        }
        return self

    def transform(self, X: NDArray[np.floating], domain: NDArray[np.generic]) -> Array:
        """Return the normal scores of clips.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features)
            Features.
        domain : ndarray of shape (n_clips,)
            Dataset of each clip.

        Returns
        -------
        ndarray of shape (n_clips, n_features), float64
            In units of standard deviations.

        Raises
        ------
        DataError
            If a dataset had no clips when fitted.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        out = np.empty(X.shape)
        for name in np.unique(domain):
            if str(name) not in self.scores_:
                raise DataError(
                    f"QuantileAlignment has no ranks of the dataset '{name}': it was "
                    f"fitted to clips of {sorted(self.scores_)}."
                )
            own = np.asarray(domain) == name
            for j, (values, scores) in enumerate(self.scores_[str(name)]):
                out[own, j] = np.interp(X[own, j], values, scores)
        return out


def _normal_scores(column: Array) -> tuple[Array, Array]:
    """Return the values of a feature, each once and sorted, and their normal scores."""
    values, counts = np.unique(column, return_counts=True)
    share = (np.cumsum(counts) - counts / 2) / len(column)
    return values, norm.ppf(share)


def make() -> QuantileAlignment:
    """Return the method; it has no options."""
    return QuantileAlignment()
