"""Several corrections, one after the other, of which none does it alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted, validate_data

from earshift import registry
from earshift.debias import _calls
from earshift.errors import ConfigError, MethodError

version = 2
access = "target_unlabelled"
classwise = False


class Chain(TransformerMixin, BaseEstimator):
    """Fit and apply methods one after the other.

    Parameters
    ----------
    steps : sequence of TransformerMixin
        Methods, not fitted. Each is fitted to what those before it make of the clips.

    Attributes
    ----------
    steps_ : list of TransformerMixin
        The methods, fitted.

    Notes
    -----
    A chain that holds `self_training` has its rounds. Weights of clips, and directions
    taken from classifiers instead of clips, are not handed on: a method that gives
    weights cannot be a step.
    """

    def __init__(self, steps: Sequence[TransformerMixin] = ()) -> None:
        self.steps = steps

    def fit(
        self,
        X: NDArray[np.floating],
        domain: NDArray[np.generic],
        y: NDArray[np.generic] | None = None,
        subgroup: NDArray[np.generic] | None = None,
        *,
        source: str | None = None,
        source_clips: NDArray[np.floating] | None = None,
        source_labels: NDArray[np.int8] | None = None,
    ) -> Self:
        """Fit each step to the clips as those before it leave them.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features)
            Features.
        domain : ndarray of shape (n_clips,)
            Dataset of each clip.
        y, subgroup : ndarray of shape (n_clips,), optional
            Handed on.
        source : str, optional
            The dataset whose classifiers are trained.
        source_clips : ndarray of shape (n_source_clips, n_features), optional
            Its training clips. Each step gets them as those before it leave them.
        source_labels : ndarray of shape (n_source_clips, n_classes), int8, optional
            Their labels, handed on.

        Returns
        -------
        Chain
            Itself.

        Raises
        ------
        MethodError
            If a step gives weights.
        """
        X = validate_data(self, X, dtype=np.float64)
        domain = np.asarray(domain)
        self.steps_ = []
        for step in self.steps:
            fitted = clone(step)
            arguments = {"X": X, "domain": domain, "y": y, "subgroup": subgroup}
            own = {"source_clips": source_clips, "source_labels": source_labels}
            _calls.fit(fitted, arguments | {"source": source} | own)
            if getattr(fitted, "weights_", None) is not None:
                raise MethodError(
                    f"its step {type(fitted).__name__} weights clips, and weights are "
                    "not handed on: take it by itself, or leave it out."
                )
            X = _calls.transform(fitted, X, domain)
            if source_clips is not None:
                names = np.full(len(source_clips), source)
                source_clips = _calls.transform(fitted, source_clips, names)
            self.steps_.append(fitted)
        return self

    def transform(
        self, X: NDArray[np.floating], domain: NDArray[np.generic] | None = None
    ) -> NDArray[np.floating]:
        """Return the clips as all steps leave them.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features)
            Features.
        domain : ndarray of shape (n_clips,), optional
            Dataset of each clip.

        Returns
        -------
        ndarray of shape (n_clips, n_out)
            Features.
        """
        check_is_fitted(self, "steps_")
        X = validate_data(self, X, dtype=np.float64, reset=False)
        for step in self.steps_:
            X = _calls.transform(step, X, domain)
        return X

    @property
    def n_rounds(self) -> int:
        """Rounds of the step that trains classifiers again; 0 without one."""
        return sum(getattr(step, "n_rounds", 0) for step in self.steps)

    def pseudo_labels(
        self, scores: NDArray[np.float64], number: int
    ) -> NDArray[np.int8]:
        """Return those of the step that gives some (`SelfTraining.pseudo_labels`)."""
        (step,) = [step for step in self.steps if getattr(step, "n_rounds", 0)]
        labels: NDArray[np.int8] = step.pseudo_labels(scores, number)
        return labels


def make(
    *, steps: Sequence[str | Mapping[str, Any]] = ("standardise", "self_training")
) -> Chain:
    """Return the chain.

    Parameters
    ----------
    steps : sequence of str or mapping
        Names of methods, or config entries of them (`plugin`, and options).
    """
    entries = [{"plugin": s} if isinstance(s, str) else dict(s) for s in steps]
    made = [_step(entry) for entry in entries]
    again = [e["plugin"] for e, m in zip(entries, made, strict=True) if _trains(m)]
    if not made or len(again) > 1:
        raise ConfigError(
            "'steps' of 'adapt' must be one or more methods, of which one at most "
            f"trains classifiers again, got {[entry['plugin'] for entry in entries]}."
        )
    return Chain(tuple(made))


def _trains(method: TransformerMixin) -> bool:
    return bool(getattr(method, "n_rounds", 0))


def _step(entry: Mapping[str, Any]) -> TransformerMixin:
    """Return a step that is not fitted."""
    if "plugin" not in entry:
        raise ConfigError(f"a step of 'adapt' must name its 'plugin', got {entry}.")
    plugin = registry.load("debias", entry["plugin"])
    if plugin.access not in ("none", access):
        raise ConfigError(
            f"'{entry['plugin']}' cannot be a step of 'adapt', which sees no label of "
            f"the target: its access is '{plugin.access}'."
        )
    options = registry.check_options(
        "debias", entry["plugin"], registry.own_options(entry)
    )
    made: TransformerMixin = plugin.make(**options)
    return made
