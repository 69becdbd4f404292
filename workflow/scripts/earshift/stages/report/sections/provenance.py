"""The section on provenance: weights, conditions, software, versions, configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from earshift import layout, provenance
from earshift.stages.report.sections import (
    TEMPLATES,
    Experiment,
    Section,
    forecast,
    paths,
)


class Provenance(Section):
    """By what the numbers were made."""

    id = "provenance"
    title = "Provenance"
    template = TEMPLATES / "provenance.html.j2"

    def needs(self, config: Mapping[str, Any]) -> list[str]:
        """Return the features, which say what made them.

        The plan of the run is shown, but not needed: one that is made later makes no
        new page.
        """
        return paths(config, layout.FEATURES)

    def values(self, experiment: Experiment) -> dict[str, Any]:
        """Return the rows of the tables, and the configuration as text."""
        from earshift.stages.report.sections import sources

        results, config = experiment.results, experiment.config
        return {
            "models": sources.describe_models(results, config),
            "conditions": sources.describe_conditions(config),
            "plan": forecast.compare(results),
            "provenance": provenance.provenance(),
            "versions": experiment.versions,
            "config": yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True),
        }
