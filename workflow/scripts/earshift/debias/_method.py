"""A debias method of an experiment: what its config entry and its plugin say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from types import ModuleType
from typing import Any

from sklearn.base import BaseEstimator, TransformerMixin

from earshift import registry
from earshift.errors import ConfigError
from earshift.numerics.kernels import MAPS


def options_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a config entry says to its plugin."""
    common = registry.KINDS["debias"].common
    own = registry.own_options(entry)
    return {key: value for key, value in own.items() if key not in common}


@dataclass(frozen=True)
class Method:
    """A method, made once from its config entry; stages 5 to 8 ask it, not the plugin.

    Parameters
    ----------
    name : str
        Its name in the experiment.
    entry : mapping
        Its config entry: `plugin`, and options.
    module : module
        The plugin.
    version : int or str
        As from `registry.version_of`.
    """

    name: str
    entry: Mapping[str, Any]
    module: ModuleType
    version: int | str

    @classmethod
    def of(cls, name: str, entry: Mapping[str, Any]) -> Method:
        """Return the method of a config entry."""
        plugin = entry["plugin"]
        version = registry.version_of("debias", plugin)
        return cls(name, entry, registry.load("debias", plugin), version)

    @classmethod
    def of_all(cls, entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Method]:
        """Return the methods of config entries, by name."""
        return {name: cls.of(name, entry) for name, entry in entries.items()}

    @classmethod
    def of_task(cls, name: str, entry: Mapping[str, Any], version: int | str) -> Method:
        """Return the method of a task; see `task`.

        Raises
        ------
        DataError
            If its plugin was edited since the task was made.
        """
        registry.check_version("debias", entry["plugin"], version)
        return cls.of(name, entry)

    @property
    def task(self) -> dict[str, Any]:
        """What a task of stage 5 or 6 holds of it, as JSON can."""
        return {
            "method": self.name,
            "method_entry": dict(self.entry),
            "method_version": self.version,
        }

    @property
    def plugin(self) -> str:
        """Name of the plugin, or path of its file."""
        return str(self.entry["plugin"])

    @property
    def options(self) -> dict[str, Any]:
        """Its options, with the defaults of those that the entry leaves out."""
        own = options_of(self.entry)
        return registry.all_options("debias", self.plugin, own)

    @property
    def front(self) -> str:
        """The condition that clips went through for it; empty for that of the rest."""
        return str(self.entry.get("front") or "")

    def redrawn(self, repeat: int) -> Method:
        """Return it as it is in a repeat: what it draws by a `seed` is drawn anew."""
        seed = self.options.get("seed")
        if not repeat or not isinstance(seed, int):
            return self
        return replace(self, entry={**self.entry, "seed": seed + repeat})

    @property
    def access(self) -> str:
        """What it declares to see of the target; see `access.access_of`."""
        return str(self.module.access)

    @property
    def is_control(self) -> bool:
        """Return whether it marks an end of the scale, and is no correction."""
        return bool(getattr(self.module, "control", False))

    @property
    def replaces(self) -> bool:
        """Return whether it replaces clips, knowing their labels, and is not fitted."""
        return self.access == registry.ORACLE

    @property
    def looks_at_domains(self) -> bool:
        """Return whether it is fitted to more than its source."""
        return self.access != "none" and not self.replaces

    @property
    def has_scopes(self) -> bool:
        """Return whether fitting it for each class differs from fitting it once."""
        return self.looks_at_domains and bool(getattr(self.module, "classwise", True))

    @property
    def compared_with(self) -> tuple[str, ...]:
        """Plugins that it is compared with, ``none`` first."""
        declared = getattr(self.module, "compared_with", ())
        return tuple(dict.fromkeys(("none", *declared)))

    @property
    def is_auc_neutral(self) -> bool:
        """Return whether it leaves the order that a linear classifier gives a target.

        It then changes no ROC-AUC.
        """
        return bool(getattr(self.module, "auc_neutral", False))

    @property
    def needs_subgroups(self) -> bool:
        """Return whether it needs shared subgroups to differ from simpler methods."""
        return bool(getattr(self.module, "needs_subgroups", False))

    def make(self, module: ModuleType | None = None) -> TransformerMixin:
        """Return the transformer, not fitted; by a copy of the plugin, if given."""
        made: TransformerMixin = (module or self.module).make(**options_of(self.entry))
        return made

    def two_steps(
        self, module: ModuleType | None = None
    ) -> tuple[BaseEstimator | None, TransformerMixin]:
        """Return the map that the workflow fits by itself, and what it fits after it.

        Parameters
        ----------
        module : module, optional
            A copy of the plugin.

        Returns
        -------
        map : estimator or None
            One of `kernels.MAPS`, not fitted, which the workflow trusts; None if the
            method declares no `map_and_correction`, or a map of another kind.
        correction : TransformerMixin
            What corrects mapped clips, not fitted; without a map, the whole method.
        """
        whole = self.make(module)
        declared = getattr(whole, "map_and_correction", None)
        steps = declared() if declared is not None else None
        if steps is None or type(steps[0]) not in MAPS.values():
            return None, whole
        return steps

    def cannot(self, source: str, target: str, datasets: Sequence[str]) -> str | None:
        """Return why it cannot serve a direction, or None if it can.

        Parameters
        ----------
        source, target : str
            The dataset whose classifier is trained, and the one whose clips are scored,
            which may be the same.
        datasets : sequence of str
            All datasets of the experiment.

        Returns
        -------
        str or None
            The reason that the plugin gives (its function `cannot`).

        Raises
        ------
        ConfigError
            If it gives something else, or fails.
        """
        declared = getattr(self.module, "cannot", None)
        if declared is None:
            return None
        where = {"source": source, "target": target, "datasets": tuple(datasets)}
        try:
            reason = declared(**where)
        except Exception as error:
            raise ConfigError(
                f"the function 'cannot' of the method '{self.plugin}' fails for "
                f"{where}: {type(error).__name__}: {error}."
            ) from error
        if reason is not None and not (isinstance(reason, str) and reason):
            raise ConfigError(
                f"the function 'cannot' of the method '{self.plugin}' must return a "
                f"reason in words, or None, got {reason!r}."
            )
        return reason

    def directions(self, datasets: Sequence[str]) -> list[tuple[int, int]]:
        """Return the directions that it can serve: numbers of source and target."""
        return [
            (i, j)
            for (i, source), (j, target) in product(enumerate(datasets), repeat=2)
            if self.cannot(source, target, datasets) is None
        ]

    def left_out(self, datasets: Sequence[str]) -> list[str]:
        """Return a sentence for each reason why it cannot serve a direction.

        Parameters
        ----------
        datasets : sequence of str
            All datasets of the experiment.

        Returns
        -------
        list of str
            For instance ``"no result (trained on a, tested on b): ..."``; empty if it
            serves all.
        """
        reasons: dict[str, list[str]] = {}
        for source, target in product(datasets, repeat=2):
            reason = self.cannot(source, target, datasets)
            if reason is not None:
                where = f"trained on {source}, tested on {target}"
                reasons.setdefault(reason, []).append(where)
        out = []
        for reason, places in reasons.items():
            everywhere = len(places) == len(datasets) ** 2
            where = "" if everywhere else f" ({'; '.join(places)})"
            out.append(f"no result{where}: {reason}")
        return out
