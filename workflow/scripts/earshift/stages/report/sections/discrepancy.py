"""The table of measures of discrepancy."""

from __future__ import annotations

from typing import Any

from earshift.stages.report import final_tables
from earshift.stages.report.sections import TEMPLATES, Experiment, Section


class Discrepancy(Section):
    """How different the datasets are, before and after each method."""

    id = "discrepancy-table"
    title = "Discrepancy"
    template = TEMPLATES / "discrepancy.html.j2"

    def values(self, experiment: Experiment) -> dict[str, Any]:
        """Return the rows of each model, and whether any value was tested."""
        table = experiment.tables.discrepancy
        return {
            "discrepancy": final_tables.by_setting(table),
            "with_null": bool(table["tested"].any()),
        }
