"""A few labelled clips of the target beside those of the source.

Which clips are labelled, and how much they count. Of each class the same number is
labelled; the sets of smaller numbers are among those of larger ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from earshift.evaluation.domains import PRESENT
from earshift.numerics.grouped_folds import hashed

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Codes of labels, shape (n_clips, n_classes): see `domains`.
Labels = NDArray[np.int8]


def at_random(
    clip_id: NDArray[np.str_], labels: Labels, may: Mask, n: int, key: bytes
) -> Mask:
    """Return n clips of each class, drawn at random.

    Parameters
    ----------
    clip_id : ndarray of shape (n_clips,), str
        Ids: a clip has the same place in all draws of one key, whoever asks.
    labels : ndarray of shape (n_clips, n_classes), int8
        The classes.
    may : ndarray of shape (n_clips,), bool
        Which clips may be drawn.
    n : int
        How many of each class; of a class that has fewer, all. A clip of several
        classes counts for each.
    key : bytes
        Of the draw.

    Returns
    -------
    ndarray of shape (n_clips,), bool
        The clips.
    """
    place = hashed(clip_id, key)
    chosen = np.zeros(len(labels), bool)
    for c in range(labels.shape[1]):
        own = np.flatnonzero(may & (labels[:, c] == PRESENT))
        chosen[own[np.argsort(place[own], kind="stable")[:n]]] = True
    return chosen


def by_uncertainty(scores: Array, labels: Labels, may: Mask, n: int) -> Mask:
    """Return as many clips, those between whose classes the classifiers waver most.

    Parameters
    ----------
    scores : ndarray of shape (n_clips, n_classes), float64
        Log-odds of each class, of classifiers that have seen none of the labels; NaN of
        a class without one.
    labels : ndarray of shape (n_clips, n_classes), int8
        They only say how many classes there are to label.
    may : ndarray of shape (n_clips,), bool
        Which clips may be chosen.
    n : int
        For each class that has clips, n are labelled, of whichever class they turn out
        to be.

    Returns
    -------
    ndarray of shape (n_clips,), bool
        Those whose highest log-odds are least above the second highest; of a single
        class, those whose log-odds are nearest to 0.
    """
    known = scores[:, np.isfinite(scores).all(axis=0)]
    if known.shape[1] > 1:
        ranked = np.sort(known, axis=1)
        margin = ranked[:, -1] - ranked[:, -2]
    else:
        margin = np.abs(known).sum(axis=1)
    n_classes = int((may[:, None] & (labels == PRESENT)).any(axis=0).sum())
    own = np.flatnonzero(may)
    chosen = np.zeros(len(labels), bool)
    chosen[own[np.argsort(margin[own], kind="stable")[: n * n_classes]]] = True
    return chosen


def alone(y_source: Mask, y: Mask) -> Array:
    """Return weights of labelled clips: each counts as much as one of the source."""
    del y_source
    return np.ones(len(y))


def balanced(y_source: Mask, y: Mask) -> Array:
    """Return weights of labelled clips: together they count as much as the source does.

    Those with the class count as much as those of the source that have it, and those
    without likewise: the groups of class and dataset are balanced, as in the
    re-training of the last layer of Kirichenko, Izmailov and Wilson (2023), there by
    drawing clips.

    Parameters
    ----------
    y_source, y : ndarray of shape (n_source,) and (n_clips,), bool
        Which clips of the source, and which labelled ones, have the class.

    Returns
    -------
    ndarray of shape (n_clips,), float64
        Weights; a clip of the source has 1.
    """
    weights = np.ones(len(y))
    for has in (True, False):
        own = y == has
        weights[own] = (y_source == has).sum() / max(int(own.sum()), 1)
    return weights


#: How labelled clips may count -> their weights.
WAYS: Mapping[str, Callable[[Mask, Mask], Array]] = {
    "balanced": balanced,
    "pooled": alone,
}
