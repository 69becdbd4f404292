"""The logistic regression as a scikit-learn classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, validate_data

from earshift.classifiers._linear import LinearClassifier
from earshift.errors import DataError
from earshift.numerics import classifier

Array = NDArray[np.float64]


class LogisticRegression(LinearClassifier):
    """L2 logistic regression in which both classes weigh the same.

    Of more than two classes, each is told from all others by a regression of its own.

    Parameters
    ----------
    C : sequence of float
        Inverse strengths of the penalty to choose from, by the AUC in inner folds.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Values of `y`, sorted.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features), float64
        Weights of the features; of two classes, for the second one.
    intercept_, C_, threshold_ : ndarray of shape (1,) or (n_classes,), float64
        Intercepts, and the values of C and the thresholds of scores that were chosen.
    """

    def __init__(self, C: Sequence[float] = (1.0,)) -> None:
        self.C = C

    def fit(
        self,
        X: Array,
        y: NDArray[np.generic],
        sample_weight: Array | None = None,
        *,
        folds: NDArray[np.int64] | None = None,
        products: Array | None = None,
    ) -> Self:
        """Choose C, and fit.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features), float64
            Features.
        y : ndarray of shape (n_clips,)
            Class of each clip; True and False, or names.
        sample_weight : ndarray of shape (n_clips,), float64, optional
            How much each clip counts, 0 or more. Both classes weigh the same all the
            same.
        folds : ndarray of shape (n_clips,), int64, optional
            Inner fold of each clip. Without, clips go to three folds in turn, or, if
            there is one C only, to none: thresholds are then 0.
        products : ndarray of shape (n_clips, n_clips), optional
            As from `classifier.products`.

        Returns
        -------
        LogisticRegression
            Itself.

        Raises
        ------
        DataError
            If all clips that count are of one class.
        """
        if not self._is_checked(X, y, sample_weight):
            X, y = validate_data(self, X, y, dtype=np.float64)
            check_classification_targets(y)
            if sample_weight is not None:
                sample_weight = _check_sample_weight(
                    sample_weight, X, dtype=np.float64, ensure_non_negative=True
                )
        if folds is None and len(self.C) > 1:
            folds = np.arange(len(y)) % 3
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise DataError(
                "a classifier needs clips of two classes or more, got one class, "
                f"{self.classes_[0]!r}, for all {len(y)} clips."
            )
        per_class = [
            classifier.fit(X, y == c, self.C, folds, K=products, weights=sample_weight)
            for c in (self.classes_ if len(self.classes_) > 2 else self.classes_[1:])
        ]
        self.coef_ = np.stack([one.coef for one in per_class])
        self.intercept_ = np.array([one.intercept for one in per_class])
        self.C_ = np.array([one.C for one in per_class])
        self.threshold_ = np.array([one.threshold for one in per_class])
        return self

    def _is_checked(
        self, X: Array, y: NDArray[np.generic], sample_weight: Array | None
    ) -> bool:
        """Return whether clips are as they have to be, and the caller vouches for them.

        Checks take as long as a fit to a few clips, of which there are many thousands.
        """
        if not get_config()["assume_finite"]:
            return False
        weights = sample_weight is None or _is_array(sample_weight, np.float64, 1)
        checked = weights and _is_array(X, np.float64, 2) and _is_array(y, np.bool_, 1)
        if checked:
            self.n_features_in_ = X.shape[1]
        return checked


def _is_array(values: object, dtype: type, n_dims: int) -> bool:
    """Return whether values are an array of a type and of so many dimensions."""
    if not isinstance(values, np.ndarray):
        return False
    return bool(values.dtype == dtype and values.ndim == n_dims)
