"""What controls share that replace clips, and how the workflow calls them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from earshift.debias._checks import Clips, check_finite, numbers_of
from earshift.debias._method import Method
from earshift.errors import ConfigError, MethodError

Array = NDArray[np.float64]

#: The sides of a split: what `generator` draws for clips that train, and that test.
TRAIN, TEST = 0, 1


class Control(BaseEstimator, ABC):
    """Base of controls that replace the features of clips.

    Parameters
    ----------
    seed : int, default=42
        Of the generator that the workflow makes for `replace`.
    """

    def __init__(self, *, seed: int = 42) -> None:
        self.seed = seed

    @abstractmethod
    def replace(
        self,
        X: Array,
        domain: NDArray[np.str_],
        labels: NDArray[np.int8],
        rng: np.random.Generator,
    ) -> Array:
        """Return features in place of those of some clips.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features), float64
            Clips of all datasets that train, or those that test.
        domain : ndarray of shape (n_clips,), str
            The dataset of each.
        labels : ndarray of shape (n_clips, n_labels), int8
            1 present, 0 absent, -1 unknown: of the class in question, or of all.
        rng : Generator
            Draws.

        Returns
        -------
        ndarray of shape (n_clips, n_out), float64
            One row for each clip.
        """


def check_seed(seed: int) -> None:
    """Raise `ConfigError` unless this can seed a control."""
    if not isinstance(seed, int) or seed < 0:
        raise ConfigError(f"seed is a number from 0 on, got {seed!r}.")


def shuffled(X: Array, group: NDArray[np.int64], rng: np.random.Generator) -> Array:
    """Return clips that are permuted within groups, all orders being as likely.

    Parameters
    ----------
    X : ndarray of shape (n_clips, n_features), float64
        Clips.
    group : ndarray of shape (n_clips,), int64
        The group of each.
    rng : Generator
        Draws; which numbers groups have changes nothing.

    Returns
    -------
    ndarray of shape (n_clips, n_features), float64
        Each row of `X` once. A clip may draw itself: with all orders as likely, a row
        of a group tells nothing of the clip in whose place it is.
    """
    order = rng.permutation(len(X))
    places = np.argsort(group, kind="stable")
    out = np.empty_like(X)
    out[places] = X[order[np.argsort(group[order], kind="stable")]]
    return out


def generator(method: Method, fold: int, side: int) -> np.random.Generator:
    """Return what a control draws from, for one side of a split.

    Parameters
    ----------
    method : Method
        The control, as it is in a repeat (`Method.redrawn`).
    fold : int
        The fold.
    side : int
        `TRAIN` or `TEST`.
    """
    return np.random.default_rng([method.options["seed"], fold, side])


def replaced(
    control: Control,
    parts: Sequence[Clips],
    labels: Sequence[NDArray[np.int8]],
    rng: np.random.Generator,
) -> list[Array]:
    """Return the clips of one side of a split as a control replaces them.

    Parameters
    ----------
    control : Control
        Or any object with its `replace`.
    parts : sequence of Clips
        Of each dataset.
    labels : sequence of ndarray of shape (n_clips, n_labels), int8
        Their labels.
    rng : Generator
        As `generator` returns it.

    Returns
    -------
    list of ndarray of shape (n_clips, n_out), float64
        As `parts`.

    Raises
    ------
    MethodError
        If the control gives no number for a clip, or changes what it is given.
    """
    X = np.concatenate([clips.X for clips in parts])
    sizes = [len(clips.X) for clips in parts]
    domain = np.repeat([clips.dataset for clips in parts], sizes)
    known = np.concatenate(labels)
    given = (X.copy(), domain.copy(), known.copy())
    found = control.replace(*given, rng)
    if not all(map(np.array_equal, given, (X, domain, known))):
        raise MethodError(
            "its replace changes the clips that it is given, or what it is told of "
            "them: it must return a new array."
        )
    out = numbers_of(found, len(X), "replace")
    check_finite(
        out, domain, np.concatenate([clips.clip_id for clips in parts]), "replace"
    )
    return np.split(out, np.cumsum(sizes)[:-1])
