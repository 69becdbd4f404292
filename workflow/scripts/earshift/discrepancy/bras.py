"""Batch-removal-adapted silhouette: how well datasets mix within each class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics.pairwise import euclidean_distances

from earshift.discrepancy import Result
from earshift.discrepancy._classes import (
    Labels,
    Sums,
    both_labels,
    classes_to_compare,
    mean_over_classes,
)
from earshift.discrepancy._pairs import Floats, blocks, both
from earshift.discrepancy._resampling import Draws

version = 1
label = "silhouette mixing (BRAS)"
better = "higher"
range = (0.0, 1.0)
at_equality = None


def measure(
    X_a: NDArray[np.floating],
    X_b: NDArray[np.floating],
    *,
    recordings_a: NDArray[np.str_],
    recordings_b: NDArray[np.str_],
    y_a: Labels | None = None,
    y_b: Labels | None = None,
    rng: np.random.Generator,
    **_: Any,
) -> Result:
    """Compare distances of clips of one class within and between the datasets.

    Of each clip of a class, ``within`` is its mean distance to clips of the class in
    its own dataset, and ``between`` that to clips of the class in the other dataset.
    With ``s = (between - within) / max(between, within)``, the value is the mean over
    classes of the mean over clips of ``1 - |s|``. Clips of its own recording do not
    count. Unlike a silhouette over all clips, it does not take what tells classes apart
    for a difference of the datasets.

    A class needs clips of two recordings or more in each dataset: one that only one
    dataset has is left out, and so are clips in no class. A clip with several classes
    counts in each.

    Parameters
    ----------
    X_a, X_b : ndarray of shape (n_clips, n_features)
        Features of the two datasets.
    recordings_a, recordings_b : ndarray of shape (n_clips,), str
        Recording of each clip.
    y_a, y_b : ndarray of shape (n_clips, n_classes), int8
        Labels. Clips labelled 1 are in a class; 0 and -1 are alike.
    rng : Generator
        Draws recordings.

    Returns
    -------
    Result
        Its value is in [0, 1] and has no unit: the higher, the more alike. That of two
        samples of one distribution is below 1, since a distance varies from clip to
        clip.

    Raises
    ------
    DataError
        Without labels, or if no class can be compared.

    References
    ----------
    Rautenstrauch, Ohler (2025), "Shortcomings of silhouette in single-cell integration
    benchmarking", Nature Biotechnology.
    """
    y = both_labels("bras", y_a, y_b)
    X = both(X_a, X_b)
    draws = Draws.of(recordings_a, recordings_b, rng)
    classes = classes_to_compare("bras", y, draws, n_recordings=2)
    return draws.result(
        mean_over_classes(_mixing(X[own], draws, own) for own in classes)
    )


def _mixing(X: Floats, draws: Draws, own: NDArray[np.int64]) -> Sums:
    """Return the sum over clips of a class of ``1 - |s|``, and how many have one."""
    recording = draws.recording[own]
    sides = [side[:, own].T.astype(float) for side in (draws.in_a, draws.in_b)]
    total, number = np.zeros((2, len(draws.in_a)))
    for rows in blocks(len(X)):
        other = (recording[rows, np.newaxis] != recording).astype(float)
        distances = euclidean_distances(X[rows], X) * other
        counts = [other @ side for side in sides]
        means = [
            distances @ side / np.maximum(count, 1)
            for side, count in zip(sides, counts, strict=True)
        ]
        # Whichever of the two is the own dataset: the sign of s does not count.
        longer = np.maximum(*means)
        mixed = 1 - np.abs(means[0] - means[1]) / np.where(longer > 0, longer, 1)
        drawn = (sides[0][rows] + sides[1][rows]) * (np.minimum(*counts) > 0)
        total += np.einsum("im,im->m", mixed, drawn)
        number += drawn.sum(axis=0)
    return total, number
