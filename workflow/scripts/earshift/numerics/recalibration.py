"""Logistic regression of a truth on one score, of two classes that weigh the same.

The log-odds are ``a + b score``. With b = 1, a is the calibration intercept; with both
free, b is the calibration slope.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Steps at most; few problems take more than ten.
MAX_STEPS = 100

#: Solutions are reached with a step of less than this, as a share of what is found: the
#: error left is about its square.
TOLERANCE = 1e-7

#: Clips of either kind that are looked at in all resamples, to see if kinds overlap.
N_FIRST = 12


def probability(log_odds: Array) -> Array:
    """Return the probability of `log_odds`, shape (n_clips,), without overflow."""
    return np.exp(-np.logaddexp(0.0, -log_odds))


def residual(log_odds: Array, present: NDArray[np.bool_]) -> Array:
    """Return what the probability lacks to the truth, exact also where it is small.

    Parameters
    ----------
    log_odds : ndarray of shape (n_clips,), float64
        Of the presence.
    present : ndarray of shape (n_clips,), bool
        The truth.

    Returns
    -------
    ndarray of shape (n_clips,)
        The probability less than 1 if present, as a negative number if not.
    """
    sign = np.where(present, 1.0, -1.0)
    return sign * probability(-sign * log_odds)


def balanced(present: NDArray[np.bool_], weights: NDArray[np.floating]) -> Array:
    """Return weights of which each class has half of their sum, 1; NaN if it has none.

    Parameters
    ----------
    present : ndarray of shape (n_clips,), bool
        The truth.
    weights : ndarray of shape (n_clips,)
        How often each clip counts.

    Returns
    -------
    ndarray of shape (n_clips,)
        The weights.
    """
    shares = np.full(len(weights), np.nan)
    for own in (present, ~present):
        total = weights[own].sum(dtype=np.float64)
        if total > 0:
            shares[own] = weights[own] / (2 * total)
    return shares


def intercept(scores: Array, present: NDArray[np.bool_], weights: Array) -> float:
    """Return a for b = 1: the mean of probabilities is then the share of clips present.

    Parameters
    ----------
    scores : ndarray of shape (n_clips,), float64
        Log-odds.
    present : ndarray of shape (n_clips,), bool
        The truth.
    weights : ndarray of shape (n_clips,), float64
        As from `balanced`.

    Returns
    -------
    float
        Between ``-scores.max()`` and ``-scores.min()``.
    """
    low, high = -float(scores.max()), -float(scores.min())
    a = min(max(0.0, low), high)
    for _ in range(MAX_STEPS):
        missed = residual(a + scores, present)
        pull = float(weights @ missed)
        curvature = float(weights @ (np.abs(missed) * (1 - np.abs(missed))))
        low, high = (a, high) if pull > 0 else (low, a)
        new = a + pull / max(curvature, 1e-300)
        if not low <= new <= high:
            new = (low + high) / 2
        a, before = new, a
        if abs(a - before) <= TOLERANCE * (1 + abs(a)):
            break
    return a


def line(
    scores: Array, present: NDArray[np.bool_], weights: Array
) -> tuple[float, float]:
    """Return a and b, of clips that no threshold separates (see `overlapping`).

    Parameters
    ----------
    scores, present, weights
        As in `intercept`.

    Returns
    -------
    a, b : float
        NaN where they are out of reach of `MAX_STEPS` steps.
    """
    mean = float(weights @ scores)
    spread = float(np.sqrt(weights @ (scores - mean) ** 2))
    sign = np.where(present, 1.0, -1.0)
    # In units of standard deviations, so that both are of the same size.
    design = np.stack([np.ones(len(scores)), (scores - mean) / spread])
    found = np.zeros(2)
    loss, wrong = _loss(np.zeros(len(scores)), weights)
    for _ in range(MAX_STEPS):
        pull = design @ (sign * wrong * weights)
        curvature = (design * (weights * wrong * (1 - wrong))) @ design.T
        determinant = curvature[0, 0] * curvature[1, 1] - curvature[0, 1] ** 2
        if determinant < 1e-14 * curvature[0, 0] * curvature[1, 1]:
            break  # all but a few scores are as good as the same
        step = np.array([[1, -1], [-1, 1]]) * curvature[::-1, ::-1] @ pull / determinant
        size = 1.0
        while True:
            new = found + size * step
            new_loss, wrong = _loss(sign * (new @ design), weights)
            if new_loss <= loss + 1e-14 or size < TOLERANCE:
                break
            size /= 2
        found, loss = new, new_loss
        if np.abs(step).max() <= TOLERANCE * (1 + np.abs(found).max()):
            b = float(found[1]) / spread
            return float(found[0]) - b * mean, b
    return float("nan"), float("nan")


def _loss(margin: Array, weights: Array) -> tuple[float, Array]:
    """Return the mean log loss, and the probabilities of what is not the truth."""
    losses = np.logaddexp(0.0, -margin)
    return float(weights @ losses), np.exp(-losses - margin)


def slope_change(moments: Array) -> Array:
    """Return how far b of resamples is from that of the sample, to second order.

    This is a step of Chebyshev's method: that of Newton, and then what it leaves, as
    far as the third derivative of the loss tells.

    Parameters
    ----------
    moments : ndarray of shape (9, n_resamples), float64
        Means over clips at the solution of the sample, where p is the probability and x
        the score, less any constant: of ``present - p`` times 1 and x, of
        ``p (1 - p)`` times 1, x and x^2, of ``p (1 - p) (1 - 2 p)`` times 1, x, x^2 and
        x^3.

    Returns
    -------
    ndarray of shape (n_resamples,)
        NaN where the scores of a resample are all the same, and where moments are.
    """
    pull, pull_x, c, c_x, c_xx, *turn = moments
    determinant = c * c_xx - c_x**2
    unit = np.full(len(c), np.nan)
    np.divide(1.0, determinant, out=unit, where=determinant > 1e-14 * c * c_xx)
    a = (c_xx * pull - c_x * pull_x) * unit
    b = (c * pull_x - c_x * pull) * unit
    aa, ab, bb = a * a / 2, a * b, b * b / 2
    pull, pull_x = (
        old - (turn[i] * aa + turn[i + 1] * ab + turn[i + 2] * bb)
        for i, old in enumerate((pull, pull_x))
    )
    change: Array = (c * pull_x - c_x * pull) * unit
    return change


def overlapping(
    scores: Array, present: NDArray[np.bool_], weights: NDArray[np.floating]
) -> NDArray[np.bool_]:
    """Say in which resamples no threshold separates the two kinds of clip.

    Only there has b a bound: some clip that has the class lies below one that has not,
    and the other way round (Albert and Anderson 1984, Biometrika 71).

    Parameters
    ----------
    scores : ndarray of shape (n_clips,), float64
        Log-odds.
    present : ndarray of shape (n_clips,), bool
        The truth.
    weights : ndarray of shape (n_clips, n_resamples)
        How often each clip counts in each resample.

    Returns
    -------
    ndarray of shape (n_resamples,), bool
        False also where a resample lacks one kind of clip.
    """
    order = np.argsort(scores, kind="stable")
    has, lacks = order[present[order]], order[~present[order]]
    crossed = _some_below(scores, weights, has, lacks[::-1])
    return crossed & _some_below(scores, weights, lacks, has[::-1])


def _some_below(
    scores: Array,
    weights: NDArray[np.floating],
    low: NDArray[np.intp],
    high: NDArray[np.intp],
) -> NDArray[np.bool_]:
    """Say which resamples have a clip of `low` that scores less than one of `high`.

    `low` has clips by score from the lowest on, `high` from the highest on.
    """
    # Most resamples have some of the first clips of either.
    n = min(len(low), len(high), N_FIRST)
    n = int(np.sum(scores[low[:n]] < scores[high[:n]]))
    found = np.ones(weights.shape[1], bool)
    for kind in (low, high):
        found &= weights[kind[:n]].any(axis=0)
    left = np.flatnonzero(~found)
    if n and len(left):
        lowest = _first(scores, weights, low, left)
        found[left] = lowest < -_first(-scores, weights, high, left)
    return found


def _first(
    scores: Array,
    weights: NDArray[np.floating],
    order: NDArray[np.intp],
    resamples: NDArray[np.intp],
) -> Array:
    """Return the score of the first clip in each resample; infinite if it has none."""
    drawn = weights[np.ix_(order, resamples)] > 0
    return np.where(drawn.any(axis=0), scores[order[drawn.argmax(axis=0)]], np.inf)
