"""Which correction to take where the target has no labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from earshift import layout
from earshift.numerics import metrics
from earshift.stages.report import final_tables, words
from earshift.stages.report.sections import TEMPLATES, Experiment, Findings, Section
from earshift.tables import GATE


class Gate(Section):
    """What other datasets say is to be taken, and what labels say that this costs."""

    id = "gate"
    title = "Chosen without labels"
    template = TEMPLATES / "gate.html.j2"

    def needs(self, config: Mapping[str, Any]) -> list[str]:  # noqa: ARG002
        """Return the table."""
        return [layout.GATE_TABLE]

    def values(self, experiment: Experiment) -> dict[str, Any] | None:
        """Return the rows of each model, if there are three datasets or more."""
        table = _rows_of(experiment)
        if table.empty:
            return None
        return {
            "chosen": final_tables.by_setting(table.assign(variant=table["train"])),
            "labels": {one.name: one.label for one in metrics.METRICS},
        }

    def findings(self, experiment: Experiment) -> list[Findings]:
        """Return what the gate gains and what it costs, mean and worst."""
        table = _rows_of(experiment)
        by_metric = table[table["decides"].eq(True)].groupby(
            ["setting", "metric"], sort=False
        )
        sentences = []
        for (setting, metric), own in by_metric:
            taken = int(own["chosen"].ne("none").sum())
            mean, worst = own["change"].mean(), own["change"].min()
            sentences.append(
                f"{setting}, {metrics.metric(str(metric)).label}: chosen by the other "
                f"datasets alone, a correction is taken in {taken} of {len(own)} "
                f"directions; the choices change {words.signed(mean)} in the mean and "
                f"{words.signed(worst)} in the worst direction, "
                f"{words.number(own['regret'].mean(), 3)} less than the best "
                "correction of each direction."
            )
        heading = "Which correction is to be taken without labels?"
        return [Findings(heading, sentences)] if sentences else []


def _rows_of(experiment: Experiment) -> pd.DataFrame:
    """Return the rows of the protocol that the page shows."""
    table = GATE.read(experiment.results / Path(GATE.file))
    table = table[table["protocol"].eq(experiment.tables.protocol)]
    return final_tables.named(table, ())
