"""The table of measures of discrepancy, and their curves over the number of clips."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from earshift.stages.report import final_tables
from earshift.stages.report.captions import CURVE
from earshift.stages.report.sections import TEMPLATES, Experiment, Figure, Section

#: The figure of the curves, in ``figures/``.
NAME = "discrepancy_curve"


class Discrepancy(Section):
    """How different the datasets are, before and after each method."""

    id = "discrepancy-table"
    title = "Discrepancy"
    template = TEMPLATES / "discrepancy.html.j2"

    def needs(self, config: Mapping[str, Any]) -> list[str]:  # noqa: ARG002
        """Return the figure."""
        return [f"figures/{NAME}.svg"]

    def values(self, experiment: Experiment) -> dict[str, Any]:
        """Return the rows of each model, of pairs and of halves."""
        table = experiment.tables.all_discrepancy
        return {
            "discrepancy": final_tables.by_setting(table),
            "halves": final_tables.by_setting(experiment.tables.halves),
            "with_null": bool(table["tested"].any()),
            "alpha": 1 - experiment.config["statistics"]["confidence"],
        }

    def figures(self, experiment: Experiment) -> list[Figure]:
        """Return the curves, if any has more than one number of clips."""
        curve = experiment.tables.curve
        of_one = curve.groupby(["setting", "measure", "a", "b"])["n"]
        return [Figure(NAME, *CURVE)] if (of_one.nunique() > 1).any() else []
