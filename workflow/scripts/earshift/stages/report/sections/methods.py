"""The section on methods and the classifier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from earshift import layout
from earshift.stages.report.sections import TEMPLATES, Experiment, Section, paths


class Methods(Section):
    """What the classifier and each method do, and what methods see."""

    id = "methods"
    title = "Methods"
    template = TEMPLATES / "methods.html.j2"

    def needs(self, config: Mapping[str, Any]) -> list[str]:
        """Return the clip tables: some methods need subgroups."""
        return paths(config, layout.CLIPS)

    def values(self, experiment: Experiment) -> dict[str, Any]:
        """Return the descriptions."""
        from earshift.stages.report.sections import sources

        return {
            "classifier": sources.describe_classifier(experiment.config),
            "methods": sources.describe_methods(
                experiment.config,
                share_subgroup=sources.share_subgroup(
                    experiment.results, experiment.datasets
                ),
            ),
        }
