"""ROC-AUC, also of many resamples at once, average precision, threshold metrics."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def concordance(
    scores: NDArray[np.float64],
    present: NDArray[np.bool_],
    weights: NDArray[np.floating],
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
    weights : ndarray of shape (n_clips, n_resamples)
        How often each clip counts in each resample.

    Returns
    -------
    ordered, pairs : ndarray of shape (n_resamples,)
        Both 0 where a resample lacks one kind of clip.
    """
    absent = np.flatnonzero(~present)
    absent = absent[np.argsort(scores[absent], kind="stable")]
    below = running_sums(weights[absent])
    own = scores[present]
    lower = np.searchsorted(scores[absent], own, side="left")
    upper = np.searchsorted(scores[absent], own, side="right")
    positive = weights[present].astype(np.float64)
    ordered = np.einsum("ij,ij->j", positive, below[lower])
    ordered += np.einsum("ij,ij->j", positive, below[upper])
    return ordered / 2, positive.sum(axis=0) * below[-1]


def running_sums(weights: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the sum of the first i rows as row i, shape (n_rows + 1, n_resamples).

    Of whole numbers, single precision is exact up to 2^24 clips.
    """
    sums = np.zeros((len(weights) + 1, weights.shape[1]), weights.dtype)
    if weights.shape[1] == 1:
        np.cumsum(weights, axis=0, out=sums[1:])
        return sums
    # Ten times as fast as `cumsum`, which goes down the columns one by one.
    for i, row in enumerate(weights):
        np.add(sums[i], row, out=sums[i + 1])
    return sums


def resampled_auc(
    scores: NDArray[np.float64],
    present: NDArray[np.bool_],
    folds: NDArray[np.int64],
    weights: NDArray[np.floating],
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
    weights : ndarray of shape (n_clips, n_resamples)
        How often each clip counts in each resample.

    Returns
    -------
    ndarray of shape (n_resamples,)
        NaN where no fold has both kinds of clip.
    """
    ordered = np.zeros(weights.shape[1])
    pairs = np.zeros(weights.shape[1])
    for fold in np.unique(folds):
        own = (folds == fold) & np.isfinite(scores)
        o, p = concordance(scores[own], present[own], weights[own])
        ordered += o
        pairs += p
    auc = np.full(len(pairs), np.nan)
    np.divide(ordered, pairs, out=auc, where=pairs > 0)
    return auc


def fold_auc(
    scores: NDArray[np.float64],
    present: NDArray[np.bool_],
    folds: NDArray[np.int64],
    weights: NDArray[np.float64] | None = None,
) -> float:
    """Return the AUC over pairs of clips of the same fold; NaN if there is none.

    Parameters
    ----------
    scores, present, folds
        As in `resampled_auc`.
    weights : ndarray of shape (n_clips,), float64, optional
        A pair counts as much as the product of its weights; without, all count the
        same.

    Returns
    -------
    float
        Between 0 and 1.
    """
    once: NDArray[np.floating] = np.ones(len(scores), np.float32)
    counted = (once if weights is None else weights)[:, None]
    return float(resampled_auc(scores, present, folds, counted)[0])


def fold_average_precision(
    scores: NDArray[np.float64], present: NDArray[np.bool_], folds: NDArray[np.int64]
) -> float:
    """Return the mean average precision of the folds, weighted by their positives.

    That of one fold is `sklearn.metrics.average_precision_score`, which takes 30 times
    as long on a few hundred clips.

    Parameters
    ----------
    scores, present, folds
        As in `resampled_auc`, all finite.

    Returns
    -------
    float
        Between 0 and 1; NaN where no clip has the class.
    """
    values, weights = [0.0], [0]
    for fold in np.unique(folds):
        own = folds == fold
        if present[own].any():
            values.append(_average_precision(scores[own], present[own]))
            weights.append(int(present[own].sum()))
    return float(np.average(values, weights=weights)) if sum(weights) else float("nan")


def _average_precision(
    scores: NDArray[np.float64], present: NDArray[np.bool_]
) -> float:
    """Return the mean precision at each positive; clips of one score come as one."""
    order = np.argsort(-scores)
    hits = np.cumsum(present[order])
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    found = np.diff(hits[ends], prepend=0)
    return float((found * hits[ends] / (ends + 1)).sum() / hits[-1])


def threshold_metrics(
    scores: NDArray[np.float64], present: NDArray[np.bool_]
) -> dict[str, Any]:
    """Return accuracy, precision, recall and F1 of the rule "present if score > 0".

    They are those of `sklearn.metrics`, which takes 100 times as long.

    Parameters
    ----------
    scores : ndarray of shape (n_clips,)
        Log-odds.
    present : ndarray of shape (n_clips,), bool
        The truth.

    Returns
    -------
    dict
        Values in [0, 1]; 0 where nothing was called present, and the recall NaN where
        nothing is.
    """
    said = scores > 0
    hits, n_said, n = (int(np.sum(part)) for part in (said & present, said, present))
    return {
        "accuracy": float(np.mean(said == present)),
        "precision": hits / max(1, n_said),
        "recall": hits / n if n else float("nan"),
        "f1": 2 * hits / max(1, n_said + n),
    }
