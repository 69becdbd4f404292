"""The scorecard: what each correction gains, costs and asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from earshift.stages.report import final_tables
from earshift.stages.report.captions import TRADE_OFFS
from earshift.stages.report.sections import TEMPLATES, Experiment, Figure, Section

#: The figure, in ``figures/``.
NAME = "trade_offs"


class Scorecard(Section):
    """One row for each correction and direction, without a sum of its columns."""

    id = "scorecard"
    title = "Scorecard"
    template = TEMPLATES / "scorecard.html.j2"

    def needs(self, config: Mapping[str, Any]) -> list[str]:  # noqa: ARG002
        """Return the figure."""
        return [f"figures/{NAME}.svg"]

    def values(self, experiment: Experiment) -> dict[str, Any] | None:
        """Return the rows of each model, if there is a correction."""
        table = experiment.tables.scorecard
        return None if table.empty else {"cards": final_tables.by_setting(table)}

    def figures(self, experiment: Experiment) -> list[Figure]:  # noqa: ARG002
        """Return what corrections gain across against what they cost within."""
        return [Figure(NAME, *TRADE_OFFS)]
