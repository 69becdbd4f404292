"""How methods are called: with what they take, as their signatures say."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import TransformerMixin

#: Arguments of `fit` that a method gets only if it takes them, as it does `domain` of
#: `transform`.
FIT_OPTIONAL = ("source", "source_clips", "source_labels")


def takes(function: Callable[..., Any], word: str) -> bool:
    """Return True if a function can be called with an argument of this name."""
    parameters = inspect.signature(function).parameters
    return word in parameters or any(
        p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()
    )


def fit_arguments(
    method: TransformerMixin, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """Return arguments of `fit` by name, without those that a method may not take."""
    return {
        word: value
        for word, value in arguments.items()
        if word not in FIT_OPTIONAL or takes(method.fit, word)
    }


def fit(method: TransformerMixin, arguments: Mapping[str, Any]) -> TransformerMixin:
    """Fit a method to what it takes of the arguments; return it."""
    method.fit(**fit_arguments(method, arguments))
    return method


def transform(
    method: TransformerMixin,
    X: NDArray[np.floating],
    domain: NDArray[np.generic] | None,
) -> Any:  # noqa: ANN401
    """Return what the transform of a fitted method gives.

    Parameters
    ----------
    method : TransformerMixin
        A fitted method.
    X : ndarray of shape (n_clips, n_features)
        Clips.
    domain : ndarray of shape (n_clips,), or None
        Domain of each clip, which the method gets if it takes that. None for a method
        that may not know.

    Returns
    -------
    object
        An array of shape (n_clips, n_out), if the method is right.
    """
    if domain is None or not takes(method.transform, "domain"):
        return method.transform(X)
    return method.transform(X, domain=domain)


def has_own_transform(method: TransformerMixin, base: type[TransformerMixin]) -> bool:
    """Return True if a method derives from `base` and replaces its transform."""
    return "transform" in vars(method) or type(method).transform is not base.transform
