"""What tells the datasets apart: the embedding beside cues that are no content."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from earshift import models
from earshift.stages.report import final_tables, words
from earshift.stages.report.captions import ATTRIBUTION
from earshift.stages.report.measured import domain_auc
from earshift.stages.report.sections import (
    TEMPLATES,
    Experiment,
    Figure,
    Findings,
    Section,
)

#: The figure, in ``figures/``.
NAME = "attribution"


class Attribution(Section):
    """How well each model tells the datasets apart, cues first; also behind a front."""

    id = "attribution"
    title = "Where the difference comes from"
    template = TEMPLATES / "attribution.html.j2"

    def needs(self, config: Mapping[str, Any]) -> list[str]:  # noqa: ARG002
        """Return the figure."""
        return [f"figures/{NAME}.svg"]

    def values(self, experiment: Experiment) -> dict[str, Any] | None:
        """Return a row for each pair and model, if a model is of cues."""
        table = _rows_of(experiment)
        if table.empty:
            return None
        columns = final_tables.ordered(table["variant"])
        rows = [
            {
                "a": a,
                "b": b,
                "setting": setting,
                "halves": self._halves(experiment, own),
            }
            | {"cells": {row["variant"]: row for row in own.to_dict("records")}}
            for (a, b, setting), own in table.groupby(["a", "b", "setting"], sort=False)
        ]
        return {"label": table["label"].iloc[0], "columns": columns, "rungs": rows}

    def _halves(self, experiment: Experiment, own: pd.DataFrame) -> list[float]:
        """Return the values of two halves of either dataset."""
        halves = experiment.tables.halves
        first = own.iloc[0]
        same = halves["setting"].eq(first["setting"])
        same &= halves["measure"].eq(first["measure"])
        return [
            float(value)
            for dataset in (first["a"], first["b"])
            for value in halves.loc[same & halves["dataset"].eq(dataset), "value"]
        ]

    def figures(self, experiment: Experiment) -> list[Figure]:  # noqa: ARG002
        """Return the ladder."""
        return [Figure(NAME, *ATTRIBUTION)]

    def findings(self, experiment: Experiment) -> list[Findings]:
        """Say what cues alone can do, and what a front leaves of it."""
        table = _rows_of(experiment)
        sentences = list(_said(table)) if len(table) else []
        heading = "Where does the difference come from?"
        return [Findings(heading, sentences)] if sentences else []


def _said(table: pd.DataFrame) -> Iterator[str]:
    """Say the values of each pair, and of each correction of the audio."""
    label = table["label"].iloc[0]
    for (a, b), own in table.groupby(["a", "b"], sort=False):
        plain = own[own["variant"].eq("none")]
        parts = [_part(rows) for _, rows in plain.groupby("is_cue", sort=False)]
        yield f"{a} and {b} are told apart, by the {label}, {'; '.join(parts)}."
        for variant, rows in own[own["variant"].ne("none")].groupby(
            "variant", sort=False
        ):
            values = [f"{_value(row)} by {row.setting}" for row in rows.itertuples()]
            yield f"With {variant}, that is {words.listed(values)}."


def _part(rows: pd.DataFrame) -> str:
    values = [f"with {_value(row)} by {row.setting}" for row in rows.itertuples()]
    kind = "what is no content" if rows["is_cue"].iloc[0] else "the embeddings"
    return f"from {kind}, {words.listed(values)}"


def _value(row: Any) -> str:  # noqa: ANN401
    return f"{words.number(row.value)} {words.interval(row.low, row.high)}"


def _rows_of(experiment: Experiment) -> pd.DataFrame:
    """Return the rows of ``none`` and of methods behind a front, cues first.

    There are none if no model is of cues.
    """
    config = experiment.config
    cues = {name for name, entry in config["models"].items() if models.is_cue(entry)}
    table = domain_auc(experiment.tables.discrepancy)
    table = table.assign(is_cue=table["model"].isin(cues))
    fronts = {name for name, own in config["methods"].items() if own.get("front")}
    shown = table["method"].isin({"none", *fronts})
    if not table["is_cue"].any():
        return table.iloc[:0]
    return table[shown].sort_values(
        ["is_cue"], ascending=False, kind="stable", ignore_index=True
    )
