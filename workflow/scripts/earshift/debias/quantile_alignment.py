"""Give every feature a normal distribution in each dataset, by its ranks."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from earshift.errors import DataError

version = 2
access = "target_unlabelled"

Array = NDArray[np.float64]

#: Values of training clips that differ by less than this share of a feature's spread
#: are ties. Models give many clips a value of exactly 0, and others one just above it:
#: without ties, the least change of a clip would move it past all of the former.
TIED = 1e-3


class QuantileAlignment(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Replace each feature by the normal score of its rank within its dataset.

    A value that is larger than a share q of the training clips of its dataset, those
    equal to it counted by half, becomes the value of a standard normal distribution
    that is larger than a share q of that. Values count as equal that differ by less
    than a thousandth of the mean spread within datasets. Between values of training
    clips it is interpolated, and beyond them it is that of the last.

    Attributes
    ----------
    scores_ : dict of str to list of tuple of ndarray
        For each dataset and feature, sorted values, and their normal scores.

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
        parts = {str(name): X[domain == name] for name in np.unique(domain)}
        spread = np.sqrt(np.mean([part.var(axis=0) for part in parts.values()], axis=0))
        self.scores_ = {
            name: [
                _normal_scores(*column)
                for column in zip(part.T, TIED * spread, strict=True)
            ]
            for name, part in parts.items()
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


def _normal_scores(column: Array, tied: float) -> tuple[Array, Array]:
    """Return values of a feature, sorted, and their normal scores.

    Parameters
    ----------
    column : ndarray of shape (n_clips,), float64
        The values of clips.
    tied : float
        Values that are less than this above another count as that one. Each counts for
        those that are up to a quarter of this away as well, so that the score of a
        clip that has a common value does not hang on its last digits.

    Returns
    -------
    values, scores : ndarray of shape (n_values,), float64
        Two for each value that is no tie: the ends of where its score holds.
    """
    values, counts = np.unique(column, return_counts=True)
    if np.diff(values).min(initial=np.inf) < tied:
        firsts = [0]
        while (then := np.searchsorted(values, values[firsts[-1]] + tied)) < len(
            values
        ):
            firsts.append(int(then))
        values, counts = values[firsts], np.add.reduceat(counts, firsts)
    share = (np.cumsum(counts) - counts / 2) / len(column)
    ends = values[:, None] + tied / 4 * np.array([-1, 1])
    return ends.ravel(), np.repeat(norm.ppf(share), 2)


def make() -> QuantileAlignment:
    """Return the method; it has no options."""
    return QuantileAlignment()
