"""What the workflow makes sure of in a method that it fitted, whoever wrote it.

A fit depends on its arguments alone, and what a method declares of itself is true:
`_checks` has what is made sure of when it transforms clips.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import TransformerMixin

from earshift import registry
from earshift.debias import _calls
from earshift.debias._checks import TOLERANCE, TOO_LARGE, apply, differ
from earshift.errors import MethodError

Array = NDArray[np.float64]

#: Directions of length one, at right angles, are so to this.
ORTHONORMAL = 1e-4


def removed_directions(method: TransformerMixin) -> Array | None:
    """Return the directions that a fitted method removes, if it does nothing else.

    Parameters
    ----------
    method : TransformerMixin
        Any debias method, fitted.

    Returns
    -------
    ndarray of shape (n_directions, n_features), float64, or None
        What it declares as `removed_directions_`, which `check_directions` checks; None
        if it declares nothing.
    """
    declared = getattr(method, "removed_directions_", None)
    return None if declared is None else np.asarray(declared, np.float64)


def check_directions(
    method: TransformerMixin,
    basis: Array,
    X: Array,
    domain: NDArray[np.str_] | None = None,
) -> None:
    """Raise unless a method does no more than remove some directions.

    Parameters
    ----------
    method : TransformerMixin
        A fitted method.
    basis : ndarray of shape (n_directions, n_features), float64
        The directions, orthonormal.
    X : ndarray of shape (n_clips, n_features), float64
        Clips to try it on; they may move together.
    domain : ndarray of shape (n_clips,), str, optional
        As in `apply`.

    Raises
    ------
    MethodError
        If its `transform` does anything else.
    """
    if basis.ndim != 2 or basis.shape[1] != X.shape[1]:
        raise MethodError(
            f"its 'removed_directions_' must be rows of {X.shape[1]} values, one for "
            f"each feature, got an array of shape {basis.shape}."
        )
    out = apply(method, X, domain)
    if not np.isfinite(out).all():
        raise MethodError(
            "the directions that it found hold NaN or infinite values: fit must find "
            "finite ones, or raise an error that says what it needs."
        )
    without = X - (X @ basis.T) @ basis
    skew = np.abs(basis @ basis.T - np.eye(len(basis))).max(initial=0)
    if out.shape == X.shape and skew <= ORTHONORMAL:
        moved = out - without
        away = np.abs(moved - moved[:1]).max(initial=0)
        # The size of the clips: what is left of them may be nothing.
        if away <= TOLERANCE[0] * np.sqrt(np.mean(X**2)):
            return
    raise MethodError(
        "it declares 'removed_directions_', but its transform does not do just that: "
        "these must be orthonormal rows, and stay as fit found them. A method that "
        "does anything else must not declare them; a child of a method that does "
        "defines a transform of its own."
    )


def weights_of(method: TransformerMixin, n_clips: int) -> Array | None:
    """Return how much each clip counts that a method was fitted to, if it says so.

    Parameters
    ----------
    method : TransformerMixin
        A fitted method.
    n_clips : int
        Number of those clips.

    Returns
    -------
    ndarray of shape (n_clips,), float64, or None
        Its `weights_`.

    Raises
    ------
    MethodError
        If they are not a finite number from 0 on for each clip, or all are 0.
    """
    declared = getattr(method, "weights_", None)
    if declared is None:
        return None
    weights = np.asarray(declared)
    if weights.shape != (n_clips,) or weights.dtype.kind not in "fiub":
        raise MethodError(
            f"its 'weights_' must be a real number for each of {n_clips} clips, those "
            "that it was fitted to in their order, got an array of shape "
            f"{weights.shape} and type {weights.dtype}."
        )
    weights = weights.astype(np.float64)
    bad = ~((weights >= 0) & (weights < TOO_LARGE))  # which NaN is not
    if bad.any() or not weights.any():
        wrong = f"{weights[bad.argmax()]} for some" if bad.any() else "0 for all"
        raise MethodError(
            f"its 'weights_' must be finite numbers from 0 on, some of them above 0, "
            f"got {wrong}."
        )
    return weights


def check_fit(
    plugin: str,
    make: Callable[[ModuleType], TransformerMixin],
    seen: Mapping[str, Any],
    X: Array,
    domain: NDArray[np.str_] | None = None,
) -> None:
    """Raise if what a process did before changes a fit, or if chance does.

    A fit to other clips than those of the run must give what it gives in a copy of the
    plugin's module, in which nothing was fitted before.

    Parameters
    ----------
    plugin : str
        Name of the plugin, or path of its file.
    make : callable
        Returns the method that the plugin's module makes, not fitted.
    seen : mapping
        Arguments of `fit` that the method was fitted with before.
    X : ndarray of shape (n_clips, n_features), float64
        Clips to compare the transforms on.
    domain : ndarray of shape (n_clips,), str, optional
        As in `apply`.

    Raises
    ------
    MethodError
        If they differ, or the weights that it gives to the clips.
    """
    clips = ("X", "source_clips")
    other = {k: 1 + 2 * v[:, ::-1] for k, v in seen.items() if k in clips}

    def fitted(module: ModuleType) -> Outcome:
        method = _calls.fit(make(module), {**seen, **other})
        return Outcome.of(method, len(seen["X"]), X, domain)

    here = fitted(registry.load("debias", plugin))
    with registry.copied("debias", plugin) as copy:
        there = fitted(copy)
    if not here.differs(there):
        return
    with registry.copied("debias", plugin) as copy:
        again = fitted(copy)
    if there.differs(again):
        raise MethodError(
            "a second fit to the same clips gives another transform: all randomness "
            "must come from a seed, which is an option."
        )
    raise MethodError(
        "its fit depends on the fits before it: it must depend on its arguments alone. "
        "Keep nothing in variables of the module or class, where clips of other folds "
        "stay."
    )


@dataclass(frozen=True)
class Outcome:
    """What a fitted method does.

    Parameters
    ----------
    out : ndarray of shape (n_clips, n_out), float64
        Its transform of some clips.
    weights : ndarray of shape (n_fitted, 1), float64
        How much each clip counts that it was fitted to; (0, 1) if it does not say so.
    """

    out: Array
    weights: Array

    @classmethod
    def of(
        cls,
        method: TransformerMixin,
        n_fitted: int,
        X: Array,
        domain: NDArray[np.str_] | None,
    ) -> Outcome:
        """Return the outcome for clips `X`, as in `apply`."""
        weights = weights_of(method, n_fitted)
        rows = np.zeros(0) if weights is None else weights
        return cls(apply(method, X, domain), rows[:, None])

    def differs(self, other: Outcome) -> bool:
        """Return True if another outcome differs beyond rounding."""
        return differ(self.out, other.out) or differ(self.weights, other.weights)
