"""What every method must do, tried on made-up clips: before a run, and in the tests."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np
from sklearn.base import TransformerMixin

from earshift import registry
from earshift.debias import _checks
from earshift.debias._directions import removed
from earshift.errors import ConfigError, MethodError

log = logging.getLogger(__name__)

#: Made-up clips of each dataset that train and that test, and their features.
N_TRAIN, N_TEST, N_FEATURES = 100, 40, 64


def try_out(name: str, options: Mapping[str, Any]) -> None:
    """Refuse a method that breaks the contract, before anything is computed for it.

    Parameters
    ----------
    name : str
        Name of the plugin, or path of its file.
    options : mapping
        Its options.

    Raises
    ------
    ConfigError
        If `check` finds something. Where the method fails on made-up clips, which may
        be too few or too plain for it, a warning says so, and the run decides.
    """
    try:
        check(name, options)
    except ConfigError:
        raise
    except Exception as error:
        log.warning(
            "the method '%s' could not be tried on made-up clips before the run (%d "
            "in %d features): %s: %s",
            *(name, 2 * N_TRAIN, N_FEATURES, type(error).__name__, error),
        )


def check(name: str, options: Mapping[str, Any] | None = None) -> None:
    """Raise unless a method keeps the contract of all methods.

    Each clip is transformed by itself, as the fit says; a fit depends on its arguments
    alone, and neither on labels that the method may not see nor on the names of the
    datasets. What goes in is not changed, what comes out is finite.

    Parameters
    ----------
    name : str
        Name of the plugin, or path of its file.
    options : mapping, optional
        Its options.

    Raises
    ------
    ConfigError
        With what is wrong, and what to do. Errors of the method itself pass through.
    """
    plugin = registry.load("debias", name)
    try:
        _Trial(name, plugin.access, dict(options or {})).run()
    except MethodError as error:
        raise ConfigError(
            f"the method '{name}' cannot be used: {error} CONTRIBUTING.md says what "
            "methods must do."
        ) from error


class _Trial:
    """Two made-up datasets, and a method that is fitted to them."""

    def __init__(self, name: str, access: str, options: Mapping[str, Any]) -> None:
        self.name, self.access, self.options = name, access, options
        rng = np.random.default_rng(0)
        self.groups = [
            [
                _checks.Clips(
                    dataset,
                    np.array([f"{dataset}{i}" for i in range(n)]),
                    rng.standard_normal((n, N_FEATURES)) + shift,
                )
                for dataset, shift in (("a", 0.0), ("b", 1.0))
            ]
            for n in (N_TRAIN, N_TEST)
        ]
        train = self.groups[0][:1] if access == "none" else self.groups[0]
        n = len(train)
        self.seen = {
            "X": np.concatenate([clips.X for clips in train]),
            "domain": np.repeat([clips.dataset for clips in train], N_TRAIN),
            "subgroup": np.tile(np.array(["p", "q"], object), n * N_TRAIN // 2),
        }
        self.y = rng.random(n * N_TRAIN) < 0.5
        self.some = np.concatenate([clips.X[:20] for clips in self.groups[1]])

    def make(self, module: ModuleType | None = None) -> TransformerMixin:
        """Return the method that the plugin, or a copy of it, makes."""
        return (module or registry.load("debias", self.name)).make(**self.options)

    def run(self) -> None:
        """Raise `MethodError` for the first thing that is wrong."""
        method = self.make()
        self._check_signature(method)
        before = self.seen["X"].copy()
        method.fit(**self.seen)
        if not np.array_equal(before, self.seen["X"]):
            raise MethodError(
                "its fit changes the clips that it is given: it must leave X as it is."
            )
        basis = removed(method)
        if basis is not None:
            _checks.check_directions(method, basis, self.some)
        mixed = self.access == "none"
        rng = np.random.default_rng(0)
        _checks.transformed(method, self.groups, mixed=mixed, rng=rng)
        _checks.check_fit(self.name, self.make, self.seen, self.some)
        self._check_other_fit(
            method,
            {"domain": np.where(self.seen["domain"] == "a", "z", "b")},
            "other names of the datasets change its transform: names mean nothing.",
        )
        if self.access != "target_labelled":
            self._check_other_fit(
                method,
                {"y": self.y},
                "labels change its transform, which it may not see: declare the access "
                "'target_labelled', or leave y alone.",
            )

    def _check_signature(self, method: TransformerMixin) -> None:
        for word in ("fit", "transform"):
            if not callable(getattr(method, word, None)):
                raise MethodError(f"what its 'make' returns has no '{word}'.")
        try:
            inspect.signature(method.fit).bind(**self.seen, y=self.y)
            inspect.signature(method.transform).bind(self.some)
        except TypeError as error:
            raise MethodError(
                "methods are called as fit(X, domain, y, subgroup) and transform(X), "
                f"all of which it must take by name: {error}."
            ) from error

    def _check_other_fit(
        self, method: TransformerMixin, changes: Mapping[str, Any], problem: str
    ) -> None:
        other = self.make()
        other.fit(**{**self.seen, **changes})
        if _checks.differ(
            _checks.apply(method, self.some), _checks.apply(other, self.some)
        ):
            raise MethodError(problem)
