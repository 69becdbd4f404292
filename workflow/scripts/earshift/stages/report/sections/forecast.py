"""The plan of a run as plain text, and beside what the run then took."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from earshift import layout
from earshift.files import utc
from earshift.stages.report import words
from earshift.tables import PLAN

#: Column of the plan -> what the terminal calls it, and what it is divided by.
SHOWN = {
    "clips": ("clips", 1),
    "clips_to_do": ("to do", 1),
    "audio_h": ("audio h", 1),
    "jobs": ("jobs", 1),
    "cpu_h": ("CPU h", 1),
    "gpu_h": ("GPU h", 1),
    "bytes": ("MB", 1e6),
    "files": ("files", 1),
    "cost": ("cost", 1),
}

#: Columns that are no sums over stages: the same clips and audio go through all.
NOT_ADDED = ("clips", "clips_to_do", "audio_h")


def read(results: Path) -> pd.DataFrame:
    """Read the plan of a run."""
    return PLAN.read(results / "plan.csv")


def plan_table(results: Path) -> str:
    """Return the plan of a run as a table for the terminal.

    Parameters
    ----------
    results : Path
        Folder of the results.

    Returns
    -------
    str
        Lines; the last says where the plan is.
    """
    plan = read(results)
    columns = [
        name
        for name in SHOWN
        if (name != "cost" or plan["cost"].notna().any())
        and (name != "gpu_h" or plan["gpu_h"].any())
    ]
    heads = [SHOWN[name][0] for name in columns]
    lines = ["", words.line("What is left to do", heads)]
    for stage, rows in plan.groupby("stage"):
        lines.append(f"  {stage}")
        for row in rows.to_dict("records"):
            mark = " " if pd.isna(row["within"]) else "~"
            lines.append(_line(f"  {mark} {_name(row)}", row, columns))
        lines.append(_line("    in all", rows[columns].sum().to_dict(), columns))
    added = plan[columns].sum().drop([c for c in NOT_ADDED if c in columns])
    lines.append(_line("  all stages", added.to_dict(), columns))
    lines += _notes(plan)
    return "\n".join([*lines, "", f"Plan: {results / 'plan.csv'}", ""])


def _notes(plan: pd.DataFrame) -> Iterator[str]:
    if plan["within"].notna().any():
        most = 100 * plan["within"].max()
        yield (
            f"~ from a sample of the clips: a dataset's audio is known to {most:.0f} %."
        )
    if plan["jobs"].isna().any():
        yield "- not known: the model has no calibration."


def _name(row: dict[Any, Any]) -> str:
    parts = (row["dataset"], row["model"], row["condition"])
    return " / ".join(part for part in parts if part)


def _line(label: str, row: dict[Any, Any], columns: list[str]) -> str:
    cells = [_cell(row, name) if name in row else "" for name in columns]
    return words.line(label, cells)


def _cell(row: dict[Any, Any], name: str) -> str:
    if pd.isna(row[name]):
        return "-"
    value = row[name] / SHOWN[name][1]
    whole = name in ("clips", "clips_to_do", "jobs", "files")
    return f"{value:.0f}" if whole else words.amount(value)


def compare(results: Path) -> list[dict[str, Any]]:
    """Return for each row of a plan what was estimated and what it then took.

    Parameters
    ----------
    results : Path
        Folder of the results.

    Returns
    -------
    list of dict
        Keys stage, name, and `planned` and `took`: jobs, hours, mb (of the largest
        job), bytes; NaN where it is not known. Empty if no plan was made. Jobs that
        ran before the plan was made do not count.
    """
    if not (results / "plan.csv").is_file():
        return []
    out = []
    for row in read(results).to_dict("records"):
        took = TOOK[row["stage"]](results, row)
        names = {"jobs": "jobs", "hours": "hours", "bytes": "bytes", "mb": "mem_mb"}
        planned = {key: row[column] for key, column in names.items()}
        head = {"stage": row["stage"], "name": _name(row)}
        out.append(head | {"planned": planned, "took": took})
    return out


def _decoding(results: Path, row: dict[Any, Any]) -> dict[str, Any]:
    took = _measured(results, f"inspect_files/{row['dataset']}/*.tsv", row["made"])
    table = layout.path(results, layout.CLIPS, dataset=row["dataset"])
    files = [
        file
        for own in table.parent.glob(f"{row['dataset']}.*")
        for file in (own, *own.rglob("*"))
    ]
    n_bytes = sum(file.stat().st_size for file in files if file.is_file())
    return took | {"bytes": n_bytes if took["jobs"] else 0}


def _embedding(results: Path, row: dict[Any, Any]) -> dict[str, Any]:
    """Return what the regions filled since the plan say of themselves."""
    key = {name: row[name] for name in ("dataset", "model", "condition")}
    store = layout.path(results, layout.STORE, **key)
    records = [
        json.loads(file.read_text()).get("spent")
        for file in store.with_suffix(".kept").glob("*.json")
    ]
    spent = [r for r in records if r is not None and r["finished"] >= row["made"]]
    return {
        "jobs": len(spent),
        "hours": sum(r["seconds"] for r in spent) / 3600,
        "mb": max((1.048576 * r["peak_mib"] for r in spent), default=math.nan),
        "bytes": sum(r["bytes"] for r in spent),
    }


def _pooling(results: Path, row: dict[Any, Any]) -> dict[str, Any]:
    tail = f"{row['dataset']}/{row['model']}/{row['condition']}"
    took = _measured(results, f"pool_frames/{tail}.tsv", row["made"])
    key = {name: row[name] for name in ("dataset", "model", "condition")}
    files = layout.path(results, layout.FEATURES, **key).rglob("*")
    n_bytes = sum(file.stat().st_size for file in files) if took["jobs"] else 0
    return took | {"bytes": n_bytes}


#: Stage -> what says how its jobs went.
TOOK = {"1 clips": _decoding, "2 embeddings": _embedding, "3 features": _pooling}


def _measured(results: Path, name: str, made: str) -> dict[str, Any]:
    """Return jobs, hours and memory of the benchmark files written after `made`."""
    files = layout.logs(results).glob(name)
    new = [file for file in files if utc(file.stat().st_mtime) >= made]
    if not new:
        return {"jobs": 0, "hours": 0.0, "mb": math.nan}
    rows = [pd.read_csv(file, sep="\t", na_values="-").iloc[-1] for file in new]
    return {
        "jobs": len(rows),
        "hours": sum(float(row["s"]) for row in rows) / 3600,
        "mb": max(1.048576 * float(row["max_rss"]) for row in rows),
    }
