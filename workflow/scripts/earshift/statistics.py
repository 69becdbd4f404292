"""Stage 7, statistics: AUCs, intervals by resampling recordings, paired comparisons."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def concordance(
    scores: NDArray[np.float64],
    present: NDArray[np.bool_],
    weights: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the weight of correctly ordered pairs, and of all pairs.

    A pair is a clip that has the class and one that has not; a tie counts half. The
    ratio of the two is the area under the ROC curve.

    Parameters
    ----------
    scores : ndarray of shape (n_clips,)
        Higher means present.
    present : ndarray of shape (n_clips,), bool
        The truth.
    weights : ndarray of shape (n_resamples, n_clips)
        How often each clip counts in each resample.

    Returns
    -------
    ordered, pairs : ndarray of shape (n_resamples,)
        Both 0 where a resample lacks one kind of clip.
    """
    order = np.argsort(scores, kind="stable")
    scores, present, weights = scores[order], present[order], weights[:, order]
    positive = np.where(present, weights, 0.0)
    negative = np.where(present, 0.0, weights)
    if not len(scores):
        return np.zeros(len(weights)), np.zeros(len(weights))
    starts = np.flatnonzero(np.r_[True, np.diff(scores) != 0])
    positive = np.add.reduceat(positive, starts, axis=1)
    negative = np.add.reduceat(negative, starts, axis=1)
    below = np.cumsum(negative, axis=1) - negative
    ordered = (positive * (below + negative / 2)).sum(axis=1)
    return ordered, positive.sum(axis=1) * negative.sum(axis=1)


def resampled_auc(
    scores: NDArray[np.float64],
    present: NDArray[np.bool_],
    folds: NDArray[np.int64],
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the AUC of each resample, comparing clips of the same fold only.

    Scores of two folds come from two classifiers and have no common scale.

    Parameters
    ----------
    scores : ndarray of shape (n_clips,)
        NaN leaves a clip out.
    present : ndarray of shape (n_clips,), bool
        The truth.
    folds : ndarray of shape (n_clips,), int
        Fold of each clip.
    weights : ndarray of shape (n_resamples, n_clips)
        How often each clip counts in each resample.

    Returns
    -------
    ndarray of shape (n_resamples,)
        NaN where no fold has both kinds of clip.
    """
    ordered = np.zeros(len(weights))
    pairs = np.zeros(len(weights))
    for fold in np.unique(folds):
        own = (folds == fold) & np.isfinite(scores)
        o, p = concordance(scores[own], present[own], weights[:, own])
        ordered += o
        pairs += p
    auc = np.full(len(pairs), np.nan)
    np.divide(ordered, pairs, out=auc, where=pairs > 0)
    return auc


def fold_auc(
    scores: NDArray[np.float64], present: NDArray[np.bool_], folds: NDArray[np.int64]
) -> float:
    """Return the AUC over pairs of clips of the same fold; NaN if there is none."""
    once = np.ones((1, len(scores)))
    return float(resampled_auc(scores, present, folds, once)[0])


def bootstrap_weights(
    recordings: NDArray[np.str_], n_resamples: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw recordings with replacement; return how often each clip counts.

    Parameters
    ----------
    recordings : ndarray of shape (n_clips,), str
        Clips of one recording are drawn together, since they are not independent.
    n_resamples : int
        How many draws.
    rng : Generator
        Draws.

    Returns
    -------
    ndarray of shape (1 + n_resamples, n_clips)
        The first row is all ones: the sample itself.
    """
    names, member = np.unique(recordings, return_inverse=True)
    n = len(names)
    counts = rng.multinomial(n, np.full(n, 1 / n), size=n_resamples)
    weights: NDArray[np.float64] = np.vstack([np.ones(n), counts])[:, member]
    return weights


def interval(values: NDArray[np.float64], confidence: float) -> tuple[float, float]:
    """Return the percentile interval of resampled `values`, shape (n_resamples,)."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return float("nan"), float("nan")
    tail = 50 * (1 - confidence)
    low, high = np.percentile(finite, [tail, 100 - tail])
    return float(low), float(high)


def p_value(changes: NDArray[np.float64]) -> float:
    """Return the two-sided bootstrap p-value that a change is zero.

    Parameters
    ----------
    changes : ndarray of shape (n_resamples,)
        The change in each resample, both sides of it computed on the same clips.

    Returns
    -------
    float
        Twice the smaller share of resamples on one side of zero, at most 1; never 0.
    """
    finite = changes[np.isfinite(changes)]
    n = len(finite)
    smaller = min(int(np.sum(finite <= 0)), int(np.sum(finite >= 0)))
    return min(1.0, 2 * (smaller + 1) / (n + 1))


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p-values corrected for their number by the method of Holm (1979).

    Parameters
    ----------
    p_values : ndarray of shape (n_tests,)
        NaN stays NaN and does not count.

    Returns
    -------
    ndarray of shape (n_tests,)
        In [0, 1], not smaller than `p_values`.
    """
    corrected = np.full(len(p_values), np.nan)
    order = np.argsort(p_values)
    order = order[np.isfinite(p_values[order])]
    steps = p_values[order] * np.arange(len(order), 0, -1)
    corrected[order] = (
        np.minimum(1.0, np.maximum.accumulate(steps)) if len(order) else []
    )
    return corrected


def verdict(low: float, high: float, p_corrected: float) -> str:
    """Say in words what a change amounts to.

    Parameters
    ----------
    low, high : float
        Interval of the change.
    p_corrected : float
        Its corrected p-value.

    Returns
    -------
    str
        ``"helps"``, ``"harms"`` or ``"no detectable effect"``.
    """
    if p_corrected < 0.05 and low > 0:
        return "helps"
    if p_corrected < 0.05 and high < 0:
        return "harms"
    return "no detectable effect"


def threshold_metrics(
    scores: NDArray[np.float64], present: NDArray[np.bool_]
) -> dict[str, Any]:
    """Return accuracy, precision, recall and F1 of the rule "present if score > 0".

    Parameters
    ----------
    scores : ndarray of shape (n_clips,)
        Log-odds.
    present : ndarray of shape (n_clips,), bool
        The truth.

    Returns
    -------
    dict
        Values in [0, 1]; 0 where nothing was called present.
    """
    said = scores > 0
    hits = int(np.sum(said & present))
    precision = hits / max(1, int(said.sum()))
    recall = hits / max(1, int(present.sum()))
    both = precision + recall
    return {
        "accuracy": float(np.mean(said == present)),
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / both if both else 0.0,
    }
