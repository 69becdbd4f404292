"""Classifiers of classes: scikit-learn estimators, one file each.

A classifier plugin defines

``version``
    An integer that is raised whenever its numbers change.
``make(**options)``
    Return the unfitted estimator, a scikit-learn classifier: it has ``fit(X, y)`` and
    ``decision_function(X)``, or ``predict_proba(X)`` in its place. `X` has shape
    (n_clips, n_features), float64. `y` is True for clips that have the class, or names
    the class of each clip. Random numbers come from a seed that is an option.
``linear``
    Optional: True if scores are ``X @ coef_[0] + intercept_[0]``. The directions that a
    method removes are then taken from ``coef_`` in place of test clips, and ``coef_``
    is kept in the table of directions.

Of two classes, a clip has one score, shape (n_clips,), and is said to have the class if
that is above 0: what ``decision_function`` returns, or the probability less 0.5. Of
more, it has one for each of ``classes_``, shape (n_clips, n_classes), and is said to be
of the class that has the highest.

`fit` is given what it has a parameter for:

``sample_weight``
    How much each clip counts, shape (n_clips,), above 0. Without this parameter, the
    classifier cannot be used with methods that weight clips.
``folds``
    Inner fold of each clip, shape (n_clips,), to choose among settings by. Clips of a
    recording are in one.
``products``
    ``X @ X.T``, shape (n_clips, n_clips), which classes and methods share; None where
    clips are twice as many as features, or more. For linear classifiers that need
    nothing else of `X` than these and ``coef_ = a @ X``: directions that a method
    removes are then missing in `products` alone.

The number of inner folds, `n_inner_folds`, is an option of all classifiers; which
setting was chosen is kept if the fitted estimator has it as ``C_``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from earshift import registry
from earshift.classifiers._calls import OPTIONAL, scores, taken
from earshift.errors import ConfigError

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

__all__ = [
    "COMMON",
    "DEFAULT",
    "OPTIONAL",
    "check_entry",
    "make",
    "make_entry",
    "recorded",
    "scores",
    "taken",
]

#: Options of all classifiers, whatever their plugin.
COMMON = ("n_inner_folds",)

#: The classifier of an experiment that names none.
DEFAULT = registry.KINDS["classifiers"].default


def make(name: str = DEFAULT, **options: Any) -> BaseEstimator:
    """Return the unfitted classifier called `name`.

    Parameters
    ----------
    name : str, default=`DEFAULT`
        Name of a classifier (``earshift.registry.names("classifiers")`` lists them) or
        path of a ``.py`` file that defines one.
    **options
        Options of the classifier.

    Returns
    -------
    BaseEstimator
        A scikit-learn classifier.

    Raises
    ------
    ConfigError
        If there is no such classifier or option, or a value cannot be.
    """
    options = registry.check_options("classifiers", name, options)
    made = registry.load("classifiers", name).make(**options)
    if not hasattr(made, "fit") or not any(
        hasattr(made, scorer) for scorer in ("decision_function", "predict_proba")
    ):
        raise ConfigError(
            f"the classifier '{name}' must make a scikit-learn classifier, with 'fit' "
            "and 'decision_function' or 'predict_proba', got a "
            f"{type(made).__name__}; see CONTRIBUTING.md for an example."
        )
    return made


def make_entry(entry: Mapping[str, Any]) -> BaseEstimator:
    """Return the unfitted classifier of a config entry, as `make` does."""
    options = registry.own_options(entry)
    return make(
        entry["plugin"], **{k: v for k, v in options.items() if k not in COMMON}
    )


def check_entry(entry: Mapping[str, Any]) -> None:
    """Refuse an entry that cannot be made, and a user's file that breaks the rules."""
    made = make_entry(entry)
    if registry.is_file(entry["plugin"]):
        from earshift.classifiers import _contract

        _contract.try_out(entry["plugin"], made)


def recorded(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return what decides the numbers of a classifier, as results keep it.

    Parameters
    ----------
    entry : mapping
        Complete config entry.

    Returns
    -------
    dict
        The `entry`, and the `version` of the plugin. For the first version of `DEFAULT`
        it is its options alone, as in results from before there were other classifiers.
    """
    version = registry.version_of("classifiers", entry["plugin"])
    options = registry.own_options(entry)
    is_first = (entry["plugin"], version) == (DEFAULT, 1)
    if is_first and options.keys() == {"C", "n_inner_folds"}:
        return options
    return {"entry": dict(entry), "version": version}
