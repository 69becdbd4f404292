"""Linear classifiers of one class; L2 logistic regression, C chosen by inner folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earshift.errors import DataError
from earshift.numerics import logistic
from earshift.numerics.auc import best_threshold, fold_auc


@dataclass(frozen=True)
class Classifier:
    """A fitted linear classifier of one class.

    Parameters
    ----------
    coef : ndarray of shape (n_features,), float64
        Weights of the features.
    intercept : float
        Added to every score.
    C : float
        Inverse strength of the L2 penalty that the inner folds chose; NaN if there is
        none.
    threshold : float, default=0.0
        Score from which on the inner folds call a clip present.
    """

    coef: NDArray[np.float64]
    intercept: float
    C: float
    threshold: float = 0.0

    def score(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return a score of each clip, shape (n_clips,); above 0 means present."""
        return X @ self.coef + self.intercept

    def without(self, basis: NDArray[np.float64]) -> Classifier:
        """Return this classifier, blind to the directions of orthonormal rows."""
        return replace(self, coef=self.coef - (basis @ self.coef) @ basis)


def products(X: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the inner products of clips, where a regression is faster from them.

    A regression with an L2 penalty can be found from them alone.

    Parameters
    ----------
    X : ndarray of shape (n_clips, n_features)
        Training features.

    Returns
    -------
    ndarray of shape (n_clips, n_clips), or None
        None if clips are twice as many as features, or more.
    """
    if 2 * X.shape[1] <= len(X):
        return None
    found: NDArray[np.float64] = X @ X.T
    return found


def without(
    X: NDArray[np.float64], K: NDArray[np.float64] | None, basis: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Remove directions from what a classifier is fitted to.

    Parameters
    ----------
    X, K
        As in `solve`.
    basis : ndarray of shape (n_directions, n_features)
        Orthonormal rows.

    Returns
    -------
    X, K
        The products without the directions, if there are any: the classifier's weights
        then still have them (`Classifier.without`). Else the features.
    """
    along = X @ basis.T
    if K is None:
        return X - along @ basis, None
    return X, K - along @ along.T


def solve(
    X: NDArray[np.float64],
    K: NDArray[np.float64] | None,
    y: NDArray[np.bool_],
    C: float,
    *,
    penalise_intercept: bool = False,
    weights: NDArray[np.float64] | None = None,
) -> Classifier:
    """Fit a classifier with one penalty.

    Parameters
    ----------
    X : ndarray of shape (n_clips, n_features)
        Training features.
    K : ndarray of shape (n_clips, n_clips), or None
        As from `products`.
    y : ndarray of shape (n_clips,), bool
        Class present or absent.
    C : float
        Inverse strength of the penalty.
    penalise_intercept : bool, default=False
        Whether the intercept counts as a weight.
    weights : ndarray of shape (n_clips,), float64, optional
        How much each clip counts, 0 or more; without, all count the same.

    Returns
    -------
    Classifier
        Both classes weigh the same, however many clips they have, and however much
        those weigh.
    """
    options: dict[str, Any] = {
        "penalise_intercept": penalise_intercept,
        "weights": weights,
    }
    if K is None:
        coef, b = logistic.fit_path(X, y, [C], **options)
    else:
        a, b = logistic.fit_clips(K, y, [C], **options)
        coef = a @ X
    return Classifier(coef[0], float(b[0]), C)


def out_of_fold(
    X: NDArray[np.float64],
    K: NDArray[np.float64] | None,
    y: NDArray[np.bool_],
    folds: NDArray[np.int64],
    grid: Sequence[float],
    *,
    penalise_intercept: bool = False,
    weights: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Score each clip by classifiers of the other folds, one per penalty.

    Parameters
    ----------
    X, K, y, penalise_intercept, weights
        As in `solve`.
    folds : ndarray of shape (n_clips,), int
        Fold of each clip.
    grid : sequence of float
        Values of C, increasing.

    Returns
    -------
    ndarray of shape (n_grid, n_clips)
        Log-odds; NaN where the other folds hold one kind of label only.
    """
    scores = np.full((len(grid), len(y)), np.nan)
    options: dict[str, Any] = {"penalise_intercept": penalise_intercept}
    for fold in np.unique(folds):
        test, train = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        own = None if weights is None else weights[train]
        counted = _counted(y[train], own)
        if counted.all() or not counted.any():
            continue
        options["weights"] = own
        if K is None:
            coef, b = logistic.fit_path(X[train], y[train], grid, **options)
            scores[:, test] = coef @ X[test].T + b[:, None]
        else:
            inner = K[np.ix_(train, train)]
            a, b = logistic.fit_clips(inner, y[train], grid, **options)
            scores[:, test] = a @ K[np.ix_(train, test)] + b[:, None]
    return scores


def fit(
    X: NDArray[np.float64],
    y: NDArray[np.bool_],
    grid: Sequence[float],
    folds: NDArray[np.int64] | None,
    *,
    K: NDArray[np.float64] | None = None,
    weights: NDArray[np.float64] | None = None,
) -> Classifier:
    """Choose C and a threshold by cross-validation, then fit on all clips.

    Parameters
    ----------
    X, y, weights
        As in `solve`.
    grid : sequence of float
        Values of C to try; among equals the smallest, the strongest penalty, wins.
    folds : ndarray of shape (n_clips,), int, or None
        Fold of each clip, for the choice. None where nothing is chosen: C is the only
        one of the grid, and the threshold 0.
    K : ndarray of shape (n_clips, n_clips), optional
        As from `products`.

    Returns
    -------
    Classifier
        As from `solve`.

    Raises
    ------
    DataError
        If the clips that count have one value of `y` only.
    """
    counted = _counted(y, weights)
    if counted.all() or not counted.any():
        raise one_kind(counted)
    if folds is None:
        (C,), threshold = grid, 0.0
    else:
        C, threshold = _choose(X, K, y, folds, sorted(grid), weights)
    return replace(solve(X, K, y, C, weights=weights), threshold=threshold)


def one_kind(y: NDArray[np.bool_]) -> DataError:
    """Return the error that all training clips have a class, or that all lack it."""
    return DataError(
        f"a class needs clips that have it and clips that do not; all {len(y)} "
        f"training clips {'have' if y.any() else 'lack'} it. Were many clips left "
        "out in stage 3 (3_features/*/*/*.skipped.csv)?"
    )


def _counted(
    y: NDArray[np.bool_], weights: NDArray[np.float64] | None
) -> NDArray[np.bool_]:
    """Return `y` of the clips that count."""
    return y if weights is None else y[weights > 0]


def _choose(
    X: NDArray[np.float64],
    K: NDArray[np.float64] | None,
    y: NDArray[np.bool_],
    folds: NDArray[np.int64],
    grid: Sequence[float],
    weights: NDArray[np.float64] | None,
) -> tuple[float, float]:
    """Return the C of the highest out-of-fold AUC, and its best threshold."""
    scores = out_of_fold(X, K, y, folds, grid, weights=weights)
    auc = [fold_auc(s, y, folds, weights) for s in scores]
    # Rounded, so that the choice does not hang on the last bits of a fit.
    best = np.nanargmax(np.round(auc, 9)) if np.isfinite(auc).any() else 0
    return float(grid[int(best)]), best_threshold(scores[int(best)], y, weights)
