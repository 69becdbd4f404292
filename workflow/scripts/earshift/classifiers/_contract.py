"""What every classifier must do, tried on made-up clips before a run."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone

from earshift import plugin_files, registry
from earshift.classifiers._calls import scores, taken
from earshift.errors import ConfigError, DataError

Array = NDArray[np.float64]

#: Made-up clips that train and that test, and their features.
N_TRAIN, N_TEST, N_FEATURES = 240, 80, 16

#: Differences of scores that are rounding, as a share of their size.
TOLERANCE = 1e-6


def try_out(name: str, estimator: BaseEstimator) -> None:
    """Refuse a classifier that breaks the contract, before anything is computed.

    Parameters
    ----------
    name : str
        Path of the plugin's file.
    estimator : BaseEstimator
        What it makes, not fitted.

    Raises
    ------
    ConfigError
        If `check` finds something. Where the classifier fails on made-up clips, which
        may be too few for it, a warning says so, and the run decides.
    """
    clips = f"{N_TRAIN} in {N_FEATURES} features"
    with plugin_files.on_trial(f"the classifier '{name}'", clips):
        check(name, estimator)


def check(name: str, estimator: BaseEstimator) -> None:
    """Raise unless a classifier keeps the contract.

    Parameters
    ----------
    name : str
        Path of the plugin's file.
    estimator : BaseEstimator
        What it makes, not fitted.

    Raises
    ------
    ConfigError
        With what is wrong. Errors of the classifier itself pass through.
    """
    try:
        _check(estimator, getattr(registry.load("classifiers", name), "linear", False))
    except DataError as error:
        raise ConfigError(
            f"the classifier '{name}' cannot be used: {error} CONTRIBUTING.md says "
            "what classifiers must do."
        ) from error


def _check(estimator: BaseEstimator, is_linear: bool) -> None:
    """Raise `DataError` for the first thing that is wrong."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N_TRAIN + N_TEST, N_FEATURES))
    y = X[:N_TRAIN, 0] + 0.5 * rng.standard_normal(N_TRAIN) > 0
    X, new = X[:N_TRAIN], X[N_TRAIN:]
    given = {
        "sample_weight": np.ones(N_TRAIN),
        "folds": np.arange(N_TRAIN) % 3,
        "products": X @ X.T,
    }
    options = {word: given[word] for word in taken(estimator)}
    fitted, again = (_fitted(estimator, X, y, options) for _ in range(2))
    out = scores(fitted, new.copy())
    if _differ(out, scores(again, new.copy())):
        raise DataError(
            "a second fit to the same clips gives other scores: all randomness must "
            "come from a seed, which is an option."
        )
    if _differ(out[: N_TEST // 2], scores(fitted, new[: N_TEST // 2].copy())):
        raise DataError(
            "its score of a clip depends on the clips that come with it: it must use "
            "the features of the clip alone."
        )
    if is_linear and _differ(out, new @ fitted.coef_[0] + fitted.intercept_[0]):
        raise DataError(
            "it says 'linear = True', but its scores are not X @ coef_[0] + "
            "intercept_[0]."
        )


def _fitted(
    estimator: BaseEstimator,
    X: Array,
    y: NDArray[np.bool_],
    options: dict[str, Any],
) -> BaseEstimator:
    """Return a copy of an estimator that is fitted, which must change no argument."""
    copies = {word: value.copy() for word, value in options.items()}
    copies |= {"X": X.copy(), "y": y.copy()}
    fitted = clone(estimator).fit(
        copies["X"], copies["y"], **{word: copies[word] for word in options}
    )
    for word, value in {**options, "X": X, "y": y}.items():
        if not np.array_equal(value, copies[word]):
            raise DataError(f"its fit changes '{word}': it must leave that as it is.")
    return fitted


def _differ(
    one: Array,
    other: Array,
) -> bool:
    """Return True if scores differ beyond rounding."""
    return bool(np.abs(one - other).max() > TOLERANCE * max(1.0, np.abs(one).max()))
