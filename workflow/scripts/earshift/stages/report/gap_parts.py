"""The parts of gaps, and the terms of losses, in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from earshift.stages.report import words

#: One line of a table.
Row = Mapping[str, Any]

#: Terms of a loss, in words.
OF_LOSS = {
    "loss": "loss",
    "label_shares": "label shares",
    "subgroups": "subgroups",
    "x_source": "X, training dataset only",
    "y_given_x": "Y given X",
    "x_target": "X, test dataset only",
    "unsplit": "X and Y given X, not told apart",
}


def means(table: pd.DataFrame) -> pd.DataFrame:
    """Return the means over classes, with the column `said`: the term in words.

    Parameters
    ----------
    table : DataFrame
        Columns of `tables.DECOMPOSITION`.
    """
    rows = table[table["class"].eq("")].reset_index(drop=True)
    return rows.assign(said=[named(row) for row in rows.to_dict("records")])


def named(row: Row) -> str:
    """Return what a term is called.

    Parameters
    ----------
    row : mapping
        Of `tables.DECOMPOSITION`.
    """
    if row["of"] == "loss":
        return OF_LOSS[row["term"]]
    of_gap: dict[str, str] = {
        "gap": "gap",
        "less_data": "less training data",
        "removed": row["method"],
        "removed_by_labels": words.count(row["n_labels"], "label") + " per class",
        "left": "left",
    }
    return of_gap[row["term"]]


def said(rows: Sequence[Row], metric: str) -> Iterator[str]:
    """Yield what a gap is made of, in sentences.

    Parameters
    ----------
    rows : sequence of mapping
        Terms of a gap, the whole first, with their names as `said`.
    metric : str
        Of the gap.
    """
    gap, *parts = rows
    if math.isnan(gap["value"]):
        yield f"not estimated: {gap['reason'] or 'no class has scores of all clips.'}"
        return
    if not gap["low"] > 0:
        yield (
            f"no gap in {metric} is detected ({_amount(gap)}), so shares of it mean "
            "nothing."
        )
        return
    sure = [p for p in parts if not words.includes(p["low"], p["high"], 0)]
    whole = f"of the gap of {_amount(gap)} in {metric}"
    yield (
        f"{whole}, {words.listed([_part(part) for part in sure])}."
        if sure
        else f"{whole} no part can be told from 0 by itself."
    )
    unsure = [
        f"{'what is left' if part['term'] == 'left' else part['said']} {_amount(part)}"
        for part in parts
        if part not in sure
    ]
    if unsure:
        yield f"Not told from 0: {words.listed(unsure)}."


def _part(row: Row) -> str:
    """Return what a term does that can be told from 0."""
    harms = row["value"] < 0
    if row["term"] == "left":
        why = (
            f"these do more than as many clips of {row['test']}"
            if harms
            else f"it needs more labels of {row['test']}, or another correction"
        )
        return f"{_amount(row)} is left ({why})"
    verb = {
        "less_data": ("are", "hide"),
        "removed": ("removes", "adds"),
        "removed_by_labels": ("remove", "add"),
    }[row["term"]][harms]
    if row["term"] == "removed_by_labels" and row["n_labels"] == 1:
        verb += "s"
    ends = (-row["high"], -row["low"]) if harms else (row["low"], row["high"])
    amount = {"value": abs(row["value"]), "low": ends[0], "high": ends[1]}
    return f"{row['said']} {verb} {_amount(amount)}"


def _amount(row: Row) -> str:
    shown = words.interval(row["low"], row["high"], 3)
    return f"{words.number(row['value'], 3)} {shown}".strip()
