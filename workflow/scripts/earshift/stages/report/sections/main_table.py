"""The main table, and what the final tables say in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from earshift.numerics import inference
from earshift.stages.report import final_tables
from earshift.stages.report.sections import TEMPLATES, Experiment, Findings, Section


class MainTable(Section):
    """Mean scores, changes and verdicts."""

    id = "results"
    title = "Main table"
    template = TEMPLATES / "main_table.html.j2"

    def values(self, experiment: Experiment) -> dict[str, Any]:
        """Return the rows of each model."""
        return {
            "main": final_tables.by_setting(experiment.tables.all_summary),
            "controls": experiment.tables.controls,
            "alpha": 1 - experiment.config["statistics"]["confidence"],
            "undetected": inference.NO_EFFECT,
        }

    def findings(self, experiment: Experiment) -> Sequence[Findings]:
        """Return what all final tables say, those of the next sections too."""
        from earshift.stages.report.sections.findings import findings
        from earshift.stages.statistics.summary import Options

        settings = experiment.config["statistics"]
        return findings(
            experiment.tables, Options(settings["confidence"], settings["rope"])
        )
