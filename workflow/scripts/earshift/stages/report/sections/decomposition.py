"""What gaps are made of: what corrections and labels remove of them, what is left."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from earshift import layout
from earshift.stages.report import final_tables, words
from earshift.stages.report.captions import DECOMPOSITION as CAPTION
from earshift.stages.report.gap_parts import means, said
from earshift.stages.report.sections import (
    MANY,
    TEMPLATES,
    Experiment,
    Figure,
    Findings,
    Section,
)
from earshift.tables import DECOMPOSITION, DECOMPOSITION_CHECKS, Table

#: The figure of the terms of gaps, in ``figures/``.
NAME = "decomposition"


class Decompositions(Section):
    """The terms of gaps and of losses."""

    id = "decomposition"
    title = "What gaps are made of"
    template = TEMPLATES / "decomposition.html.j2"

    def needs(self, config: Mapping[str, Any]) -> list[str]:
        """Return the figure and the tables, if the experiment asks for them."""
        if not config["decomposition"]["methods"]:
            return []
        return [
            layout.FIGURE.format(figure=NAME),
            layout.DECOMPOSITION_TABLE,
            layout.DECOMPOSITION_CHECK_TABLE,
        ]

    def values(self, experiment: Experiment) -> dict[str, Any] | None:
        """Return the terms of gaps, and those of losses with their checks, as rows."""
        if not self.needs(experiment.config):
            return None
        rows = means(_read(DECOMPOSITION, experiment))
        checks = _read(DECOMPOSITION_CHECKS, experiment)
        place = ["setting", "train", "test", "method"]
        gaps, losses = (rows[rows["of"].eq(of)] for of in ("gap", "loss"))
        split = losses["term"].eq("unsplit") & losses["value"].eq(0)
        losses = losses[~split].merge(checks[[*place, "domain_auc"]], "left", on=place)
        return {
            "metric": _label(experiment.config),
            "gaps": _by_place(gaps),
            "losses": _by_place(losses),
        }

    def findings(self, experiment: Experiment) -> list[Findings]:
        """Return a sentence or more for each direction."""
        if not self.needs(experiment.config):
            return []
        rows = means(_read(DECOMPOSITION, experiment))
        found = _by_place(rows[rows["of"].eq("gap")])
        metric = _label(experiment.config)
        detected = {key: own for key, own in found.items() if own[0]["low"] > 0}
        shown = found if len(found) <= MANY else detected
        sentences = [
            f"{where}: {' '.join(said(own, metric))}" for where, own in shown.items()
        ]
        if others := len(found) - len(shown):
            cases = f"{others} of {words.count(len(found), 'case')}"
            sentences.append(f"In {cases} no gap is detected.")
        return [Findings("What are the gaps made of?", sentences)]

    def figures(self, experiment: Experiment) -> list[Figure]:  # noqa: ARG002
        """Return that of the terms of gaps."""
        return [Figure(NAME, *CAPTION)]


def _read(table: Table, experiment: Experiment) -> pd.DataFrame:
    return final_tables.named(table.read(experiment.results / Path(table.file)), ())


def _label(config: Mapping[str, Any]) -> str:
    from earshift.evaluation.decomposition import metric_of

    return metric_of(config["decomposition"]["metric"]).label


def _by_place(rows: pd.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each model and direction."""
    return {
        f"{setting}, from {train} to {test}": own.to_dict("records")
        for (setting, train, test), own in rows.groupby(
            ["setting", "train", "test"], sort=False
        )
    }
