"""All metrics of the uncorrected classifiers, those at a threshold among them."""

from __future__ import annotations

from typing import Any

from earshift.numerics import metrics
from earshift.stages.report import final_tables
from earshift.stages.report.sections import TEMPLATES, Experiment, Section

#: What each metric takes of the scores, beside those that only need their order.
TAKES = {
    "balanced_accuracy": "threshold 0",
    "balanced_accuracy_chosen": "threshold chosen on the source",
    "brier": "probabilities",
    "log_loss": "probabilities",
    "calibration_intercept": "probabilities",
    "calibration_slope": "probabilities",
    "expected_calibration_error": "probabilities",
}


class Threshold(Section):
    """What classifiers of another dataset are worth with their own threshold."""

    id = "threshold"
    title = "Metrics at the source's threshold"
    template = TEMPLATES / "threshold.html.j2"

    def values(self, experiment: Experiment) -> dict[str, Any] | None:
        """Return the rows of each model, for the method ``none``."""
        table = experiment.tables.metric_gaps
        table = table[table["method"].eq("none")].dropna(subset=["within", "across"])
        if table.empty:
            return None
        return {
            "rows_of": final_tables.by_setting(table),
            "metrics": {one.name: one for one in metrics.METRICS},
            "takes": {m.name: TAKES.get(m.name, "order") for m in metrics.METRICS},
        }
