"""An experiment as its rules need it: what follows from the configuration alone."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from earshift import layout, models
from earshift.conditions import Condition, conditions_of, studied
from earshift.downloads import catalogue
from earshift.downloads.catalogue import Entry
from earshift.evaluation import protocol
from earshift.evaluation.protocol import Study
from earshift.stages.splits import selection

#: Folder of the miniature corpora, which a rule synthesises.
MINIATURE = Path("resources", "miniature")


@dataclass(frozen=True)
class Experiment:
    """One experiment; made once, when its rules are read.

    Parameters
    ----------
    config : mapping
        As `settings.resolve` returns it.
    """

    config: Mapping[str, Any]

    @cached_property
    def results(self) -> str:
        """Folder of the results."""
        return os.path.normpath(str(self.config["results"]))

    @cached_property
    def logs(self) -> str:
        """Folder of the logs."""
        return str(layout.logs(self.results))

    def file(self, pattern: str, **wildcards: str) -> str:
        """Return the path of a result as `layout.path` does, as text."""
        return f"{self.results}/{pattern.format(**wildcards)}"

    @cached_property
    def study(self) -> Study:
        """The study that it is part of."""
        return protocol.study_of(self.config["study"])

    @cached_property
    def study_version(self) -> dict[str, int | str]:
        """Version of the study, among those that decide results."""
        return protocol.version_of(self.config["study"])

    @cached_property
    def main_protocol(self) -> str:
        """The protocol whose clips stand for the experiment."""
        return selection.main(self.protocols)

    @property
    def protocols(self) -> Sequence[str]:
        """Names of the protocols."""
        names: list[str] = self.config["protocols"]
        return names

    @property
    def datasets(self) -> Mapping[str, dict[str, Any]]:
        """Config entry of each dataset."""
        entries: dict[str, dict[str, Any]] = self.config["datasets"]
        return entries

    @property
    def models(self) -> Mapping[str, dict[str, Any]]:
        """Config entry of each model."""
        entries: dict[str, dict[str, Any]] = self.config["models"]
        return entries

    @cached_property
    def imported(self) -> list[str]:
        """Models whose embeddings were computed elsewhere."""
        return [name for name, e in self.models.items() if models.is_imported(e)]

    @cached_property
    def computed(self) -> list[str]:
        """Models that are run."""
        return [name for name in self.models if name not in self.imported]

    @property
    def families(self) -> Mapping[str, dict[str, Any]]:
        """Config entry of each family, which is what stage 2 calls a condition."""
        entries: dict[str, dict[str, Any]] = self.config["conditions"]
        return entries

    @cached_property
    def conditions(self) -> Mapping[str, Condition]:
        """Conditions by name, as they are from stage 3 on: each strength is one."""
        return conditions_of(self.families)

    @cached_property
    def studied(self) -> Mapping[str, Condition]:
        """Conditions in which datasets are compared, by name (`conditions.studied`)."""
        return studied(self.config)

    @property
    def sensitivity(self) -> Mapping[str, Any]:
        """Section on sensitivity: which families it is about, and how."""
        section: Mapping[str, Any] = self.config["sensitivity"]
        return section

    @cached_property
    def unpacked(self) -> Mapping[Path, tuple[Entry, ...]]:
        """Folders that registered files of datasets are unpacked to."""
        return catalogue.dataset_folders(self.config["downloads"]["register"])
