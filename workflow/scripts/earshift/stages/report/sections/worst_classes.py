"""The table of the worst class of each model and direction."""

from __future__ import annotations

from typing import Any

from earshift.stages.report import final_tables
from earshift.stages.report.sections import TEMPLATES, Experiment, Section


class WorstClasses(Section):
    """Which class is told worst, and how surely."""

    id = "worst-classes"
    title = "Worst classes"
    template = TEMPLATES / "worst_classes.html.j2"

    def values(self, experiment: Experiment) -> dict[str, Any] | None:
        """Return the rows of each model, with the mean over classes."""
        table = experiment.tables.class_values
        table = table[table["variant"].eq("none") & table["metric"].eq("roc_auc")]
        table = table.dropna(subset=["value_shrunken"])
        keys = ["setting", "train", "test"]
        mean = table.groupby(keys)["value"].transform("mean")
        table = table.assign(mean=mean)[table["is_worst"].eq(True)]
        if table.empty:
            return None
        return {"worst": final_tables.by_setting(table)}
