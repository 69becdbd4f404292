"""What jobs asked for and used, as plain text."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from earshift import layout
from earshift.runs import efficiency
from earshift.stages.embeddings import job_size
from earshift.stages.report import words

#: Column -> what the terminal calls it, two lines, and what it is multiplied by.
SHOWN = {
    "jobs": ("", "jobs", 1),
    "mb_asked": ("MB", "asked", 1),
    "mb_used": ("", "used", 1),
    "mb_enough": ("", "enough", 1),
    "minutes_asked": ("min", "asked", 1),
    "minutes_used": ("", "used", 1),
    "minutes_enough": ("", "enough", 1),
    "cpu_share": ("", "CPU %", 100),
    "gpu_share": ("", "GPU %", 100),
    "gpu_mb_used": ("", "GPU MB", 1),
}

NOTE = f"""\
Used: the most memory of a job, with all it started, and the longest time. Enough:
{job_size.MEMORY_SAFETY:g} times that memory and {job_size.START_MB} MB for Snakemake, \
{job_size.TIME_SAFETY:g} times that time and {job_size.START_MIN} min.
CPU and GPU: used of what was reserved, over all jobs. -: not known.
To ask for it: ARGS='--set-resources RULE:mem_mb=N RULE:runtime=MIN'. Extraction asks
for what its model was measured to need; leave it alone where it is near."""


def efficiency_table(results: Path) -> str:
    """Return what jobs asked for and used, as a table for the terminal.

    Parameters
    ----------
    results : Path
        Folder of the results.

    Returns
    -------
    str
        Lines.
    """
    logs = layout.logs(results)
    table = efficiency.used_and_asked(logs)
    if table.empty:
        return f"\nNo job said what it used: there is nothing in '{logs}'.\n"
    columns = [n for n in SHOWN if not n.startswith("gpu") or table[n].notna().any()]
    lines = [
        "",
        words.line("", [SHOWN[n][0] for n in columns]),
        words.line("What jobs asked for and used", [SHOWN[n][1] for n in columns]),
    ]
    for row in table.to_dict("records"):
        label = f"  {row['rule']}" + (f" / {row['model']}" if row["model"] else "")
        lines.append(words.line(label, [_cell(row, name) for name in columns]))
    return "\n".join([*lines, "", NOTE, ""])


def _cell(row: dict[Any, Any], name: str) -> str:
    value = float("nan") if row[name] is None else float(row[name]) * SHOWN[name][2]
    if not math.isfinite(value):
        return "-"
    digits = 1 if name == "minutes_used" else 0
    return words.number(value, digits)
