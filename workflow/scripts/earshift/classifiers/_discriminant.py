"""The shrunken linear discriminant as a scikit-learn classifier."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, validate_data

from earshift.classifiers._linear import LinearClassifier
from earshift.errors import DataError
from earshift.numerics.discriminant import ledoit_wolf, solve_spread

Array = NDArray[np.float64]


class ShrunkenLDA(LinearClassifier):
    """Tell classes by the log-odds of normal distributions with one covariance.

    With means m_0, m_1 of clips without and with a class, and the covariance S within
    them, the score of a clip x is (x - (m_0 + m_1) / 2) . S^-1 (m_1 - m_0). S is shrunk
    towards its diagonal, as far as Ledoit and Wolf find best for standardised features,
    so that nothing needs to be chosen by inner folds. All classes are taken to be
    equally likely, however many clips they have.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Values of `y`, sorted.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features), float64
        S^-1 times the difference of the means; of more than two classes, that of each
        and of the mean of all means.
    intercept_ : ndarray of shape (1,) or (n_classes,), float64
        Intercepts.
    shrinkage_ : float
        Share of the diagonal in S, from 0 to 1.

    Notes
    -----
    Where features are many and clips few, scores are too far from 0 to be taken for
    log-odds, whether or not they rank clips well.

    References
    ----------
    Friedman (1989), "Regularized discriminant analysis", JASA 84. Ledoit, Wolf (2004),
    "Honey, I shrunk the sample covariance matrix", Journal of Portfolio Management 30.
    """

    def fit(
        self, X: Array, y: NDArray[np.generic], sample_weight: Array | None = None
    ) -> Self:
        """Learn the means and the covariance.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features), float64
            Features.
        y : ndarray of shape (n_clips,)
            Class of each clip; True and False, or names.
        sample_weight : ndarray of shape (n_clips,), float64, optional
            How much each clip counts in its class, 0 or more.

        Returns
        -------
        ShrunkenLDA
            Itself.

        Raises
        ------
        DataError
            If all clips that count are of one class.
        """
        X, y = validate_data(self, X, y, dtype=np.float64)
        if y.dtype != bool:
            check_classification_targets(y)
        weights = np.ones(len(y))
        if sample_weight is not None:
            weights = _check_sample_weight(
                sample_weight, X, dtype=np.float64, ensure_non_negative=True
            )
            counted = weights > 0
            X, y, weights = X[counted], y[counted], weights[counted]
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise DataError(
                "a classifier needs clips of two classes or more, got one class or "
                f"none, {self.classes_.tolist()}, for the {len(y)} clips that count."
            )
        means = np.stack(
            [
                np.average(X[codes == k], axis=0, weights=weights[codes == k])
                for k in range(len(self.classes_))
            ]
        )
        if len(means) == 2:
            contrasts, middle = means[1:] - means[:1], means.mean(axis=0)
        else:
            centre = means.mean(axis=0)
            contrasts, middle = means - centre, (means + centre) / 2
        self.coef_ = self._whitened(X - means[codes], weights, contrasts)
        self.intercept_ = -np.sum(self.coef_ * middle, axis=1)
        return self

    def _whitened(self, within: Array, weights: Array, contrasts: Array) -> Array:
        """Return S^-1 times each contrast; `within` are clips less their class mean."""
        n = weights.sum()
        scale = np.sqrt(weights @ within**2 / n)
        scale[scale == 0] = 1.0
        self.shrinkage_, level = ledoit_wolf(within / scale, weights)
        if level == 0:
            # No class varies: the nearest mean decides.
            self.shrinkage_, level = 1.0, 1.0
        rows = within * np.sqrt(weights * (1 - self.shrinkage_) / n)[:, None]
        return solve_spread(rows, self.shrinkage_ * level * scale**2, contrasts)
