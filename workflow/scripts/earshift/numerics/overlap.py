"""Where two sets of clips overlap: how likely a clip is in either, and weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earshift.numerics import classifier, metrics, recalibration
from earshift.numerics.grouped_folds import assign_folds

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Penalties of the domain classifier, as C, for clips of a mean squared norm of two.
GRID = (1e-2, 0.1, 1.0, 10.0, 100.0, 1000.0)

#: Inner folds that choose among them.
N_FOLDS = 3

#: Principal components whose squares and products the domain classifier sees, at most;
#: no more than one for so many clips.
N_COMPONENTS, CLIPS_PER_COMPONENT = 8, 10


@dataclass(frozen=True)
class DomainOdds:
    """How much likelier clips are in the target than in the source.

    Parameters
    ----------
    log_odds : ndarray of shape (n_clips,), float64
        Log of the ratio of the two densities; NaN where the two do not overlap, since
        a threshold separates them.
    auc : float
        How well clips can be told apart: their ROC-AUC, within folds.
    slope : float
        Calibration slope before calibration: below 1 where the domain classifier was
        too sure. NaN if the two do not overlap.
    error : float
        Expected calibration error that is left, which is a share of 1.
    """

    log_odds: Array
    auc: float
    slope: float
    error: float


def domain_scores(
    X: Array,
    is_target: Mask,
    recordings: NDArray[np.str_],
    weights: Array,
    X_new: Array,
    rng: np.random.Generator,
) -> Array:
    """Return log-odds that new clips are of the target, if both weighed the same.

    They are those of a logistic regression on all features, and on the squares and
    products of the first principal components: of two normal distributions, the log of
    the ratio of densities is of this form. The penalty is that of the least
    out-of-fold log loss.

    Parameters
    ----------
    X : ndarray of shape (n_clips, n_features), float64
        Clips of both sides to learn from.
    is_target : ndarray of shape (n_clips,), bool
        Their side.
    recordings : ndarray of shape (n_clips,), str
        Clips of one recording are never on both sides of an inner fold.
    weights : ndarray of shape (n_clips,), float64
        How much each clip counts, 0 or more.
    X_new : ndarray of shape (n_new, n_features), float64
        The clips that are asked for, of other recordings.
    rng : Generator
        Draws the inner folds.

    Returns
    -------
    ndarray of shape (n_new,)
        Not calibrated: see `calibrated`.
    """
    counted = weights > 0
    is_target, recordings = is_target[counted], recordings[counted]
    X, weights = X[counted], weights[counted]
    seen, new = _with_products(X, X_new)
    K = classifier.products(seen)
    sides = np.stack([is_target, ~is_target], axis=1)
    folds = assign_folds(sides, recordings, N_FOLDS, rng)
    scores = classifier.out_of_fold(seen, K, is_target, folds, GRID, weights=weights)
    known = np.isfinite(scores).all(axis=0)
    shares = recalibration.balanced(is_target[known], weights[known])
    sign = np.where(is_target[known], -1.0, 1.0)
    loss = np.logaddexp(0.0, sign * scores[:, known]) @ shares
    best = int(np.argmin(np.round(loss, 9))) if np.isfinite(loss).all() else 0
    fitted = classifier.solve(seen, K, is_target, GRID[best], weights=weights)
    return fitted.score(new)


def _with_products(X: Array, X_new: Array) -> tuple[Array, Array]:
    """Return clips with squares and products of components, either part of norm 1."""
    centre, scale = X.mean(axis=0), X.std(axis=0)
    unit = np.where(scale > 0, scale, 1.0) * np.sqrt(X.shape[1])
    parts = [(part - centre) / unit for part in (X, X_new)]
    r = max(1, min(N_COMPONENTS, X.shape[1], len(X) // CLIPS_PER_COMPONENT))
    _, size, axes = np.linalg.svd(parts[0], full_matrices=False)
    axes = axes[:r] / np.maximum(size[:r, None], 1e-9) * np.sqrt(len(X))
    i, j = np.triu_indices(len(axes))
    products = [(part @ axes.T)[:, i] * (part @ axes.T)[:, j] for part in parts]
    centre, scale = products[0].mean(axis=0), products[0].std(axis=0)
    unit = np.maximum(scale, 1e-9) * np.sqrt(len(i))
    seen, new = (
        np.concatenate([part, (own - centre) / unit], axis=1)
        for part, own in zip(parts, products, strict=True)
    )
    return seen, new


def calibrated(
    scores: Array, is_target: Mask, folds: NDArray[np.int64], weights: Array
) -> DomainOdds:
    """Calibrate the scores of a domain classifier on clips that it has not seen.

    Parameters
    ----------
    scores : ndarray of shape (n_clips,), float64
        As from `domain_scores`, each by a classifier of other recordings.
    is_target : ndarray of shape (n_clips,), bool
        The side of each clip.
    folds : ndarray of shape (n_clips,), int
        Clips of one fold were scored by one classifier.
    weights : ndarray of shape (n_clips,), float64
        How much each clip counts.

    Returns
    -------
    DomainOdds
        The log-odds are ``a + b score``, a logistic regression of the side on the score
        in which both sides weigh the same. Where b is below 0, scores tell nothing, and
        the log-odds are 0.
    """
    unknown = np.full(len(scores), np.nan)
    once = weights[:, None]

    def measured(name: str, values: Array) -> float:
        found = metrics.all_resampled(values, is_target, folds, unknown, once, [name])
        return float(found[name][0])

    auc = measured("roc_auc", scores)
    a = b = float("nan")
    if recalibration.overlapping(scores, is_target, once)[0]:
        shares = recalibration.balanced(is_target, weights)
        a, b = recalibration.line(scores, is_target, shares)
    if not np.isfinite(b):
        return DomainOdds(unknown, auc, float("nan"), float("nan"))
    log_odds = a + b * scores if b > 0 else np.zeros(len(scores))
    return DomainOdds(
        log_odds, auc, b, measured("expected_calibration_error", log_odds)
    )


def shared_weights(log_odds: Array, is_target: Mask) -> Array:
    """Return the weights that turn either side into what the two share.

    What they share has the density ``p q / (p + q)``, up to a factor, where p and q are
    those of source and target: it is high where both are.

    Parameters
    ----------
    log_odds : ndarray of shape (n_clips,), float64
        ``log(q / p)``, as from `calibrated`.
    is_target : ndarray of shape (n_clips,), bool
        The side of each clip.

    Returns
    -------
    ndarray of shape (n_clips,)
        ``q / (p + q)`` in the source, ``p / (p + q)`` in the target, in (0, 1).

    References
    ----------
    Cai, Namkoong, Yadlowsky (2023), "Diagnosing model performance under distribution
    shift", arXiv 2303.02011, section 2. Their weights depend on the sizes of both sides
    only by a factor.
    """
    return recalibration.probability(np.where(is_target, -log_odds, log_odds))


def effective_size(weights: Array) -> float:
    """Return how many clips of equal weight would give as precise a mean.

    Parameters
    ----------
    weights : ndarray of shape (n_clips,), float64
        0 or more.

    Returns
    -------
    float
        ``(sum of weights)^2 / sum of their squares`` (Kish, 1965); 0 without weights.
    """
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0
