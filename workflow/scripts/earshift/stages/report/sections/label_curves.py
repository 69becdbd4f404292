"""What a few labelled clips of the target add, and corrections are worth in them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from earshift import layout
from earshift.numerics import metrics
from earshift.stages.report import final_tables, words
from earshift.stages.report.captions import LABELS
from earshift.stages.report.sections import (
    TEMPLATES,
    Experiment,
    Figure,
    Findings,
    Section,
)
from earshift.tables import LABEL_CURVES, LABEL_VALUES

#: The figure of the curves, in ``figures/``.
NAME = "label_curves"

#: The metric of the sentences: labels move the threshold, too.
TOLD = "balanced_accuracy"


class LabelCurves(Section):
    """Scores by the number of labelled clips, and corrections in labels."""

    id = "few-labels"
    title = "Few labels"
    template = TEMPLATES / "label_curves.html.j2"

    def needs(self, config: Mapping[str, Any]) -> list[str]:
        """Return the figure and the tables, if the experiment asks for them."""
        if not config["few_labels"]["methods"]:
            return []
        return [
            layout.FIGURE.format(figure=NAME),
            layout.LABEL_CURVE_TABLE,
            layout.LABEL_VALUE_TABLE,
        ]

    def values(self, experiment: Experiment) -> dict[str, Any] | None:
        """Return what each correction is worth, and the curves as rows."""
        if not self.needs(experiment.config):
            return None
        names = {one.name: one.label for one in metrics.METRICS}
        curves = _told(LABEL_CURVES, experiment)
        worth = _told(LABEL_VALUES, experiment)
        return {
            "worth": [row | {"said": said(row)} for row in worth.to_dict("records")],
            "curves": final_tables.by_setting(curves.assign(variant=curves["method"])),
            "labels": names,
        }

    def findings(self, experiment: Experiment) -> list[Findings]:
        """Return a sentence for each correction and direction."""
        if not self.needs(experiment.config):
            return []
        worth = _told(LABEL_VALUES, experiment)
        worth = worth[worth["metric"].eq(TOLD) & worth["choice"].eq("random")]
        worth = worth[worth["way"].eq(worth["way"].min())]
        sentences = [
            f"{row['method']}, from {row['train']} to {row['test']} "
            f"({row['setting']}): worth {said(row)} in {metrics.metric(TOLD).label}"
            for row in worth.to_dict("records")
        ]
        heading = "What is a correction worth in labelled clips of the target?"
        return [Findings(heading, [f"{s}." for s in sentences])] if sentences else []

    def figures(self, experiment: Experiment) -> list[Figure]:  # noqa: ARG002
        """Return the curves."""
        return [Figure(NAME, *LABELS)]


def _told(table: Any, experiment: Experiment) -> pd.DataFrame:  # noqa: ANN401
    """Return the rows of the metrics that the page tells."""
    rows = table.read(experiment.results / Path(table.file))
    rows = rows[rows["metric"].isin(final_tables.TOLD)]
    return final_tables.named(rows, ())


def said(row: Mapping[str, Any]) -> str:
    """Return what a correction is worth, in words.

    Parameters
    ----------
    row : mapping
        Of `tables.LABEL_VALUES`.

    Returns
    -------
    str
        For instance ``"1.4 [0.6, 3.2] labelled clips per class"``.
    """
    value, low, high = (row[k] for k in ("value", "value_low", "value_high"))
    if math.isnan(value):
        return "an unknown number of labelled clips"
    most = f"more than {row['most']}"
    shown = [most if math.isinf(n) else words.number(n, 1) for n in (value, low, high)]
    if value == 0 and high == 0:
        return "no labelled clip: it is worse than none"
    if math.isinf(low):
        return f"{most} labelled clips per class"
    return f"{shown[0]} [{shown[1]}, {shown[2]}] labelled clips per class"
