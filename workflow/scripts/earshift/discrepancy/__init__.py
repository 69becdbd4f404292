"""Stage 6, discrepancy: how far apart datasets are, before and after each method.

A measure plugin, one file, defines

``version``
    An integer that is raised whenever its numbers change.
``label``
    Its name in figures and sentences.
``better``
    ``"lower"`` if a lower value means that the datasets are more alike, as of a
    distance; ``"higher"`` for a similarity.
``range``
    The lowest and the highest value there can be; None where there is no bound.
``at_equality``
    The value expected of two draws from one dataset; None if that depends on the
    clips. `Result.null` then says it.
``measure(X_a, X_b, *, recordings_a, recordings_b, y_a=None, y_b=None, rng, **options)``
    Return a `Result` for two sets of clip features, shape (n_clips, n_features). Clips
    of one recording are not independent: what is drawn or split is recordings. `y_a`
    and `y_b`, shape (n_clips, n_classes), int8, are labels: 1 present, 0 absent, -1
    unknown. What a measure does not use, it may take as ``**_``. Further keyword-only
    parameters are options of its config entry.

Every method is measured with the same clips and an equal `rng`. A measure uses `rng`
alike whatever the features are (as `resample` does), so that what chance does to two
methods is the same, and their difference is known better than either value.

Each measure looks at *held-out* clips: a method is fitted on half of the recordings and
measured on the other half, so that it cannot look good by having memorised the clips.

On plain arrays, every measure is a function of this package by its name, with interval
and p-value: ``earshift.discrepancy.mmd(X_a, X_b)``, as `measure` describes. The module
of a plugin is what `registry.load` returns.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from earshift import registry
from earshift.discrepancy._resampling import resample
from earshift.discrepancy._result import ClipScores, Result
from earshift.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from earshift.discrepancy._arrays import Measured, measure

__all__ = [
    "ClipScores",
    "Measured",
    "Result",
    "check_plugin",
    "entry_of",
    "identities",
    "label_of",
    "measure",
    "resample",
]

#: What `better` may be.
BETTER = ("lower", "higher")


def check_plugin(name: str, module: ModuleType) -> None:
    """Refuse a plugin that declares what no measure can, or lacks an argument."""
    if module.better not in BETTER:
        raise ConfigError(
            f"the measure '{name}' has better = {module.better!r} "
            f"{did_you_mean(str(module.better), BETTER)}"
        )
    try:
        low, high = module.range
        inside = is_within(module.at_equality, (low, high))
    except (TypeError, ValueError):
        inside = False
    if not inside:
        raise ConfigError(
            f"the measure '{name}' has range = {module.range!r} and at_equality = "
            f"{module.at_equality!r}: the first must be a pair of numbers, or None for "
            "no bound, and the second a number between them, or None."
        )
    given = dict.fromkeys(registry.KINDS["discrepancy"].given)
    try:
        inspect.signature(module.measure).bind_partial(None, None, **given)
    except TypeError as error:
        raise ConfigError(
            f"'measure' of the measure '{name}' must take X_a, X_b, and as keywords "
            f"{', '.join(given)}, or **_ for those that it does not use: {error}."
        ) from error


def is_within(value: float | None, bounds: tuple[float | None, float | None]) -> bool:
    """Return True if a value is None, or lies within bounds that may be None."""
    low, high = bounds
    return value is None or (
        (low is None or low <= value) and (high is None or value <= high)
    )


def identities(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return what decides the results of each measure.

    Parameters
    ----------
    entries : mapping
        Name in the experiment -> config entry.

    Returns
    -------
    dict
        Name -> version of the plugin; with the entry, where that says more than the
        name: ``{"version": ..., "entry": ...}``.
    """
    out: dict[str, Any] = {}
    for name, entry in entries.items():
        version = registry.version_of("discrepancy", entry["plugin"])
        more = dict(entry) != {"plugin": name}
        out[name] = {"version": version, "entry": dict(entry)} if more else version
    return out


def entry_of(name: str, identity: Any) -> tuple[dict[str, Any], int | str]:  # noqa: ANN401
    """Return the config entry and the version that one of `identities` stands for."""
    if isinstance(identity, Mapping):
        return dict(identity["entry"]), identity["version"]
    return {"plugin": name}, identity


def label_of(name: str, entry: Mapping[str, Any]) -> str:
    """Return what figures call a measure: the plugin's label, and an alias."""
    label: str = registry.load("discrepancy", entry["plugin"]).label
    return label if Path(entry["plugin"]).stem == name else f"{label} ({name})"


class _Package(ModuleType):
    """A package in which the name of a measure is a function, not its module.

    Python makes a submodule an attribute of its package once it is imported, which
    would hide the function of the same name. The modules of measures are found where
    all modules are, in ``sys.modules``.
    """

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute, unless it is the module of a measure."""
        if not isinstance(value, ModuleType) or name.startswith("_"):
            super().__setattr__(name, value)


def __getattr__(name: str) -> Callable[..., Measured]:
    """Return the function of a measure; nothing is imported before it is asked for."""
    found: Callable[..., Measured]
    if name in ("Measured", "measure"):
        found = getattr(importlib.import_module(f"{__name__}._arrays"), name)
    elif name in _measures():
        found = importlib.import_module(f"{__name__}._arrays").function_of(name)
    else:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_measures()})


@functools.cache
def _measures() -> frozenset[str]:
    """Return the names of the measures of the library."""
    names = {module.name for module in pkgutil.iter_modules(__path__)}
    return frozenset(name for name in names if not name.startswith("_"))


sys.modules[__name__].__class__ = _Package
