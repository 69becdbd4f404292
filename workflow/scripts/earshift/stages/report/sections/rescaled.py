"""The table of scores between the worst and the best control."""

from __future__ import annotations

from typing import Any

from earshift.numerics import metrics
from earshift.stages.report import final_tables
from earshift.stages.report.sections import TEMPLATES, Experiment, Section


class Rescaled(Section):
    """How far methods come from the worst control to the best."""

    id = "rescaled"
    title = "Between the controls"
    template = TEMPLATES / "rescaled.html.j2"

    def values(self, experiment: Experiment) -> dict[str, Any] | None:
        """Return the rows of each model, if at least two controls ran."""
        table = experiment.tables.rescaled
        told = table[table["metric"].isin(final_tables.TOLD)]
        if told.empty:
            return None
        return {
            "rescaled": final_tables.by_setting(told),
            "labels": {one.name: one.label for one in metrics.METRICS},
        }
