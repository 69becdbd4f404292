"""Clips of other datasets that train without labels of their own.

A method that labels clips by the classifiers (`n_rounds`, `pseudo_labels`) has these
trained again, on the clips of the source and on those that it labelled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from earshift.errors import MethodError
from earshift.evaluation.training import Fitted

Array = NDArray[np.float64]
Words = NDArray[np.str_]
Mask = NDArray[np.bool_]


class Labeller(Protocol):
    """A method that labels clips by the scores of classifiers."""

    @property
    def n_rounds(self) -> int:
        """How often classifiers are trained again."""

    def pseudo_labels(self, scores: Array, number: int) -> NDArray[np.int8]:
        """Return 1 for present, 0 for absent, -1 for a clip that does not train."""


@dataclass(frozen=True)
class Labelled:
    """Clips that train a class beside those of the source.

    Parameters
    ----------
    X : ndarray of shape (n_clips, n_features), float64
        Features.
    y : ndarray of shape (n_clips,), bool
        Class present or absent.
    recordings : ndarray of shape (n_clips,), str
        Recording of each clip.
    weights : ndarray of shape (n_clips,), float64, or None
        How much each counts; None for once.
    """

    X: Array
    y: Mask
    recordings: Words
    weights: Array | None

    def after(
        self, X: Array, y: Mask, weights: Array | None, recordings: Words
    ) -> tuple[Array, Mask, Array | None, Words]:
        """Return features, classes, weights and recordings of clips, then of these."""
        together = None
        if weights is not None or self.weights is not None:
            together = np.concatenate([_ones(weights, X), _ones(self.weights, self.X)])
        return (
            np.concatenate([X, self.X]),
            np.concatenate([y, self.y]),
            together,
            np.concatenate([recordings, self.recordings]),
        )

    def and_more(self, more: Labelled) -> Labelled:
        """Return these clips, then others."""
        X, y, weights, recordings = more.after(
            self.X, self.y, self.weights, self.recordings
        )
        return Labelled(X, y, recordings, weights)


def _ones(weights: Array | None, X: Array) -> Array:
    return np.ones(len(X)) if weights is None else weights


@dataclass(frozen=True)
class Pool:
    """Unlabelled clips that may train.

    Parameters
    ----------
    X : ndarray of shape (n_clips, n_features), float64
        Features as the method leaves them.
    recordings : ndarray of shape (n_clips,), str
        Recording of each clip.
    weights : ndarray of shape (n_clips,), float64, or None
        How much each counts; None for once.
    """

    X: Array
    recordings: Words
    weights: Array | None

    def labelled(self, labels: NDArray[np.int8]) -> Labelled:
        """Return the clips whose label, 1 or 0, is not -1; `labels` has one of each."""
        used = labels >= 0
        weights = None if self.weights is None else self.weights[used]
        return Labelled(self.X[used], labels[used] == 1, self.recordings[used], weights)

    def only(self, kept: Mask) -> Pool:
        """Return some of the clips, by a mask of shape (n_clips,)."""
        weights = None if self.weights is None else self.weights[kept]
        return Pool(self.X[kept], self.recordings[kept], weights)


def labels_of(method: Labeller, scores: Array, number: int) -> NDArray[np.int8]:
    """Return the labels that a method gives clips in a round.

    Parameters
    ----------
    method : Labeller
        The method.
    scores : ndarray of shape (n_clips, n_classes), float64
        Log-odds of each class, NaN of a class without a classifier.
    number : int
        Number of the round.

    Returns
    -------
    ndarray of shape (n_clips, n_classes), int8
        1 for present, 0 for absent, -1 for a clip that does not train the class.

    Raises
    ------
    MethodError
        If the method returns anything else.
    """
    labels = np.asarray(method.pseudo_labels(scores.copy(), number))
    if labels.shape != scores.shape or not np.isin(labels, (-1, 0, 1)).all():
        raise MethodError(
            f"its 'pseudo_labels' must return 1, 0 or -1 for each clip and class, "
            f"shape {scores.shape}, got shape {labels.shape} with the values "
            f"{np.unique(labels)[:5]}."
        )
    return labels.astype(np.int8)


def trained_again(
    method: Labeller,
    pool: Pool,
    fits: Sequence[Fitted | None],
    refit: Callable[[int, Labelled], Fitted],
) -> list[Fitted | None]:
    """Return the classifiers of all classes after the rounds of a method.

    Parameters
    ----------
    method : Labeller
        The method.
    pool : Pool
        The clips that it labels.
    fits : sequence of Fitted or None
        The classifier of each class before; a class without one takes no part.
    refit : callable
        Trains the classifier of a class, by its number, on clips of the source and on
        those that the method labelled.

    Returns
    -------
    list of Fitted or None
        Those of the last round.
    """
    unknown = np.full(len(pool.X), np.nan)
    now = list(fits)
    for number in range(method.n_rounds):
        scores = [unknown if f is None else f.score(pool.X) for f in now]
        labels = labels_of(method, np.stack(scores, axis=1), number)
        now = [
            fitted and refit(k, pool.labelled(labels[:, k]))
            for k, fitted in enumerate(now)
        ]
    return now
