"""Where two sets of clips overlap: how likely a clip is in either, and weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from earshift.numerics import classifier, logistic, metrics, recalibration
from earshift.numerics.grouped_folds import assign_folds

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Penalties of the domain classifier, as C, for clips of a mean squared norm of two.
GRID = (1e-2, 0.1, 1.0, 10.0, 100.0, 1000.0)

#: Inner folds that choose among them.
N_FOLDS = 3

#: Squared width of the kernel, as a share of the median squared distance of two clips:
#: wide enough to be smooth, and narrow enough to see classes apart from each other.
WIDTH = 0.25

#: Standard deviations beyond which a feature says no more: without a bound, one odd
#: clip would have a score that no calibration mends.
MAX_DEVIATION = 5.0

#: Clips that the domain classifier learns from, at most: its products are n by n.
MAX_CLIPS = 4000


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

    They are those of a logistic regression with two kernels, one linear in all features
    and one Gaussian. The penalty is that of the least out-of-fold log loss.

    Parameters
    ----------
    X : ndarray of shape (n_clips, n_features), float64
        Clips of both sides to learn from.
    is_target : ndarray of shape (n_clips,), bool
        Their side.
    recordings : ndarray of shape (n_clips,), str
        Clips of one recording are never on both sides of an inner fold.
    weights : ndarray of shape (n_clips, 1 + n_draws), float64
        How much each clip counts, 0 or more; in further columns, if training clips are
        drawn anew. The first chooses the penalty.
    X_new : ndarray of shape (n_new, n_features), float64
        The clips that are asked for, of other recordings.
    rng : Generator
        Draws the inner folds, and the clips if there are too many.

    Returns
    -------
    ndarray of shape (1 + n_draws, n_new)
        Not calibrated: see `calibrated`. NaN where a draw lacks a side.
    """
    used = np.sort(rng.permutation(np.flatnonzero(weights[:, 0] > 0))[:MAX_CLIPS])
    is_target, recordings, weights = is_target[used], recordings[used], weights[used]
    K, K_new = _kernels(X[used], X_new)
    sides = np.stack([is_target, ~is_target], axis=1)
    folds = assign_folds(sides, recordings, N_FOLDS, rng)
    scores = classifier.out_of_fold(
        X[used], K, is_target, folds, GRID, weights=weights[:, 0]
    )
    C = GRID[_least_loss(scores, is_target, weights[:, 0])]
    out = np.full((weights.shape[1], len(X_new)), np.nan)
    for row, own in zip(out, weights.T, strict=True):
        drawn = own > 0
        if is_target[drawn].all() or not is_target[drawn].any():
            continue
        shares, b = logistic.fit_clips(
            K[np.ix_(drawn, drawn)], is_target[drawn], [C], weights=own[drawn]
        )
        row[:] = shares[0] @ K_new[drawn] + b[0]
    return out


def _kernels(X: Array, X_new: Array) -> tuple[Array, Array]:
    """Return the kernels of clips with each other, and with new ones."""
    centre, scale = X.mean(axis=0), X.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    seen, new = (
        np.clip((part - centre) / scale, -MAX_DEVIATION, MAX_DEVIATION)
        for part in (X, X_new)
    )
    distances = [cdist(seen, part, "sqeuclidean") for part in (seen, new)]
    median = float(np.median(distances[0][np.triu_indices(len(X), 1)]))
    width = 2 * WIDTH * max(median, 1e-300)
    K, K_new = (
        seen @ part.T / X.shape[1] + np.exp(-far / width)
        for part, far in zip((seen, new), distances, strict=True)
    )
    return K, K_new


def _least_loss(scores: Array, is_target: Mask, weights: Array) -> int:
    """Return the row of `scores` with the least log loss; 0 if they are not known."""
    known = np.isfinite(scores).all(axis=0)
    shares = recalibration.balanced(is_target[known], weights[known])
    sign = np.where(is_target[known], -1.0, 1.0)
    loss = np.logaddexp(0.0, sign * scores[:, known]) @ shares
    # Rounded, so that the choice does not hang on the last bits of a fit.
    return int(np.argmin(np.round(loss, 9))) if np.isfinite(loss).all() else 0


def calibrated(
    scores: Array, is_target: Mask, folds: NDArray[np.int64], weights: Array
) -> DomainOdds:
    """Calibrate the scores of a domain classifier on clips that it has not seen.

    Parameters
    ----------
    scores : ndarray of shape (n_clips,), float64
        As from `domain_scores`, each by a classifier of other recordings. If any is
        NaN, nothing is known.
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

    if not np.isfinite(scores).all():
        return DomainOdds(unknown, float("nan"), float("nan"), float("nan"))
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
