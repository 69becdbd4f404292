"""Proxy A-distance: from the error of a linear classifier of the dataset."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from earshift.discrepancy import Result
from earshift.discrepancy._domain_classifier import draw_folds
from earshift.discrepancy._pairs import Floats
from earshift.discrepancy._resampling import Draws
from earshift.numerics.discriminant import solve_spread
from earshift.numerics.inference import bootstrap_weights

version = 1
label = "proxy A-distance"
better = "lower"
range = (-2.0, 2.0)  # below 0 by chance alone
at_equality = 0.0

#: Strength of the L2 penalty of a logistic regression, as in `domain_auc_linear`. To
#: second order about zero its loss is a quarter of a squared error: a ridge of 4 / C.
C = 0.01


def measure(
    X_a: NDArray[np.floating],
    X_b: NDArray[np.floating],
    *,
    recordings_a: NDArray[np.str_],
    recordings_b: NDArray[np.str_],
    rng: np.random.Generator,
    **_: Any,
) -> Result:
    """Classify clips by their dataset, out of fold, and count the errors.

    The value is ``2 (1 - 2 e)`` with e the mean of the shares of clips of `a` and of
    `b` that a linear classifier takes for clips of the other dataset. It has not seen
    their recordings. The classifier is a ridge regression of the dataset on
    standardised features, with its threshold half-way between the means of the training
    clips: a shrunken linear discriminant. One factorisation of the features serves all
    null draws, for which it is trained again.

    Parameters
    ----------
    X_a, X_b : ndarray of shape (n_clips, n_features)
        Features of the two datasets.
    recordings_a, recordings_b : ndarray of shape (n_clips,), str
        Recording of each clip.
    rng : Generator
        Draws the folds, the clips where a dataset has more than
        `_domain_classifier.MAX_CLIPS`, and recordings.

    Returns
    -------
    Result
        Its value is in [-2, 2] and has no unit: 2 if all clips are told apart, about 0
        if none are, and below by chance. It grows with the number of clips, of which
        the classifier learns. Resampled values count recordings anew, of the same
        classifiers.

    References
    ----------
    Ben-David, Blitzer, Crammer, Pereira (2007), "Analysis of representations for domain
    adaptation", NeurIPS 19, section 5.
    """
    folds = draw_folds(recordings_a, recordings_b, rng)
    draws = Draws.of(recordings_a, recordings_b, rng)
    is_null = draws.is_null
    n_null = int(is_null.sum())
    counts = [
        bootstrap_weights(own, n_null, rng)[:, 1:]
        for own in (recordings_a, recordings_b)
    ]
    is_null[0] = True  # the datasets themselves, which come first
    X = np.concatenate([X_a, X_b]).astype(np.float64)
    values, wrong = _values(X, folds, draws.part(is_null))
    share_a, share_b = map(_resampled_share, np.split(wrong, [len(X_a)]), counts)
    return Result(float(values[0]), values[1:], 2 * (1 - share_a - share_b))


def _resampled_share(wrong: Floats, counts: NDArray[np.floating]) -> Floats:
    """Return the share of clips of a dataset that are wrong, for each resample."""
    known = np.isfinite(wrong)
    total = counts[known].sum(axis=0, dtype=np.float64)
    share = np.full(len(total), np.mean(wrong[known]))
    np.divide(wrong[known] @ counts[known], total, out=share, where=total > 0)
    return share


def _values(X: Floats, folds: NDArray[np.int64], draws: Draws) -> tuple[Floats, Floats]:
    """Return the value of each draw, and how wrong each clip is in the first.

    A clip is 0 if it is right and 1 if it is wrong; NaN if no fold tests it.
    """
    errors, tested = np.zeros((2, 2, len(draws.in_a)))
    wrong = np.full(len(X), np.nan)
    for fold in np.unique(folds[folds >= 0]):
        test, train = folds == fold, (folds >= 0) & (folds != fold)
        # A draw of few recordings may leave one of the datasets without any that train.
        usable = np.asarray(
            draws.in_a[:, train].any(axis=1) & draws.in_b[:, train].any(axis=1)
        )
        if not usable.any():
            continue
        scores = _scores(X, train, test, draws)
        # Half a clip is wrong where the classifier cannot tell.
        takes_for_b = np.heaviside(scores, 0.5)
        for k, (side, error) in enumerate(
            [(draws.in_a, takes_for_b), (draws.in_b, 1 - takes_for_b)]
        ):
            own = side[:, test] & usable[:, np.newaxis]
            errors[k] += np.sum(error * own, axis=1)
            tested[k] += own.sum(axis=1)
        if usable[0]:
            own = draws.in_b[0, test]
            wrong[test] = np.where(own, 1 - takes_for_b[0], takes_for_b[0])
    shares = errors / np.maximum(tested, 1)
    # Of a single recording, nothing can be learned that is tested on another: chance.
    untested = ~np.all(tested > 0, axis=0)
    shares[:, untested] = 0.5
    if untested[0]:
        wrong[:] = 0.5
    return 2 * (1 - shares.sum(axis=0)), wrong


def _scores(
    X: Floats, train: NDArray[np.bool_], test: NDArray[np.bool_], draws: Draws
) -> Floats:
    """Return scores of clips that test, shape (n_draws, n_test); above 0 means b."""
    scaler = StandardScaler().fit(X[train])
    Z = scaler.transform(X[train])
    mean_a, mean_b = (
        side[:, train] @ Z / np.maximum(side[:, train].sum(axis=1, keepdims=True), 1)
        for side in (draws.in_a, draws.in_b)
    )
    directions = solve_spread(Z, np.full(Z.shape[1], 4 / C), mean_b - mean_a)
    middle = np.einsum("md,md->m", directions, mean_a + mean_b) / 2
    scores: Floats = directions @ scaler.transform(X[test]).T - middle[:, np.newaxis]
    return scores
