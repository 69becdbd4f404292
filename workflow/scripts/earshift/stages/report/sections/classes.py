"""The section on classes: which are used, how they are drawn and aligned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from earshift import layout
from earshift.stages.report.sections import TEMPLATES, Experiment, Section, paths
from earshift.stages.splits import selection


class Classes(Section):
    """Classes used and left out, balanced draws, and the label alignment."""

    id = "classes"
    title = "Classes"
    template = TEMPLATES / "classes.html.j2"

    def needs(self, config: Mapping[str, Any]) -> list[str]:
        """Return the table of classes and, if training is balanced, the draws."""
        if config["splits"]["balance"] == "none":
            return [layout.CLASSES]
        draws = layout.DRAWS.format(protocol=selection.main(config["protocols"]))
        return [*paths(config, layout.CLASSES, layout.ALL_LABELS), draws]

    def values(self, experiment: Experiment) -> dict[str, Any]:
        """Return the rows of the three tables."""
        from earshift.stages.report.sections import sources

        results, config = experiment.results, experiment.config
        return {
            "classes": sources.describe_classes(results, experiment.datasets),
            "draws": sources.describe_draws(results, config),
            "balance": config["splits"]["balance"],
            "alignment": sources.describe_alignment(config),
        }
