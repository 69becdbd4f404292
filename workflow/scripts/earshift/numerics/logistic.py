"""L2 logistic regression by Newton's method, exact, along a path of penalties.

Minimises ``|w|^2 / 2 + C sum_i s_i log(1 + exp(-y_i (w . x_i + b)))`` over w and b,
where y_i is +1 or -1 and the weights s_i let both classes count the same. If clips have
weights of their own, s_i is in proportion to them: a clip that weighs 2 counts as two
equal ones. The intercept b is free, or penalised like a weight: then ``b^2 / 2`` is
added, as liblinear does.

The solution is ``w = sum_i a_i x_i``. Where features outnumber clips, the shares a of
the clips are found instead of w, from the products of clips alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, cho_factor, cho_solve, lapack
from scipy.special import expit

Array = NDArray[np.float64]

#: Length of the gradient at a solution, as a share of the length of w: w is then at
#: least as close to the minimum, since the penalty's curvature is one.
TOLERANCE = 1e-7

#: Newton steps at most; well-conditioned problems take fewer than ten.
MAX_STEPS = 100

#: Largest trace of ``D K`` for which conjugate gradients need few steps.
MAX_WEAK = 30.0

#: Of fewer clips, conjugate gradients take longer than to solve the system.
MIN_WEAK = 256

#: Largest trace of a system of clips that single precision solves to a few digits. This
#: is enough for a step, as the next one starts from exact scores.
MAX_SINGLE = 3e5


def fit_path(
    X: Array,
    y: NDArray[np.bool_],
    grid: Sequence[float],
    *,
    penalise_intercept: bool = False,
    weights: Array | None = None,
) -> tuple[Array, Array]:
    """Fit one classifier per penalty, each started from the one before.

    Parameters
    ----------
    X : ndarray of shape (n_clips, n_features), float64
        Features.
    y : ndarray of shape (n_clips,), bool
        Class present or absent; both must occur.
    grid : sequence of float
        Values of C, increasing.
    penalise_intercept : bool, default=False
        Whether b counts as a weight.
    weights : ndarray of shape (n_clips,), float64, optional
        Weights of the clips, 0 or more, some of either class above 0; without, all are
        1.

    Returns
    -------
    coef : ndarray of shape (n_grid, n_features)
        Weights w.
    intercept : ndarray of shape (n_grid,)
        Intercepts b.
    """
    if X.shape[1] > len(X):
        clips, intercept = fit_clips(
            X @ X.T, y, grid, penalise_intercept=penalise_intercept, weights=weights
        )
        return clips @ X, intercept
    path = _path(_Features(X, free=not penalise_intercept), y, grid, weights)
    return path[:, :-1], path[:, -1]


def fit_clips(
    K: Array,
    y: NDArray[np.bool_],
    grid: Sequence[float],
    *,
    penalise_intercept: bool = False,
    weights: Array | None = None,
) -> tuple[Array, Array]:
    """Fit as `fit_path` does, from the inner products of the clips.

    Parameters
    ----------
    K : ndarray of shape (n_clips, n_clips), float64
        Inner products of the training clips.
    y, grid, penalise_intercept, weights
        As in `fit_path`.

    Returns
    -------
    shares : ndarray of shape (n_grid, n_clips)
        Shares a of the clips: the score of a clip is the sum over training clips of
        its inner product with each, times a, plus b.
    intercept : ndarray of shape (n_grid,)
        Intercepts b.
    """
    path = _path(_Clips(K, free=not penalise_intercept), y, grid, weights)
    shares = path[:, :-1]
    return shares, shares.sum(axis=1) if penalise_intercept else path[:, -1]


class _Space(Protocol):
    """Unknowns, the last of which is the intercept, and what they amount to."""

    size: int
    free: bool

    def scores(self, unknowns: Array) -> Array:
        """Return the scores of the clips."""

    def penalty(self, unknowns: Array, scores: Array) -> float:
        """Return ``|w|^2``."""

    def gradient(self, unknowns: Array, pull: Array) -> tuple[Array, float]:
        """Return what `step` needs of the gradient, and ``|gradient|^2`` by w.

        `pull` is minus the derivative of the loss by each clip's score.
        """

    def step(
        self, gradient: Array, unknowns: Array, pull: Array, curvature: Array
    ) -> tuple[Array, float]:
        """Return a Newton step and the slope along it.

        `curvature` is the second derivative of the loss by each clip's score.
        """


class _Features:
    """Unknowns w and b."""

    def __init__(self, X: Array, *, free: bool) -> None:
        self.free = free
        self.design = np.asfortranarray(np.column_stack([X, np.ones(len(X))]))
        self.size = self.design.shape[1]
        self.penalised = np.ones(self.size)
        self.penalised[-1] = float(not free)

    def scores(self, unknowns: Array) -> Array:
        return self.design @ unknowns

    def penalty(self, unknowns: Array, scores: Array) -> float:
        del scores
        return float((self.penalised * unknowns) @ unknowns)

    def gradient(self, unknowns: Array, pull: Array) -> tuple[Array, float]:
        gradient = self.penalised * unknowns - self.design.T @ pull
        return gradient, float((self.penalised * gradient) @ gradient)

    def step(
        self, gradient: Array, unknowns: Array, pull: Array, curvature: Array
    ) -> tuple[Array, float]:
        del unknowns, pull
        scaled = self.design * np.sqrt(curvature)[:, None]
        system = blas.dsyrk(1.0, scaled, trans=True, lower=True)
        # The entry of a free intercept is never zero, but may be as good as.
        np.einsum("ii->i", system)[:] += self.penalised + 1e-12 * curvature.sum()
        factor = cho_factor(system, lower=True, overwrite_a=True, check_finite=False)
        step = -cho_solve(factor, gradient, check_finite=False)
        return step, float(gradient @ step)


class _Clips:
    """Unknowns a, one per clip, and b, which stays zero where it is penalised."""

    def __init__(self, K: Array, *, free: bool) -> None:
        self.free = free
        # A penalised intercept is one more feature, the same for all clips.
        self.K = K if free else K + 1.0
        self.single = self.K.astype(np.float32)
        self.size = len(K) + 1

    def scores(self, unknowns: Array) -> Array:
        found: Array = self.K @ unknowns[:-1] + unknowns[-1]
        return found

    def penalty(self, unknowns: Array, scores: Array) -> float:
        return float(unknowns[:-1] @ (scores - unknowns[-1]))

    def gradient(self, unknowns: Array, pull: Array) -> tuple[Array, float]:
        off = unknowns[:-1] - pull
        gradient = self.K @ off
        return gradient, max(float(gradient @ off), 0.0)

    def step(
        self, gradient: Array, unknowns: Array, pull: Array, curvature: Array
    ) -> tuple[Array, float]:
        off = unknowns[:-1] - pull
        right = [gradient, self.K @ curvature] if self.free else [gradient]
        # (I + D K)^-1 v = v - (K + D^-1)^-1 K v, for D of diagonal `curvature`
        solved = self._solve(curvature, np.stack(right))
        along, b = solved[0] - off, 0.0
        if self.free:
            level = curvature - solved[1]
            b = float((unknowns[:-1] + along).sum() / level.sum())
            along = along - b * level
        return np.append(along, b), float(gradient @ along) - b * float(pull.sum())

    def _solve(self, curvature: Array, right: Array) -> Array:
        """Solve ``(K + D^-1) x = right`` for rows of `right`."""
        trace = curvature @ np.diagonal(self.K)
        if trace < MAX_WEAK and len(self.K) > MIN_WEAK:
            return np.stack([_conjugate_gradients(self.K, curvature, g) for g in right])
        inverse = 1 / np.maximum(curvature, 1e-30)
        if len(self.K) + trace < MAX_SINGLE:
            system = self.single.copy()
            np.einsum("ii->i", system)[:] += inverse.astype(np.float32)
            factor, failed = lapack.spotrf(system.T, lower=1, clean=0, overwrite_a=1)
            if not failed:
                rows, _ = lapack.spotrs(factor, right.T.astype(np.float32), lower=1)
                return np.asarray(rows.T, np.float64)
        double = self.K.copy()
        np.einsum("ii->i", double)[:] += inverse
        factor = cho_factor(double.T, lower=True, overwrite_a=True, check_finite=False)
        return np.asarray(cho_solve(factor, right.T, check_finite=False).T)


def _conjugate_gradients(K: Array, curvature: Array, right: Array) -> Array:
    """Solve ``(K + D^-1) x = right`` where D is so small that few steps do."""
    root = np.sqrt(curvature)
    residual = root * right
    solution, along = np.zeros_like(right), residual
    square = start = float(residual @ residual)
    while square > 1e-16 * start:
        image = along + root * (K @ (root * along))
        size = square / float(along @ image)
        solution = solution + size * along
        residual = residual - size * image
        square, before = float(residual @ residual), square
        along = residual + square / before * along
    return root * solution


def _balanced(y: NDArray[np.bool_], weights: Array | None) -> Array:
    """Return the weights s of the clips: each class has half of their sum."""
    own = np.ones(len(y)) if weights is None else weights
    present, absent = own[y].sum(), own[~y].sum()
    total = present + absent
    balanced: Array = own * np.where(y, total / (2 * present), total / (2 * absent))
    return balanced


def _path(
    space: _Space, y: NDArray[np.bool_], grid: Sequence[float], weights: Array | None
) -> Array:
    """Return the unknowns for each C, shape (n_grid, space.size)."""
    sign = np.where(y, 1.0, -1.0)
    balance = _balanced(y, weights)
    found = [_State(space, sign, np.zeros(space.size), np.zeros(len(y)))]
    for i, C in enumerate(grid):
        starts = found[-1:]
        if i > 0:
            # A weak classifier grows as C does, a strong one by steps of its logarithm.
            starts.append(found[-1].plus(grid[i] / grid[i - 1] - 1, found[-1]))
        if i > 1:
            step = np.log(grid[i] / grid[i - 1]) / np.log(grid[i - 1] / grid[i - 2])
            ahead = found[-1].plus(step, found[-1]).plus(-step, found[-2])
            starts.append(ahead)
        start = min(starts, key=lambda state: state.value(C * balance))
        found.append(_newton(start, C * balance))
    return np.stack([state.unknowns for state in found[1:]])


@dataclass(frozen=True, slots=True)
class _State:
    """Unknowns and the scores that they give to the clips, both linear."""

    space: _Space
    sign: Array
    unknowns: Array
    scores: Array

    def plus(self, size: float, other: _State) -> _State:
        """Return this state and `size` times another."""
        return self.at(
            self.unknowns + size * other.unknowns, self.scores + size * other.scores
        )

    def at(self, unknowns: Array, scores: Array) -> _State:
        """Return the state of other unknowns, which give these scores."""
        return _State(self.space, self.sign, unknowns, scores)

    def length(self) -> float:
        """Return ``|w|^2``."""
        return self.space.penalty(self.unknowns, self.scores)

    def value(self, weight: Array) -> float:
        """Return the objective."""
        loss = weight @ np.logaddexp(0.0, -self.sign * self.scores)
        return float(self.length() / 2 + loss)


def _newton(state: _State, weight: Array) -> _State:
    """Minimise the objective from `state` on."""
    space, sign = state.space, state.sign
    value = state.value(weight)
    for _ in range(MAX_STEPS):
        wrong = expit(-sign * state.scores)
        pull = weight * sign * wrong
        gradient, steepness = space.gradient(state.unknowns, pull)
        level = not space.free or abs(pull.sum()) <= TOLERANCE * weight.sum()
        if level and steepness <= TOLERANCE**2 * state.length():
            break
        curvature = weight * wrong * (1 - wrong)
        along, slope = space.step(gradient, state.unknowns, pull, curvature)
        change = state.at(along, space.scores(along))
        size = 1.0
        while size > 1e-8:
            candidate = state.plus(size, change)
            new = candidate.value(weight)
            if new <= value + 1e-4 * size * slope + 1e-14 * abs(value):
                break
            size /= 2
        else:
            break  # no descent left at the precision of the numbers
        state, value = candidate, new
        if -slope <= 1e-15 * abs(value):
            break  # nor of the last digits
    return state
