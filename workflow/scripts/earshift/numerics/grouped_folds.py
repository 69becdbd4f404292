"""Stage 4, splits: folds that are even and that a change of the data hardly moves."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

#: A recording goes to another fold if that evens out the folds by more than this share
#: of what it weighs. Without it, folds are a little more even, and less stable.
SLACK = 0.5

#: So many recordings may leave their first fold. Of more, half of these are those that
#: weigh most, as recordings of rare kinds do, and half are drawn by their hashes.
MOVABLE = 4096


def assign_folds(
    labels: NDArray[np.bool_],
    recordings: NDArray[np.str_],
    n_folds: int,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Assign whole recordings to folds so that each kind of clip is spread evenly.

    Each recording has a first fold, by a hash of its name. Then the recording whose
    move evens out the folds most goes to another one, again and again, until no move
    helps enough. One recording more or less therefore moves few of the others.

    Parameters
    ----------
    labels : ndarray of shape (n_clips, n_kinds), bool
        Which clips are of a kind, such as those that have a class, those that lack it,
        or all of a dataset. Rare kinds weigh as much as frequent ones, and recordings
        of a kind as much as clips of it.
    recordings : ndarray of shape (n_clips,), str
        Recording of each clip.
    n_folds : int
        How many folds.
    rng : Generator
        Draws the key of the hash. Numbers of two keys are independent.

    Returns
    -------
    ndarray of shape (n_clips,), int64
        Fold of each clip; clips of one recording share one. It depends on the names of
        recordings, not on their order.
    """
    names, member = np.unique(recordings, return_inverse=True)
    places = hashed(names, rng.bytes(16))
    counts = np.zeros((len(names), labels.shape[1]))
    np.add.at(counts, member, labels)
    # Even in clips, and in recordings: one of many clips is no more than one example.
    shares = np.column_stack([counts, counts > 0])
    shares /= np.maximum(shares.sum(axis=0), 1)
    # Among equals the first moves: by hash, as the order of names may mean something.
    order = np.argsort(places)
    first, turn = np.divmod(places[order] * n_folds, 1)
    fold = np.empty(len(names), np.int64)
    fold[order] = _evened(first.astype(np.int64), shares[order], n_folds, turn)
    found: NDArray[np.int64] = fold[member]
    return found


def hashed(names: NDArray[np.str_], key: bytes) -> NDArray[np.float64]:
    """Return a number in [0, 1) for each name, the same wherever and whenever.

    Parameters
    ----------
    names : ndarray of shape (n_names,), str
        What to hash.
    key : bytes
        At most 64; other keys give other numbers, independent of these.

    Returns
    -------
    ndarray of shape (n_names,), float64
        Multiples of 2 to the power of -53.
    """
    hashes = (blake2b(str(n).encode(), digest_size=8, key=key).digest() for n in names)
    numbers = [int.from_bytes(h, "big") >> 11 for h in hashes]
    return np.array(numbers, np.float64) / 2**53


def _evened(
    fold: NDArray[np.int64],
    shares: NDArray[np.float64],
    n_folds: int,
    turn: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Return folds between which no recording would be moved any more.

    Parameters
    ----------
    fold : ndarray of shape (n_recordings,), int64
        First fold of each; it is overwritten.
    shares : ndarray of shape (n_recordings, n_kinds), float64
        How much of all clips, or recordings, of a kind a recording has.
    n_folds : int
        How many folds.
    turn : ndarray of shape (n_recordings,), float64
        Of many recordings, which may be moved: those with the lowest.

    Returns
    -------
    ndarray of shape (n_recordings,), int64
        `fold`. Each move lowers the sum, over folds and kinds, of squared shares.
    """
    held = np.zeros((n_folds, shares.shape[1]))
    np.add.at(held, fold, shares)
    weight = (shares**2).sum(axis=1, keepdims=True)
    unit = weight.mean() or 1.0
    movable = np.arange(len(fold))
    if len(fold) > MOVABLE:
        heaviest = np.argsort(-np.round(weight[:, 0] / unit, 9), kind="stable")
        drawn = np.argsort(turn)
        movable = np.union1d(heaviest[: MOVABLE // 2], drawn[: MOVABLE // 2])
    own, weight, place = shares[movable], weight[movable], fold[movable]
    # How much a recording meets in each fold of what it has itself.
    met = own @ held.T
    rows = np.arange(len(movable))
    while True:
        gain = (met[rows, place][:, None] - met - weight) / unit
        # With a margin, and rounded, so that the last bits of a sum decide nothing.
        gain[gain < SLACK * weight / unit + 1e-9] = 0
        best, target = divmod(int(np.argmax(np.round(gain, 9))), n_folds)
        if gain[best, target] == 0:
            fold[movable] = place
            return fold
        change = own @ own[best]
        met[:, target] += change
        met[:, place[best]] -= change
        place[best] = target
