"""Average precision of finding the class in the other dataset (SWDP)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from earshift.discrepancy import Result
from earshift.discrepancy._classes import Labels, both_labels, filled
from earshift.discrepancy._pairs import Floats, blocks, both
from earshift.discrepancy._resampling import Draws
from earshift.errors import DataError

version = 1
label = "same-class precision (SWDP)"
better = "higher"
range = (0.0, 1.0)
at_equality = None

#: Pairs of clips at most; of more, so many are drawn.
MAX_PAIRS = 200_000

#: Pairs whose features are held at a time.
HELD = 2048


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
    """Rank pairs of clips by distance: those of one class should come first.

    Positives are pairs of clips of the same class and of different datasets, negatives
    are pairs of other classes, of one dataset or two. Pairs of the same class and
    dataset are left out: they are near each other for either reason. The value is the
    average precision of the ranking by Euclidean distance, the nearest first. It falls
    if datasets are far apart in units of what tells classes apart.

    Two clips are of the same class if they have one in common. They are of other
    classes if each has one, and neither has, or may have (-1), one of the other's. A
    pair that is neither is left out, and so are pairs of one recording. A class that
    only one dataset has gives negatives alone. Of more than `MAX_PAIRS` pairs of clips,
    so many are drawn.

    Parameters
    ----------
    X_a, X_b : ndarray of shape (n_clips, n_features)
        Features of the two datasets.
    recordings_a, recordings_b : ndarray of shape (n_clips,), str
        Recording of each clip.
    y_a, y_b : ndarray of shape (n_clips, n_classes), int8
        Labels: 1 present, 0 absent, -1 unknown.
    rng : Generator
        Draws pairs, then recordings.

    Returns
    -------
    Result
        Its value is in [0, 1] and has no unit: the higher, the more alike are clips of
        one class. Where distances tell nothing it is the share of positives among the
        pairs, which depends on the classes: compare it with null values.

    Raises
    ------
    DataError
        Without labels, or if there is no pair of either kind.

    References
    ----------
    Carlin, Thomas, Jansen, Hermansky (2011), "Rapid evaluation of speech
    representations for spoken term discovery", Interspeech, for the same-different
    task, of which this is the part across domains.
    """
    y = both_labels("same_class_average_precision", y_a, y_b)
    X = both(X_a, X_b)
    pairs = _pairs(len(X), rng)
    draws = Draws.of(recordings_a, recordings_b, rng)
    pairs = pairs[:, np.diff(draws.recording[pairs], axis=0)[0] != 0]
    same, other = _kinds(y, *pairs)
    of_two = draws.in_a[0, pairs[0]] != draws.in_a[0, pairs[1]]
    if not (same & of_two).any() or not other.any():
        raise DataError(
            "the measure 'same_class_average_precision' needs pairs of clips of the "
            "same class in both datasets, and pairs of which neither clip has a class "
            f"of the other, got {np.sum(same & of_two)} and {other.sum()} of "
            f"{len(same)} pairs. Label more clips, or leave this measure out."
        )
    pairs, same = pairs[:, same | other], same[same | other]
    distances = _distances(X, *pairs)
    order = np.argsort(distances, kind="stable")
    (i, j), same = pairs[:, order], same[order]
    ends = np.append(np.flatnonzero(np.diff(distances[order])), len(order) - 1)
    values = [
        _average_precision(same, a[i], a[j], b[i], b[j], ends)
        for a, b in zip(draws.in_a, draws.in_b, strict=True)
    ]
    return draws.result(filled(np.array(values)))


def _pairs(n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return pairs of clips, all of them or some, shape (2, n_pairs)."""
    number = n * (n - 1) // 2
    # Drawn also where all are, so that this takes as much of `rng`.
    drawn = rng.choice(number, min(number, MAX_PAIRS), replace=False, shuffle=False)
    # The pair (i, j), of which i < j, has the number j (j - 1) / 2 + i.
    j = np.floor((1 + np.sqrt(1 + 8 * drawn)) / 2).astype(np.int64)
    j -= j * (j - 1) // 2 > drawn  # but for rounding, it is so
    return np.stack([drawn - j * (j - 1) // 2, j])


def _kinds(
    y: Labels, i: NDArray[np.int64], j: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which pairs are of the same class, and which of other classes."""
    same, maybe = np.zeros((2, len(i)), bool)
    for column in y.T:
        first, second = column[i], column[j]
        same |= (first == 1) & (second == 1)
        maybe |= ((first == 1) & (second != 0)) | ((first != 0) & (second == 1))
    some = np.any(y == 1, axis=1)
    return same, some[i] & some[j] & ~maybe


def _distances(X: Floats, i: NDArray[np.int64], j: NDArray[np.int64]) -> Floats:
    """Return the squared distance of each pair."""
    out = np.empty(len(i))
    for rows in blocks(len(i), HELD):
        difference = X[i[rows]]
        difference -= X[j[rows]]
        out[rows] = np.einsum("ij,ij->i", difference, difference)
    return out


def _average_precision(
    same: NDArray[np.bool_],
    a_i: NDArray[np.bool_],
    a_j: NDArray[np.bool_],
    b_i: NDArray[np.bool_],
    b_j: NDArray[np.bool_],
    ends: NDArray[np.int64],
) -> float:
    """Return the average precision of pairs in the order of their distances, in a draw.

    `ends` are the last pairs of each distance: pairs at one distance come as one. NaN
    where a draw has no positive pair.
    """
    crossing = (a_i & b_j) | (b_i & a_j)
    positive = same & crossing
    counted = crossing | (~same & (a_i | b_i) & (a_j | b_j))
    hits = np.cumsum(positive)[ends]
    if not hits[-1]:
        return float("nan")
    number = np.cumsum(counted)[ends]
    found = np.diff(hits, prepend=0)
    precision = np.divide(hits, number, out=np.zeros(len(hits)), where=number > 0)
    return float(found @ precision) / int(hits[-1])
