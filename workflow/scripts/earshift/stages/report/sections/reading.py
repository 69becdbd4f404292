"""What the words and numbers of the page mean."""

from __future__ import annotations

from typing import Any

from earshift.audio import fingerprint
from earshift.stages.report import final_tables
from earshift.stages.report.sections import TEMPLATES, Experiment, Section


class Reading(Section):
    """How to read the page."""

    id = "reading"
    title = "How to read it"
    template = TEMPLATES / "reading.html.j2"

    def values(self, experiment: Experiment) -> dict[str, Any]:
        """Return the settings that the explanations name."""
        statistics = experiment.config["statistics"]
        return {
            "n_resamples": statistics["n_resamples"],
            "rope": statistics["rope"],
            "n_refits": statistics["n_refits"],
            "alpha": 1 - statistics["confidence"],
            "access": final_tables.ACCESS,
            "similar": fingerprint.SIMILAR,
        }
