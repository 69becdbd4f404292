"""What the page says of clips that are shorter than a window of a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from earshift.stages.report import words
from earshift.stages.report.sections import Experiment, Findings, Section
from earshift.tables import PADDING

#: What a short clip is filled up with, by the model's option `short`.
FILLING = {
    "pad": "with zeros",
    "repeat": "by repeating them",
    "reflect": "by playing them backwards and forwards",
}

#: Datasets whose shares of such clips differ by less than this are called alike.
ALIKE = 0.05


class Padding(Section):
    """Findings alone: the top of the page says all there is."""

    def needs(self, config: Mapping[str, Any]) -> list[str]:  # noqa: ARG002
        """Return the table of clips that were filled up."""
        return ["tables/padding.csv"]

    def findings(self, experiment: Experiment) -> list[Findings]:
        """Return what is to say of short clips."""
        return say(experiment.results)


def say(results: Path) -> list[Findings]:
    """Return what is to say of short clips, in words.

    Parameters
    ----------
    results : Path
        Folder of the results, with ``tables/padding.csv`` unless an earlier version
        made them.

    Returns
    -------
    list of Findings
        On one question, or none where no clip is shorter than a window.
    """
    file = results / "tables" / "padding.csv"
    if not file.is_file():
        return []
    sentences = list(_sentences(PADDING.read(file)))
    return [Findings("Are all clips as long as a window?", sentences)] * bool(sentences)


def _sentences(table: pd.DataFrame) -> Iterator[str]:
    several = table["condition"].nunique() > 1
    for (model, condition), rows in table.groupby(["model", "condition"], sort=False):
        if rows["n_padded"].sum():
            yield _sentence(f"{model} ({condition})" if several else str(model), rows)


def _sentence(model: str, rows: pd.DataFrame) -> str:
    counts = [
        f"{row['n_padded']} of {words.count(row['n_clips'], 'clip')} of {name}"
        for name, row in rows.set_index("dataset").to_dict("index").items()
    ]
    shares = rows["n_padded"] / rows["n_clips"].clip(lower=1)
    if shares.max() - shares.min() < ALIKE:
        end = "the datasets are much alike in this"
    else:
        # Of a guess that knows no more than whether a clip was filled up.
        auc = 0.5 + (shares.max() - shares.min()) / 2
        end = (
            f"that alone may tell the datasets apart (by it, with a ROC-AUC of "
            f"{words.number(auc)})"
        )
    first = rows.iloc[0]
    padded = (rows["padding"] * rows["n_padded"]).sum() / rows["n_padded"].sum()
    return (
        f"{words.listed(counts)} are shorter than a window of {model} "
        f"({first['window_s']:g} s) and were filled up "
        f"{FILLING[first['short']]}, {100 * padded:.0f} % of what the model saw of "
        f"them; {end}."
    )
