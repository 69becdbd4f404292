"""Class-wise inverse Simpson index: how many datasets a clip's neighbours are from."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
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
label = "neighbour mixing (CiLISI)"
better = "higher"
range = (0.0, 1.0)
at_equality = None

#: Effective number of neighbours, where a class has three times as many.
PERPLEXITY = 30.0

#: Clips of a class at least, in both datasets together.
MIN_CLIPS = 10

#: Halvings of the interval in which the width of a neighbourhood is sought: the
#: logarithm of the perplexity is then right to more than five digits.
N_STEPS = 40


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
    """Look at which datasets the neighbours of a clip in its class are from.

    The neighbours of a clip are the ``3 PERPLEXITY`` nearest clips of its class that
    are of other recordings, with Gaussian weights of perplexity `PERPLEXITY` (a third
    of the class where it has fewer). With p and q the shares of the two datasets in
    these weights, ``1 / (p^2 + q^2)`` is the effective number of datasets, between 1
    and 2. The value is the mean over classes of the mean over clips of this number less
    one. It looks at neighbourhoods alone: how far apart datasets are that do not mix
    makes no difference.

    A class needs `MIN_CLIPS` clips, and some in each dataset: one that only one dataset
    has is left out, and so are clips in no class. A clip with several classes counts in
    each. Halves of the recordings keep the weights of those neighbours that they have.

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
        Its value is in [0, 1] and has no unit: the higher, the more alike. That of
        equal datasets is below 1, the more so the fewer clips a class has. It is lower
        for a class that one dataset has more clips of, also where they mix: with p of
        its clips in one, and q in the other, it is ``1 / (p^2 + q^2) - 1`` at most. In
        null draws these shares are alike, and so the p-value sees them as a difference.

    Raises
    ------
    DataError
        Without labels, or if no class can be compared.

    References
    ----------
    Korsunsky et al. (2019), "Fast, sensitive and accurate integration of single-cell
    data with Harmony", Nature Methods 16, pp. 1289-1296, for the index. Andreatta et
    al. (2024), "Semi-supervised integration of single-cell transcriptomics data",
    Nature Communications 15, 872, for that within classes.
    """
    y = both_labels("cilisi", y_a, y_b)
    X = both(X_a, X_b)
    draws = Draws.of(recordings_a, recordings_b, rng)
    classes = classes_to_compare("cilisi", y, draws, n_recordings=1, n_clips=MIN_CLIPS)
    return draws.result(
        mean_over_classes(_mixing(X[own], draws, own) for own in classes)
    )


def _mixing(X: Floats, draws: Draws, own: NDArray[np.int64]) -> Sums:
    """Return the sum over clips of a class of the index less one, and how many."""
    weights = neighbour_weights(X, draws.recording[own])
    sides = [side[:, own].T.astype(float) for side in (draws.in_a, draws.in_b)]
    total, number = np.zeros((2, len(draws.in_a)))
    for rows in blocks(len(X)):
        p, q = (weights[rows] @ side for side in sides)
        squares = p**2 + q**2
        drawn = (sides[0][rows] + sides[1][rows]) * (squares > 0)
        index = (p + q) ** 2 / np.where(squares > 0, squares, 1)
        total += np.einsum("im,im->m", index - 1, drawn)
        number += drawn.sum(axis=0)
    return total, number


def neighbour_weights(X: Floats, recording: NDArray[np.int64]) -> csr_array:
    """Return Gaussian weights of the neighbours of each clip.

    Parameters
    ----------
    X : ndarray of shape (n_clips, n_features), float64
        Features of the clips of a class.
    recording : ndarray of shape (n_clips,), int64
        Clips of the own recording are no neighbours.

    Returns
    -------
    sparse array of shape (n_clips, n_clips)
        Rows sum to 1, or are empty where all clips are of one recording.
    """
    perplexity = min(PERPLEXITY, len(X) / 3)
    k = min(int(np.ceil(3 * perplexity)), len(X) - 1)
    entries: list[Floats] = []
    columns: list[NDArray[np.int64]] = []
    for rows in blocks(len(X)):
        squares = euclidean_distances(X[rows], X, squared=True)
        squares[recording[rows, np.newaxis] == recording] = np.inf
        nearest = np.argpartition(squares, k - 1, axis=1)[:, :k]
        columns.append(nearest)
        squares = np.take_along_axis(squares, nearest, axis=1)
        entries.append(_gaussian(squares, perplexity))
    starts = np.arange(len(X) + 1) * k
    flat = np.concatenate(entries).ravel(), np.concatenate(columns).ravel(), starts
    return csr_array(flat, shape=(len(X), len(X)))


def _gaussian(squares: Floats, perplexity: float) -> Floats:
    """Return weights of a perplexity, given squared distances; infinite ones have none.

    The width of each row is found by bisection. Where fewer neighbours are left than
    the perplexity, they weigh the same.
    """
    there = np.isfinite(squares)
    number = there.sum(axis=1)
    least = np.min(squares, axis=1, keepdims=True, initial=np.inf, where=there)
    # From the nearest on, in a unit that makes the width a number of about one.
    rest = np.where(there, squares - np.where(np.isfinite(least), least, 0), 0)
    unit = rest.sum(axis=1) / np.maximum(number, 1)
    rest /= np.where(unit > 0, unit, 1)[:, np.newaxis]
    target = np.log(np.minimum(perplexity, np.maximum(number, 1)))
    low, high = np.full(len(rest), -30.0), np.full(len(rest), 30.0)
    for _ in (None,) * N_STEPS:
        middle = (low + high) / 2  # logarithm of the inverse squared width
        wide = _entropy(_weights(rest, there, middle)) > target
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    return _weights(rest, there, low)


def _weights(rest: Floats, there: NDArray[np.bool_], log_rate: Floats) -> Floats:
    """Return the weights of a width, which sum to 1 where there are neighbours."""
    weights: Floats = np.exp(-rest * np.exp(log_rate)[:, np.newaxis]) * there
    total = weights.sum(axis=1, keepdims=True)
    return weights / np.where(total > 0, total, 1)


def _entropy(weights: Floats) -> Floats:
    """Return the entropy of each row of weights, in nats."""
    logs = np.log(weights, out=np.zeros_like(weights), where=weights > 0)
    out: Floats = -np.sum(weights * logs, axis=1)
    return out
