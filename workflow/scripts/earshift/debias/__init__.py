"""Debias methods: scikit-learn transformers of pooled features, one file each.

A method plugin defines

``version``
    An integer that is raised whenever its numbers change.
``access``
    What it may see of the target: ``"none"``, ``"target_unlabelled"`` (features, domain
    and subgroup of target clips) or ``"target_labelled"`` (their classes too).
``compared_with``
    Optional: a tuple of the plugins it is compared with, besides ``none``.
``make(**options)``
    Return the unfitted transformer, with ``fit(X, domain, y=None, subgroup=None)`` and
    ``transform(X)``, which may give other features. `X` has shape (n_clips,
    n_features), `domain` names the dataset of each clip and `subgroup` a nuisance
    attribute. `y` is the class, for use from Python: the workflow instead fits per
    class (scope ``classwise``) on the clips that have it. A method with access
    ``"none"`` is given clips of the source alone. If the fitted method has ``found_``,
    the vectors that it found between domains, they are kept.

A method in the space of a kernel derives from `_kernel.KernelMethod`. The workflow then
fits its map to the training clips of the source, whatever the scope, and its correction
to the clips above.

The classes can be imported from here: ``from earshift.debias import LDA``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from sklearn.base import TransformerMixin

from earshift import registry
from earshift.debias.k import KernelMap
from earshift.debias.klda import KernelLDA
from earshift.debias.lda import LDA
from earshift.debias.mean_projection import MeanProjection
from earshift.debias.mklda import MultiKernelLDA
from earshift.debias.mlda import MultiLDA
from earshift.debias.none import Identity
from earshift.errors import ConfigError, did_you_mean

__all__ = [
    "LDA",
    "Identity",
    "KernelLDA",
    "KernelMap",
    "MeanProjection",
    "MultiKernelLDA",
    "MultiLDA",
    "make",
]


def make(name: str, **options: Any) -> TransformerMixin:
    """Return the unfitted debias method called `name`.

    Parameters
    ----------
    name : str
        Name of a method (``earshift.registry.names("debias")`` lists them) or path of a
        ``.py`` file that defines one.
    **options
        Options of the method.

    Returns
    -------
    TransformerMixin
        With ``fit(X, domain, y=None, subgroup=None)`` and ``transform(X)``.

    Raises
    ------
    ConfigError
        If there is no such method or option.
    """
    options = registry.check_options("debias", name, options)
    return registry.load("debias", name).make(**options)


def check_plugin(name: str, module: ModuleType) -> None:
    """Refuse a plugin that declares what no method can."""
    if module.access not in registry.ACCESS:
        raise ConfigError(
            f"the method '{name}' has access '{module.access}' "
            f"{did_you_mean(str(module.access), registry.ACCESS)}"
        )
    others = getattr(module, "compared_with", ())
    known = {"none", *registry.known_names("debias")}
    if isinstance(others, str) or not known.issuperset(others):
        raise ConfigError(
            f"the method '{name}' has compared_with = {others!r}, which must be a "
            f"tuple of names of methods {did_you_mean(str(others), known)}"
        )


def check_entry(entry: Mapping[str, Any]) -> None:
    """Refuse an entry that cannot be made, and a user's file that cheats."""
    options = registry.own_options(entry)
    registry.load("debias", entry["plugin"]).make(**options)
    if registry.is_file(entry["plugin"]):
        from earshift.debias import _contract

        _contract.try_out(entry["plugin"], options)
