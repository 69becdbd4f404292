"""Measures of plain arrays: a value with its interval, its p-value and its null."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earshift import registry
from earshift.discrepancy._resampling import drawing
from earshift.discrepancy._result import Result
from earshift.errors import DataError
from earshift.numerics import auc, inference
from earshift.numerics.labels import label_matrix

#: Level of the interval.
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Measured:
    """How far apart two sets of clips are.

    Parameters
    ----------
    value : float
        The value of the measure.
    interval : (float, float)
        Its 95 % interval, for other recordings of the same datasets.
    p_value : float
        How often equal datasets look as different by chance, one-sided: of n null
        values, one more than are as extreme as the value, over n + 1. Of a measure
        without null values see `measure`.
    null : ndarray of shape (n_permutations,), float64, or None
        Values of equal datasets: recordings assigned to the two at random.
    resampled : ndarray of shape (n_permutations,), float64
        Values of other recordings, of which `interval` has the percentiles.
    """

    value: float
    interval: tuple[float, float]
    p_value: float
    null: NDArray[np.float64] | None
    resampled: NDArray[np.float64]


def measure(
    name: str,
    X_a: ArrayLike,
    X_b: ArrayLike,
    recordings_a: ArrayLike | None = None,
    recordings_b: ArrayLike | None = None,
    y_a: ArrayLike | None = None,
    y_b: ArrayLike | None = None,
    n_permutations: int = 999,
    random_state: int = 0,
    **options: Any,
) -> Measured:
    """Measure how far apart two sets of clips are.

    ``earshift.discrepancy.mmd(X_a, X_b)`` is the same as ``measure("mmd", X_a, X_b)``,
    and so it is for every measure of the library.

    Parameters
    ----------
    name : str
        Name of a measure (``earshift.registry.names("discrepancy")`` lists them) or
        path of a ``.py`` file that defines one.
    X_a, X_b : array-like of shape (n_clips, n_features)
        Features of the clips of either set, all finite.
    recordings_a, recordings_b : array-like of shape (n_clips,), optional
        Recording of each clip: clips of one are drawn together, since they are not
        independent. Without, each clip is a recording of its own. The sets share no
        recording, whatever the names.
    y_a, y_b : array-like of shape (n_clips,) or (n_clips, n_classes), optional
        The class of each clip, or for each class 1 where it is present, 0 where it is
        absent, -1 or NaN where that is unknown, as `earshift.load_features` gives them.
        Some measures need them.
    n_permutations : int, default=999
        Null values, and resampled ones. A measure in a file of one's own may decide
        otherwise.
    random_state : int, default=0
        Draws.
    **options
        Options of the measure.

    Returns
    -------
    Measured
        A measure that scores clips, such as ``domain_auc_linear``, has no null values,
        since its classifiers would have to be trained again for each. Its interval and
        p-value come from resampled recordings, as in the workflow: they are spread by
        the square root of two for the p-value, which is the share of them at or beyond
        the value of equal datasets.

    Raises
    ------
    ConfigError
        If there is no such measure, or it has no such option.
    DataError
        If the arrays do not fit together, or labels are missing that it needs.

    Examples
    --------
    >>> import numpy as np
    >>> from earshift import discrepancy
    >>> rng = np.random.default_rng(0)
    >>> X_a, X_b = rng.standard_normal((2, 60, 8))
    >>> discrepancy.mmd(X_a, X_b + 0.5).p_value
    0.001
    """
    plugin = registry.load("discrepancy", name)
    options = registry.check_options("discrepancy", name, options)
    if n_permutations < 1:
        raise DataError(f"n_permutations must be 1 or more, got {n_permutations}.")
    X = [_features(each, side) for each, side in ((X_a, "a"), (X_b, "b"))]
    if X[0].shape[1] != X[1].shape[1]:
        raise DataError(
            f"X_a has {X[0].shape[1]} features and X_b has {X[1].shape[1]}: both sets "
            "need the same ones."
        )
    recordings = [
        _recordings(each, len(own), side)
        for each, own, side in zip((recordings_a, recordings_b), X, "ab", strict=True)
    ]
    y = _labels(y_a, y_b, [len(own) for own in X])
    rng = np.random.default_rng(random_state)
    with drawing(n_permutations):
        result: Result = plugin.measure(
            *X,
            recordings_a=recordings[0],
            recordings_b=recordings[1],
            y_a=y[0],
            y_b=y[1],
            rng=rng,
            **options,
        )
    resampled, spread = result.resampled, 1.0
    if result.scores is not None:
        resampled = _resampled_auc(result, recordings, n_permutations, rng)
        spread = inference.AT_CHANCE
    if resampled is None:
        raise DataError(
            f"the measure '{name}' gives neither scores of clips nor resampled values; "
            "discrepancy.resample makes these."
        )
    p_value = inference.p_of_equality(
        result.value,
        plugin.better,
        null=result.null,
        resampled=resampled,
        at_equality=plugin.at_equality,
        spread=spread,
    )
    interval = inference.interval(resampled, CONFIDENCE)
    return Measured(result.value, interval, p_value, result.null, resampled)


def function_of(name: str) -> Callable[..., Measured]:
    """Return a measure of the library as a function of arrays.

    Parameters
    ----------
    name : str
        Name of the measure.

    Returns
    -------
    callable
        `measure` with this name, which says in its docstring what it measures.
    """
    about = inspect.getdoc(registry.load("discrepancy", name).measure) or ""
    what, _, _ = about.partition("\n\nParameters\n")

    def function(*args: Any, **options: Any) -> Measured:
        return measure(name, *args, **options)

    function.__name__ = function.__qualname__ = name
    function.__module__ = "earshift.discrepancy"
    function.__signature__ = inspect.signature(partial(measure, name))  # type: ignore[attr-defined]
    function.__doc__ = (
        f"{what}\n\nArguments and result are those of `earshift.discrepancy.measure`, "
        "without the name."
    )
    return function


def _resampled_auc(
    result: Result,
    recordings: list[NDArray[np.str_]],
    n_resamples: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Return the AUC of scores of clips for each resample of the recordings."""
    assert result.scores is not None
    weights = np.concatenate(
        [inference.bootstrap_weights(own, n_resamples, rng) for own in recordings]
    )
    used = np.flatnonzero(result.scores.folds >= 0)
    values = auc.resampled_auc(
        result.scores.scores[used],
        used >= len(recordings[0]),
        result.scores.folds[used],
        weights[used],
    )
    return values[1:]


def _features(X: ArrayLike, side: str) -> NDArray[np.float64]:
    """Return the features of a set, a copy, if they can be used."""
    try:
        found = np.array(X, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"X_{side} must hold numbers: {error}.") from error
    if found.ndim != 2 or not found.size:
        raise DataError(
            f"X_{side} must have a row per clip and a column per feature, one or more "
            f"of either, got shape {found.shape}."
        )
    bad = ~np.isfinite(found).all(axis=1)
    if bad.any():
        raise DataError(
            f"X_{side} must be finite, got {bad.sum()} clips that are not, the first "
            f"in row {bad.argmax()}. Leave them out."
        )
    return found


def _recordings(given: ArrayLike | None, n: int, side: str) -> NDArray[np.str_]:
    """Return the recording of each clip of a set."""
    found = np.arange(n) if given is None else np.asarray(given)
    if found.shape != (n,):
        raise DataError(
            f"recordings_{side} must name the recording of each of {n} clips, got an "
            f"array of shape {found.shape}."
        )
    return found.astype(str)


def _labels(
    y_a: ArrayLike | None, y_b: ArrayLike | None, n_clips: list[int]
) -> list[NDArray[np.int8]] | tuple[None, None]:
    """Return the labels of both sets, with a column per class."""
    if y_a is None and y_b is None:
        return None, None
    if y_a is None or y_b is None:
        missing = "y_a" if y_a is None else "y_b"
        raise DataError(f"{missing} is missing: give the labels of both sets, or none.")
    given = [np.asarray(y_a), np.asarray(y_b)]
    if given[0].ndim != given[1].ndim or given[0].shape[1:] != given[1].shape[1:]:
        raise DataError(
            f"y_a and y_b must have the same classes, got shapes {given[0].shape} and "
            f"{given[1].shape}."
        )
    classes = None
    if given[0].ndim == 1:
        classes = np.unique(np.concatenate(given).astype(str)).tolist()
    return [
        label_matrix(y, n, classes, what=f"y_{side}")[0]
        for y, n, side in zip(given, n_clips, "ab", strict=True)
    ]
