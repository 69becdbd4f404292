"""How embeddings move when only the audio changes, and from where on that costs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from earshift import layout, registry
from earshift.names import text_of
from earshift.numerics import metrics
from earshift.stages.report import final_tables, words
from earshift.stages.report.captions import MOVEMENT, STRENGTHS
from earshift.stages.report.sections import (
    MANY,
    TEMPLATES,
    Experiment,
    Figure,
    Findings,
    Section,
)
from earshift.stages.sensitivity import KNOWN, UNSEEN
from earshift.tables import ROBUSTNESS, SENSITIVITY, SENSITIVITY_SCORES, Table

#: The figures, in ``figures/``.
NAME, MOVED = "sensitivity", "movement"

#: The metric of the sentences: a change of all scores alike moves it, too.
TOLD = "balanced_accuracy"

#: The fall of which sentences tell.
FALL = 0.05

#: What the columns of measures are called.
MEASURES: Mapping[str, str] = {
    "relative_distance": "displacement",
    "cosine_distance": "cosine distance",
    "retrieval": "nearest to its original",
    "direction_consistency": "direction consistency",
    "common_share": "common share",
    "effective_dimension_centred": "effective dimension",
}


class Sensitivity(Section):
    """Robustness, scores and movements, by the strength of conditions."""

    id = "sensitivity"
    title = "When only the audio changes"
    template = TEMPLATES / "sensitivity.html.j2"

    def needs(self, config: Mapping[str, Any]) -> list[str]:
        """Return the figures and the tables, if the experiment asks for them."""
        if not config["sensitivity"]["conditions"]:
            return []
        return [
            layout.FIGURE.format(figure=NAME),
            layout.FIGURE.format(figure=MOVED),
            layout.SENSITIVITY_TABLE,
            layout.SENSITIVITY_SCORE_TABLE,
            layout.ROBUSTNESS_TABLE,
        ]

    def values(self, experiment: Experiment) -> dict[str, Any] | None:
        """Return robustness, scores and movements as rows."""
        if not self.needs(experiment.config):
            return None
        scores = _read(SENSITIVITY_SCORES, experiment)
        scores = scores[scores["metric"].isin(final_tables.TOLD)]
        changed = scores[scores["setting"].isin((UNSEEN, KNOWN))]
        moved = _read(SENSITIVITY, experiment)
        return {
            "falls": _falls(experiment),
            "scores": _by_place(changed),
            "labels": {one.name: one.label for one in metrics.METRICS},
            "methods": changed["method"].nunique() > 1,
            "measures": MEASURES,
            "moved": _by_place(_wide(moved)),
            "monotonicity": moved[moved["measure"].eq("monotonicity")].to_dict(
                "records"
            ),
        }

    def findings(self, experiment: Experiment) -> list[Findings]:
        """Return a sentence for each dataset, model and family."""
        if not self.needs(experiment.config):
            return []
        rows = [
            row
            for row in _falls(experiment)
            if row["metric"] == TOLD and row["method"] == "none"
        ]
        hold = [row for row in rows if math.isinf(row["cells"][FALL]["strength"])]
        shown = rows if len(rows) <= MANY else [r for r in rows if r not in hold]
        sentences = [
            f"{row['where']}: {metrics.metric(TOLD).label} has fallen by "
            f"{100 * FALL:g} % {row['cells'][FALL]['said']}."
            for row in shown[:MANY]
        ]
        if more := len(shown[MANY:]):
            sentences.append(f"{more} more are in the table of robustness.")
        if len(hold) and len(rows) > MANY:
            cases = f"{len(hold)} of {words.count(len(rows), 'case')}"
            sentences.append(
                f"In {cases} no strength that was tried costs {100 * FALL:g} % of it."
            )
        heading = "What does it cost when only the audio changes?"
        return [Findings(heading, sentences)] if sentences else []

    def figures(self, experiment: Experiment) -> list[Figure]:  # noqa: ARG002
        """Return those of scores and of movements."""
        return [Figure(NAME, *STRENGTHS), Figure(MOVED, *MOVEMENT)]


def _read(table: Table, experiment: Experiment) -> pd.DataFrame:
    return table.read(experiment.results / Path(table.file))


def _by_place(rows: pd.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each dataset, model and family."""
    return {
        f"{family}: {model} on {dataset}": own.to_dict("records")
        for (family, model, dataset), own in rows.groupby(
            ["family", "model", "dataset"], sort=False
        )
    }


def _wide(moved: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each strength, whose `cells` have its measures."""
    place = ["family", "model", "dataset", "strength", "n_clips", "n_recordings"]
    rows = [
        dict(zip(place, key, strict=True))
        | {"cells": {row["measure"]: row for row in own.to_dict("records")}}
        for key, own in moved[moved["strength"].fillna("").ne("")].groupby(
            place, sort=False
        )
    ]
    return pd.DataFrame(rows)


def _falls(experiment: Experiment) -> list[dict[str, Any]]:
    """Return a row for each side and metric told, whose `cells` have its falls."""
    table = _read(ROBUSTNESS, experiment)
    table = table[table["metric"].isin(final_tables.TOLD)]
    place = ["family", "side", "model", "dataset", "method", "metric"]
    rows = []
    for key, own in table.groupby(place, sort=False):
        row = dict(zip(place, map(str, key), strict=True))
        entry = experiment.config["conditions"][row["family"]]
        unit = registry.load("conditions", entry["plugin"]).unit
        cells = {
            cell["fall"]: cell | {"said": said(cell, unit), "short": short(cell)}
            for cell in own.to_dict("records")
        }
        row["where"] = f"{row['family']}, {row['model']} on {row['dataset']}"
        if _has_two_sides(row["family"], entry):
            row["where"] += f" ({row['side']})"
        rows.append(row | {"cells": cells, "unit": unit})
    return rows


def _has_two_sides(family: str, entry: Mapping[str, Any]) -> bool:
    from earshift.stages.sensitivity.robustness import sides

    return len(sides(family, entry)) > 1


def short(cell: Mapping[str, Any]) -> str:
    """Return the same as `said` for a cell of a table, such as ``"12 [17, 9]"``."""
    strength, low, high = (cell[name] for name in ("strength", "low", "high"))
    if math.isnan(strength):
        return words.UNKNOWN
    if math.isinf(low):
        return "none"
    start, end = (
        name if math.isinf(value) else f"{value:.3g}"
        for name, value in (("none", strength), ("beyond", high))
    )
    return f"{start} [{low:.3g}, {end}]"


def said(cell: Mapping[str, Any], unit: str) -> str:
    """Return from which strength on a metric has fallen, in words.

    Parameters
    ----------
    cell : mapping
        Row of `tables.ROBUSTNESS`.
    unit : str
        Of the strengths.

    Returns
    -------
    str
        For instance ``"at 12 dB [17, 9]"``.
    """
    strength, low, high = (cell[name] for name in ("strength", "low", "high"))
    if math.isnan(strength):
        return "at an unknown strength"
    unit = f" {unit}" if unit else ""
    first, last = (text_of(cell[name]) for name in ("weakest", "strongest"))
    if math.isinf(strength):
        word = "in none of the strengths" if math.isinf(low) else "perhaps nowhere"
        where = "" if math.isinf(low) else f", at the earliest at {low:.3g}{unit}"
        return f"{word} from {first} to {last}{unit}{where}"
    end = "beyond" if math.isinf(high) else f"{high:.3g}"
    return f"at {strength:.3g}{unit} [{low:.3g}, {end}]"
