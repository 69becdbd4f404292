"""L2 logistic regression by Newton's method, exact, along a path of penalties."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit

Array = NDArray[np.float64]

#: Largest entry of the gradient, as a share of the weight of all clips, at a solution.
TOLERANCE = 1e-9

#: Newton steps at most; well-conditioned problems take fewer than ten.
MAX_STEPS = 100


def fit_path(
    X: Array, y: NDArray[np.bool_], grid: Sequence[float]
) -> tuple[Array, Array]:
    """Fit one classifier per penalty, each started from the one before.

    Minimises ``|w|^2 / 2 + C sum_i s_i log(1 + exp(-y_i (w . x_i + b)))`` over w and b,
    where y_i is +1 or -1 and the weights s_i let both classes count the same. The
    intercept b is not penalised.

    Parameters
    ----------
    X : ndarray of shape (n_clips, n_features), float64
        Standardised features.
    y : ndarray of shape (n_clips,), bool
        Class present or absent; both must occur.
    grid : sequence of float
        Values of C, increasing.

    Returns
    -------
    coef : ndarray of shape (n_grid, n_features)
        Weights w.
    intercept : ndarray of shape (n_grid,)
        Intercepts b.
    """
    sign = np.where(y, 1.0, -1.0)
    balance = np.where(y, len(y) / (2 * y.sum()), len(y) / (2 * (~y).sum()))
    design = np.column_stack([X, np.ones(len(X))])
    solution = np.zeros(design.shape[1])
    path = np.empty((len(grid), design.shape[1]))
    for i, C in enumerate(grid):
        solution = _newton(design, sign, C * balance, solution)
        path[i] = solution
    return path[:, :-1], path[:, -1]


def _newton(design: Array, sign: Array, weight: Array, start: Array) -> Array:
    """Minimise the objective from `start`; the last column of `design` is ones."""
    penalty = np.ones(design.shape[1])
    penalty[-1] = 0.0
    solution = start
    value = _objective(design, sign, weight, penalty, solution)
    for _ in range(MAX_STEPS):
        wrong = expit(-sign * (design @ solution))
        gradient = penalty * solution - design.T @ (weight * sign * wrong)
        if np.abs(gradient).max() <= TOLERANCE * weight.sum():
            break
        curvature = weight * wrong * (1 - wrong)
        hessian = (design.T * curvature) @ design
        hessian.flat[:: len(penalty) + 1] += penalty + 1e-12 * weight.sum()
        step = cho_solve(cho_factor(hessian, check_finite=False), gradient)
        size = 1.0
        while size > 1e-8:
            candidate = solution - size * step
            new = _objective(design, sign, weight, penalty, candidate)
            if new <= value - 1e-4 * size * float(gradient @ step):
                break
            size /= 2
        else:
            break  # no descent left at the precision of the numbers
        solution, value = candidate, new
    return solution


def _objective(
    design: Array, sign: Array, weight: Array, penalty: Array, solution: Array
) -> float:
    margins = sign * (design @ solution)
    loss = weight @ np.logaddexp(0.0, -margins)
    return float(loss + 0.5 * (penalty * solution) @ solution)
