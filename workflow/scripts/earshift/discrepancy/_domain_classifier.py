"""What the domain-classifier measures share: out-of-fold scores by recording."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from earshift.discrepancy._result import ClipScores, Result
from earshift.numerics.grouped_folds import assign_folds

#: Folds of the domain classifier, within the clips it is given.
N_FOLDS = 5

#: Clips of each dataset at most: enough for an AUC to the second digit.
MAX_CLIPS = 2000


class Classifier(Protocol):
    """A binary scikit-learn classifier with a decision function."""

    def fit(self, X: NDArray[np.floating], y: NDArray[np.bool_]) -> Classifier:
        """Learn from `X`, shape (n_clips, n_features)."""

    def decision_function(self, X: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return a score per row of `X`."""


def draw_folds(
    recordings_a: NDArray[np.str_],
    recordings_b: NDArray[np.str_],
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Assign the recordings of two datasets to folds.

    Parameters
    ----------
    recordings_a, recordings_b : ndarray of shape (n_clips,), str
        Recording of each clip.
    rng : Generator
        Draws the clips where there are more than `MAX_CLIPS`, then the folds.

    Returns
    -------
    ndarray of shape (n_a + n_b,), int64
        Fold of each clip, first those of `a`; -1 for clips beyond `MAX_CLIPS`.
    """
    recordings = np.concatenate(
        [np.char.add("a/", recordings_a), np.char.add("b/", recordings_b)]
    )
    is_b = np.arange(len(recordings)) >= len(recordings_a)
    used = np.concatenate(
        [
            np.sort(rng.permutation(np.flatnonzero(is_b == side))[:MAX_CLIPS])
            for side in (False, True)
        ]
    )
    n_recordings = min(
        len(np.unique(recordings[used][is_b[used] == s])) for s in (0, 1)
    )
    n_folds = min(N_FOLDS, n_recordings)
    folds = np.full(len(recordings), -1)
    sides = np.stack([~is_b, is_b], axis=1)[used]
    folds[used] = assign_folds(sides, recordings[used], max(2, n_folds), rng)
    return folds


def out_of_fold(
    classifier: Classifier,
    X_a: NDArray[np.floating],
    X_b: NDArray[np.floating],
    recordings_a: NDArray[np.str_],
    recordings_b: NDArray[np.str_],
    rng: np.random.Generator,
) -> Result:
    """Score every clip by a domain classifier that has not seen its recording.

    Parameters
    ----------
    classifier : Classifier
        Fitted anew for each fold, on features standardised by the training part.
    X_a, X_b : ndarray of shape (n_clips, n_features)
        Features of the two datasets.
    recordings_a, recordings_b : ndarray of shape (n_clips,), str
        Recording of each clip.
    rng : Generator
        Draws the folds, and the clips where there are more than `MAX_CLIPS`.

    Returns
    -------
    Result
        With scores. Clips beyond `MAX_CLIPS`, and those of a fold without which only
        one dataset is left, have the fold -1 and the score NaN.
    """
    # Only where it is used: scikit-learn takes a second to load.
    from sklearn.preprocessing import StandardScaler

    X = np.concatenate([X_a, X_b]).astype(np.float64)
    is_b = np.arange(len(X)) >= len(X_a)
    scores = np.full(len(X), np.nan)
    folds = draw_folds(recordings_a, recordings_b, rng)
    left_out = np.zeros(len(X), bool)
    for fold in np.unique(folds[folds >= 0]):
        test = folds == fold
        train = (folds >= 0) & ~test
        if len(np.unique(is_b[train])) < 2:
            left_out |= test
            continue
        scaler = StandardScaler().fit(X[train])
        classifier.fit(scaler.transform(X[train]), is_b[train])
        scores[test] = classifier.decision_function(scaler.transform(X[test]))
    found = ClipScores(scores, np.where(left_out, -1, folds))
    return Result(found.auc(len(X_a)), scores=found)
