"""How far an experiment is, as plain text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from earshift import layout
from earshift.runs import status
from earshift.runs.job_list import RULES
from earshift.stages.report import words

#: Column of the summary -> what the terminal calls it.
SHOWN = {
    "jobs": "jobs",
    "done": "done",
    "running": "running",
    "stopped": "stopped",
    "failed": "failed",
    "lost": "lost",
    "clips_done": "clips",
    "clips": "of",
    "clips_per_s": "clips/s",
    "left_s": "left",
    "cpu_h": "CPU h",
    "gpu_h": "GPU h",
    "cost": "cost",
}

#: Columns that are shown only where there is something in them.
IF_ANY = ("stopped", "failed", "lost", "gpu_h", "cost")

COUNTS = ("jobs", *status.STATES, "clips_done", "clips")

#: Jobs of a kind that are listed one by one at most.
LISTED = 10

#: State -> how its list begins.
HEADS = {
    "running": "Running",
    "failed": "Failed",
    "lost": "Lost: killed, or their machine is gone",
    "stopped": "Stopped in time: the next attempt goes on from there",
}


def status_table(config: Mapping[str, Any], results: Path) -> str:
    """Return how far an experiment is, as a table for the terminal.

    Parameters
    ----------
    config : mapping
        As `settings.resolve` returns it.
    results : Path
        Folder of the results.

    Returns
    -------
    str
        Lines.
    """
    logs = layout.logs(results)
    table, more = status.job_table(config, results, logs)
    prices = config["extraction"]
    stages = status.summarise(table, ["stage"], prices)
    columns = [n for n in SHOWN if n not in IF_ANY or stages[n].gt(0).any()]
    lines = ["", words.line("How far it is", [SHOWN[name] for name in columns])]
    in_order = [*dict.fromkeys(s for s, _ in RULES.values()), status.OTHER]
    for stage in in_order:
        for row in stages[stages["stage"] == stage].to_dict("records"):
            known = stage not in more
            lines.append(_line(f"  {stage}", row, columns, known))
            if stage == "2 embeddings":
                lines += _stores(table, prices, columns)
    total = status.summarise(table.assign(stage="all stages"), ["stage"], prices)
    row = total.to_dict("records")[0] | {"left_s": math.nan}
    lines.append(_line("  all stages", row, columns, not more))
    if more:
        lines += [
            "",
            f"+ more, once earlier jobs are done: {', '.join(more)}.",
        ]
    for state in HEADS:
        lines += _listed(table[table["state"] == state], state, logs)
    return "\n".join([*lines, ""])


def _stores(
    table: pd.DataFrame, prices: Mapping[str, Any], columns: list[str]
) -> Iterator[str]:
    """Yield a line for each store of embeddings: the jobs that fill it."""
    extraction = table[table["rule"] == "extract_embeddings"]
    extraction = extraction.assign(
        store=[name.rpartition("/")[0] for name in extraction["name"]]
    )
    for row in status.summarise(extraction, ["store"], prices).to_dict("records"):
        yield _line(f"    {row['store'].replace('/', ' / ')}", row, columns, known=True)


def _line(label: str, row: dict[Any, Any], columns: list[str], known: bool) -> str:
    return words.line(label, [_cell(row, name, known) for name in columns])


def _cell(row: dict[Any, Any], name: str, known: bool) -> str:
    value = row[name]
    if name == "jobs":
        return f"{value}" if known else f"{value}+"
    if name in COUNTS:
        return f"{value}" if value else "-"
    if not math.isfinite(value) or value == 0 or (name == "left_s" and not known):
        return "-"
    return words.duration(value) if name == "left_s" else words.amount(value)


def _listed(table: pd.DataFrame, state: str, logs: Path) -> Iterator[str]:
    """Yield the jobs that are in a state, some lines for each."""
    if table.empty:
        return
    yield ""
    yield f"{HEADS[state]}:"
    for row in table.head(LISTED).to_dict("records"):
        record = row["record"]
        where = f"on {record['host']}"
        where += f", SLURM job {record['slurm_job']}" if record["slurm_job"] else ""
        yield f"  {row['rule']} {row['name']} ({where})".replace("  (", " (")
        if state == "running" and "progress" in record:
            at = record["progress"]
            left = (
                words.duration(row["left_s"]) if math.isfinite(row["left_s"]) else "-"
            )
            unit = at["unit"]
            speed = f"{words.amount(at['rate'])} {unit}/s"
            yield f"    {at['done']}/{at['total']} {unit}, {speed}, {left} left"
        elif state != "running":
            if record["reason"]:
                yield f"    {record['reason']}"
            yield f"    {logs / row['rule'] / row['name']}.log"
    if len(table) > LISTED:
        yield f"  and {words.count(len(table) - LISTED, 'job')} more"
