"""Licences and citations of datasets and models."""

from __future__ import annotations

from typing import Any

from earshift import registry
from earshift.stages.report.sections import TEMPLATES, Experiment, Section


class Licences(Section):
    """What each dataset and model says of itself."""

    id = "licences"
    title = "Licences"
    template = TEMPLATES / "licences.html.j2"

    def values(self, experiment: Experiment) -> dict[str, Any]:
        """Return name, licence and citation of each."""
        rows = []
        for kind in ("datasets", "models"):
            for name, entry in experiment.config[kind].items():
                plugin = registry.load(kind, entry["plugin"])
                facts = {
                    key: getattr(plugin, key, "") for key in ("licence", "citation")
                }
                rows.append({"name": name} | facts)
        return {"rows": rows}
