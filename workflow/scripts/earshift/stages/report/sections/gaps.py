"""The table of gaps between within and across."""

from __future__ import annotations

from typing import Any

from earshift.numerics import metrics
from earshift.stages.report import final_tables
from earshift.stages.report.sections import TEMPLATES, Experiment, Section


class Gaps(Section):
    """What is lost across datasets, and what remains of it with each method."""

    id = "gap-table"
    title = "Gaps"
    template = TEMPLATES / "gaps.html.j2"

    def values(self, experiment: Experiment) -> dict[str, Any]:
        """Return the rows of each model, of the metrics that are told."""
        table = experiment.tables.all_gaps
        told = table[table["metric"].isin(final_tables.TOLD)]
        return {
            "gaps": final_tables.by_setting(told),
            "labels": {one.name: one.label for one in metrics.METRICS},
        }
