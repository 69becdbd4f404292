"""How classifiers are called: with what they take, and what they must give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from earshift.errors import DataError

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

Array = NDArray[np.float64]

#: What `fit` of a classifier is given, where it has a parameter for it.
OPTIONAL = ("sample_weight", "folds", "products")


def taken(estimator: BaseEstimator) -> frozenset[str]:
    """Return those of `OPTIONAL` that the `fit` of an estimator has."""
    # Only where it is used: scikit-learn takes half a second to load.
    from sklearn.utils.validation import has_fit_parameter

    return frozenset(word for word in OPTIONAL if has_fit_parameter(estimator, word))


def scores(estimator: BaseEstimator, X: Array) -> Array:
    """Return the scores of clips by a fitted scikit-learn classifier.

    Parameters
    ----------
    estimator : BaseEstimator
        With ``decision_function`` or ``predict_proba``.
    X : ndarray of shape (n_clips, n_features), float64
        Features.

    Returns
    -------
    ndarray of shape (n_clips,) or (n_clips, n_classes), float64
        Of two classes, how much each clip is like the second one: above 0 means that it
        is taken for it. Of more, how much it is like each.

    Raises
    ------
    DataError
        If the estimator gives another shape, or a number that is not finite.
    """
    n_classes = len(estimator.classes_)
    if hasattr(estimator, "decision_function"):
        scorer = "decision_function"
        needed = (len(X),) if n_classes == 2 else (len(X), n_classes)
    else:
        scorer, needed = "predict_proba", (len(X), n_classes)
    out = np.asarray(getattr(estimator, scorer)(X), np.float64)
    who = f"'{scorer}' of the classifier {type(estimator).__name__}"
    if out.shape != needed:
        raise DataError(
            f"{who} must score {len(X)} clips of {n_classes} classes in an array of "
            f"shape {needed}, got {out.shape}."
        )
    if not np.isfinite(out).all():
        raise DataError(
            f"{who} must give finite scores, got NaN or infinite ones for "
            f"{np.sum(~np.isfinite(out.reshape(len(X), -1)).all(axis=1))} of "
            f"{len(X)} clips."
        )
    if scorer == "predict_proba" and n_classes == 2:
        return out[:, 1] - 0.5
    return out
