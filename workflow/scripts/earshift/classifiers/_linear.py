"""What classifiers with a weight for each feature do alike, once they are fitted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

Array = NDArray[np.float64]


class LinearClassifier(ClassifierMixin, BaseEstimator):
    """Base of classifiers whose scores are weighted sums of the features.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Values of `y`, sorted.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features), float64
        Weights of the features; of two classes, for the second one.
    intercept_ : ndarray of shape (1,) or (n_classes,), float64
        Intercepts.
    """

    classes_: NDArray[np.generic]
    coef_: Array
    intercept_: Array

    def decision_function(self, X: Array) -> Array:
        """Return log-odds of clips, shape (n_clips,) or (n_clips, n_classes)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        scores: Array = X @ self.coef_.T + self.intercept_
        return scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: Array) -> NDArray[np.generic]:
        """Return the class of each clip, shape (n_clips,)."""
        scores = self.decision_function(X)
        best = scores > 0 if scores.ndim == 1 else scores.argmax(axis=1)
        named: NDArray[np.generic] = self.classes_[best.astype(int)]
        return named
