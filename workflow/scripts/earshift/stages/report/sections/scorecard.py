"""The scorecard: what each correction gains, costs and asks for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from earshift import layout
from earshift.stages.report import final_tables
from earshift.stages.report.sections import TEMPLATES, Experiment, Section
from earshift.tables import SCORECARD


class Scorecard(Section):
    """One row for each correction and direction, without a sum of its columns."""

    id = "scorecard"
    title = "Scorecard"
    template = TEMPLATES / "scorecard.html.j2"

    def needs(self, config: Mapping[str, Any]) -> list[str]:  # noqa: ARG002
        """Return the table."""
        return [layout.SCORECARD_TABLE]

    def values(self, experiment: Experiment) -> dict[str, Any] | None:
        """Return the rows of each model, if there is a correction."""
        table = SCORECARD.read(experiment.results / Path(SCORECARD.file))
        table = table[table["protocol"].eq(experiment.tables.protocol)]
        table = table[table["method"].ne("none")]
        if table.empty:
            return None
        return {"cards": final_tables.by_setting(final_tables.named(table, ()))}
