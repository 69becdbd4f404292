"""What every method must do, tried on made-up clips: before a run, and in the tests."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import TransformerMixin

from earshift import plugin_files, registry
from earshift.debias import _calls, _checks, _controls, _fit_checks, _ranking
from earshift.debias._method import Method
from earshift.errors import ConfigError, MethodError

Array = NDArray[np.float64]

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
    clips = f"{2 * N_TRAIN} in {N_FEATURES} features"
    with plugin_files.on_trial(f"the method '{name}'", clips):
        check(name, options)


def check(name: str, options: Mapping[str, Any] | None = None) -> None:
    """Raise unless a method keeps the contract of all methods.

    Each clip is transformed by itself, as the fit says; a fit depends on its arguments
    alone, and neither on labels that the method may not see nor on the names of the
    datasets. What goes in is not changed, what comes out is finite. If it declares
    whether it is `auc_neutral`, so it is. A control that replaces clips draws from the
    generator that it is given, and from nothing else.

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
    replaces = plugin.access == registry.ORACLE
    try:
        if replaces:
            _try_control(name, dict(options or {}))
        else:
            trial = _Trial(name, plugin.access, dict(options or {}))
            trial.run()
            _check_neutral(getattr(plugin, "auc_neutral", None), trial)
    except MethodError as error:
        raise ConfigError(
            f"the method '{name}' cannot be used: {error} CONTRIBUTING.md says what "
            "methods must do."
        ) from error


def _check_neutral(declared: bool | None, trial: _Trial) -> None:
    """Raise `MethodError` if a method is not what it declares to be."""
    if declared is None or declared == _ranking.keeps_ranking(trial.make, trial.access):
        return
    if declared:
        raise MethodError(
            "it declares 'auc_neutral = True', but a linear classifier of the source "
            "puts clips of another dataset in another order after it, which changes "
            "the ROC-AUC: remove the declaration."
        )
    raise MethodError(
        "it declares 'auc_neutral = False', but a linear classifier of the source puts "
        "clips of another dataset in the same order after it: declare 'auc_neutral = "
        "True', or nothing."
    )


def _try_control(name: str, options: Mapping[str, Any]) -> None:
    """Raise `MethodError` for what is wrong with a control that replaces clips."""
    method = Method.of(name, {"plugin": name, **options})
    draws = np.random.default_rng(0)
    labels = [draws.integers(-1, 2, (n, 2), np.int8) for n in (N_TRAIN, N_TEST)]
    X = [draws.standard_normal((len(y), N_FEATURES)) for y in labels]

    def out(module: ModuleType, X: Sequence[Array], names: str = "ab") -> Array:
        control = method.make(module)
        if not callable(getattr(control, "replace", None)):
            raise MethodError(
                "what its 'make' returns has no 'replace', which is what a control "
                f"with access '{registry.ORACLE}' has in place of 'fit'."
            )
        parts = [
            _checks.Clips(
                dataset, np.array([f"{dataset}{i}" for i in range(len(x))]), x
            )
            for dataset, x in zip(names, X, strict=True)
        ]
        rng = _controls.generator(method, 0, _controls.TEST)
        return np.concatenate(_controls.replaced(control, parts, labels, rng))

    out(method.module, [1 + 2 * x[:, ::-1] for x in X])  # which it may keep
    found = out(method.module, X)
    with registry.copied("debias", name) as copy:
        again = out(copy, X)
    if _checks.differ(found, again):
        raise MethodError(
            "its replace gives other features for the same clips when it is called "
            "again: it must keep nothing, and draw from 'rng' alone."
        )
    if _checks.differ(found, out(method.module, X, "zb")):
        raise MethodError(
            "other names of the datasets change what it gives: names mean nothing."
        )


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
        self.seen: dict[str, Any] = {
            "X": np.concatenate([clips.X for clips in train]),
            "domain": np.repeat([clips.dataset for clips in train], N_TRAIN),
            "subgroup": np.tile(np.array(["p", "q"], object), n * N_TRAIN // 2),
            "source": "a",
            "source_clips": train[0].X,
            "source_labels": np.eye(3, dtype=np.int8)[np.arange(N_TRAIN) % 3],
        }
        self.y = rng.random(n * N_TRAIN) < 0.5
        self.some = np.concatenate([clips.X[:20] for clips in self.groups[1]])
        names = np.repeat([clips.dataset for clips in self.groups[1]], 20)
        self.domain = None if access == "none" else names

    def make(self, module: ModuleType | None = None) -> TransformerMixin:
        """Return the method that the plugin, or a copy of it, makes."""
        return (module or registry.load("debias", self.name)).make(**self.options)

    def run(self) -> None:
        """Raise `MethodError` for the first thing that is wrong."""
        method = self.make()
        self._check_signature(method)
        before = {word: np.copy(value) for word, value in self.seen.items()}
        _calls.fit(method, self.seen)
        for word, value in before.items():
            if not np.array_equal(value, self.seen[word]):
                raise MethodError(
                    "its fit changes the clips that it is given, or what it is told of "
                    f"them: it must leave {word} as it is."
                )
        basis = _fit_checks.removed_directions(method)
        if basis is not None:
            _fit_checks.check_directions(method, basis, self.some, self.domain)
        mixed = self.access == "none"
        rng = np.random.default_rng(0)
        _checks.transformed(method, self.groups, mixed=mixed, rng=rng)
        _fit_checks.check_fit(self.name, self.make, self.seen, self.some, self.domain)
        renamed = np.where(self.seen["domain"] == "a", "z", "b")
        self._check_other_fit(
            method,
            {"domain": renamed, "source": "z"},
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
        seen = _calls.fit_arguments(method, self.seen)
        is_told = self.domain is not None and _calls.takes(method.transform, "domain")
        told = {"domain": self.domain} if is_told else {}
        try:
            inspect.signature(method.fit).bind(**seen, y=self.y)
            inspect.signature(method.transform).bind(self.some, **told)
        except TypeError as error:
            raise MethodError(
                "methods are called as fit(X, domain, y, subgroup, source) and "
                "transform(X, domain), all of which they must take by name, but that "
                "'source' and the 'domain' of transform may be missing, and that a "
                f"method of access 'none' is never told the latter: {error}."
            ) from error

    def _check_other_fit(
        self, method: TransformerMixin, changes: Mapping[str, Any], problem: str
    ) -> None:
        """Raise if a fit with other arguments gives another method."""
        other = _calls.fit(self.make(), {**self.seen, **changes})
        told = self.domain
        if told is not None and "domain" in changes:
            told = np.where(told == "a", "z", "b")
        n = len(self.seen["X"])
        one = _fit_checks.Outcome.of(method, n, self.some, self.domain)
        if one.differs(_fit_checks.Outcome.of(other, n, self.some, told)):
            raise MethodError(problem)
