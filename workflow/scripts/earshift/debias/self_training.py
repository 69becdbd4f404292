"""Train classifiers again, on clips of the other dataset that they are sure of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from earshift.errors import ConfigError

version = 1
access = "target_unlabelled"
classwise = False

#: Codes of a pseudo-label; the last is that of a clip which does not train.
PRESENT, ABSENT, UNUSED = 1, 0, -1


class SelfTraining(TransformerMixin, BaseEstimator):
    """Label clips of other datasets by the classifiers, and train on them as well.

    In each round the same number of clips is chosen for each class, those by the
    largest margin: how much higher the log-odds of the class are than those of the best
    other class. They count as present there and as absent in the other classes, and
    every classifier is trained again on them and on the clips of the source. Each round
    chooses anew, and more.

    Parameters
    ----------
    shares : sequence of float, default=(0.2, 0.4, 0.6)
        Share of the clips that is labelled in each round.

    Notes
    -----
    Only clips that may train in a fold are labelled, never those that it tests. With a
    single class, half of the clips that are chosen are those of the highest log-odds,
    present, and half those of the lowest, absent.

    A clip that is chosen counts as absent in all other classes: where clips have
    several classes at once, this teaches errors.

    Where the first classifiers are wrong more often than not, their errors are taught
    to the next ones.

    References
    ----------
    Zou et al. (2018), "Unsupervised domain adaptation for semantic segmentation via
    class-balanced self-training", ECCV.
    """

    def __init__(self, shares: Sequence[float] = (0.2, 0.4, 0.6)) -> None:
        self.shares = shares

    def fit(
        self,
        X: NDArray[np.floating],
        domain: NDArray[np.generic],
        y: NDArray[np.generic] | None = None,
        subgroup: NDArray[np.generic] | None = None,
    ) -> Self:
        """Learn nothing but the number of features; classifiers learn later."""
        del y, subgroup
        validate_data(self, X, domain)
        return self

    def transform(self, X: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the features as they are."""
        check_is_fitted(self, "n_features_in_")
        same: NDArray[np.floating] = validate_data(self, X, reset=False)
        return same

    @property
    def n_rounds(self) -> int:
        """How often classifiers are trained again."""
        return len(self.shares)

    def pseudo_labels(
        self, scores: NDArray[np.float64], number: int
    ) -> NDArray[np.int8]:
        """Return the labels that unlabelled clips train with.

        Parameters
        ----------
        scores : ndarray of shape (n_clips, n_classes), float64
            Log-odds of each class, NaN of a class that has no classifier.
        number : int
            Number of the round, from 0 on.

        Returns
        -------
        ndarray of shape (n_clips, n_classes), int8
            `PRESENT`, `ABSENT` or `UNUSED`.
        """
        labels = np.full(scores.shape, UNUSED, np.int8)
        known = np.flatnonzero(np.isfinite(scores).all(axis=0))
        if not len(known) or not len(scores):
            return labels
        margin = _margins(scores[:, known])
        n_each = max(1, round(self.shares[number] * len(scores) / margin.shape[1]))
        order = np.argsort(-margin, axis=0, kind="stable")
        chosen = np.zeros(margin.shape, bool)
        np.put_along_axis(chosen, order[:n_each], True, axis=0)
        # A clip that several classes chose is of the one it is most likely of.
        best = np.where(chosen, margin, -np.inf).argmax(axis=1)
        used = np.flatnonzero(chosen.any(axis=1))
        labels[np.ix_(used, known)] = ABSENT
        own = best[used] < len(known)
        labels[used[own], known[best[used[own]]]] = PRESENT
        return labels


def _margins(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the margin of each class; of a single one, also that of its absence."""
    if scores.shape[1] == 1:
        return np.column_stack([scores, -scores])
    top = np.sort(scores, axis=1)
    is_best = scores == top[:, -1:]
    return scores - np.where(is_best, top[:, -2:-1], top[:, -1:])


def make(*, shares: Sequence[float] = (0.2, 0.4, 0.6)) -> SelfTraining:
    """Return the method.

    Parameters
    ----------
    shares : sequence of float
        As of `SelfTraining`, each above 0 and at most 1.
    """
    if not shares or not all(0 < share <= 1 for share in shares):
        raise ConfigError(
            "'shares' of 'self_training' must be one or more numbers above 0 and at "
            f"most 1, one for each round, got {list(shares)}."
        )
    return SelfTraining(tuple(shares))
