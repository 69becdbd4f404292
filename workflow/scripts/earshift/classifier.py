"""The classifier of every score: L2 logistic regression, C chosen by inner folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earshift import logistic
from earshift.errors import DataError
from earshift.splits import assign_folds
from earshift.statistics import fold_auc


@dataclass(frozen=True)
class Classifier:
    """A fitted linear classifier of one class.

    Parameters
    ----------
    coef : ndarray of shape (n_features,), float64
        Weights.
    intercept : float
        Added to every score.
    C : float
        Inverse strength of the L2 penalty that the inner folds chose.
    """

    coef: NDArray[np.float64]
    intercept: float
    C: float

    def score(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return log-odds of the class, shape (n_clips,); above 0 means present."""
        return X @ self.coef + self.intercept


def row_space(X: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return orthonormal rows that span the rows of `X`, at most n_clips of them.

    The solution of a regression with an L2 penalty lies in this span, so fitting in it
    gives the same classifier with fewer unknowns where features outnumber clips.

    Parameters
    ----------
    X : ndarray of shape (n_clips, n_features)
        Training features.

    Returns
    -------
    ndarray of shape (n_directions, n_features)
        The identity if features do not outnumber clips.
    """
    n_clips, n_features = X.shape
    if n_features <= n_clips:
        return np.eye(n_features)
    basis: NDArray[np.float64] = np.linalg.svd(X, full_matrices=False)[2]
    return basis


def fit(
    X: NDArray[np.float64],
    y: NDArray[np.bool_],
    recordings: NDArray[np.str_],
    grid: Sequence[float],
    n_inner_folds: int,
    rng: np.random.Generator,
) -> Classifier:
    """Choose C by cross-validation over recordings, then fit on all clips.

    Parameters
    ----------
    X : ndarray of shape (n_clips, n_features)
        Standardised training features.
    y : ndarray of shape (n_clips,), bool
        Class present or absent.
    recordings : ndarray of shape (n_clips,), str
        Clips of one recording are never on both sides of an inner fold.
    grid : sequence of float
        Values of C to try; among equals the smallest, the strongest penalty, wins.
    n_inner_folds : int
        Folds of the choice.
    rng : Generator
        Draws the inner folds.

    Returns
    -------
    Classifier
        Both classes weigh the same, however many clips they have.

    Raises
    ------
    DataError
        If `y` has one value only.
    """
    if y.all() or not y.any():
        raise DataError(
            f"a class needs clips that have it and clips that do not; all {len(y)} "
            f"training clips {'have' if y.all() else 'lack'} it. Were many clips left "
            "out in stage 3 (3_features/*/*/*.skipped.csv)?"
        )
    C = _choose(X, y, recordings, sorted(grid), n_inner_folds, rng)
    coef, intercept = logistic.fit_path(X, y, [C])
    return Classifier(coef[0], float(intercept[0]), C)


def _choose(
    X: NDArray[np.float64],
    y: NDArray[np.bool_],
    recordings: NDArray[np.str_],
    grid: Sequence[float],
    n_inner_folds: int,
    rng: np.random.Generator,
) -> float:
    """Return the C of the highest out-of-fold AUC."""
    if len(grid) == 1:
        return grid[0]
    folds = assign_folds(np.stack([y, ~y], axis=1), recordings, n_inner_folds, rng)
    scores = np.full((len(grid), len(y)), np.nan)
    for fold in range(n_inner_folds):
        test, train = folds == fold, folds != fold
        if y[train].all() or not y[train].any():
            continue
        coef, intercept = logistic.fit_path(X[train], y[train], grid)
        scores[:, test] = coef @ X[test].T + intercept[:, None]
    auc = [fold_auc(s, y, folds) for s in scores]
    # Rounded, so that the choice does not hang on the last bits of a fit.
    best = np.nanargmax(np.round(auc, 9)) if np.isfinite(auc).any() else 0
    return float(grid[int(best)])
