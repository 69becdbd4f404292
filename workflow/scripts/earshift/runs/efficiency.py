"""What jobs asked for, and what they used of it, from the files beside their logs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from earshift.runs import status
from earshift.stages.embeddings import job_size

#: Rules whose jobs need what their model needs -> where its name is among wildcards.
BY_MODEL = {"extract_embeddings": 1, "calibrate_model": 0}


def used_and_asked(logs: Path) -> pd.DataFrame:
    """Return for each kind of job what it asked for and used, and what would do.

    Parameters
    ----------
    logs : Path
        Folder of an experiment's logs.

    Returns
    -------
    DataFrame
        One row per rule, and per model where that decides: `rule`, `model`; `jobs`;
        `mb_asked`, `minutes_asked` (the largest of all jobs, NaN where not known);
        `mb_used` (of the largest job, with all it started); `minutes_used` (of the
        longest job that was done); `cpu_share`, `gpu_share` (used of what was reserved,
        over all jobs); `gpu_mb_used`; `mb_enough`, `minutes_enough`.
    """
    rows = [
        _row(rule, name, record)
        for (rule, name), record in status.read_records(logs).items()
    ]
    columns = ["rule", "model", *_ADDED, *_LARGEST]
    table = pd.DataFrame(rows, columns=columns)
    groups = table.groupby(["rule", "model"])
    out = groups[list(_LARGEST)].max()
    total = groups[list(_ADDED)].sum()
    out.insert(0, "jobs", total["jobs"])
    out["cpu_share"] = total["cpu_s"] / total["core_s"].replace(0, np.nan)
    out["gpu_share"] = total["gpu_busy_s"] / total["gpu_s"].replace(0, np.nan)
    out["mb_enough"] = [_mb_enough(mb) for mb in out["mb_used"]]
    out["minutes_enough"] = [_minutes_enough(m) for m in out["minutes_used"]]
    return out.reset_index()


#: What is added up over the jobs of a kind, and of what the largest counts.
_ADDED = ("jobs", "cpu_s", "core_s", "gpu_busy_s", "gpu_s")
_LARGEST = ("mb_asked", "mb_used", "minutes_asked", "minutes_used", "gpu_mb_used")


def _row(rule: str, name: str, record: Mapping[str, Any]) -> dict[str, Any]:
    asked, used, seconds = record["asked"], record["used"], record["seconds"]
    known = "gpu_share" in used
    model = name.split("/")[BY_MODEL[rule]] if rule in BY_MODEL else ""
    return {
        "rule": rule,
        "model": model,
        "jobs": 1,
        "cpu_s": used["cpu_s"] if asked["cpus"] else 0.0,
        "core_s": seconds * (asked["cpus"] or 0),
        "gpu_busy_s": seconds * used["gpu_share"] if known else 0.0,
        "gpu_s": seconds if known else 0.0,
        "mb_asked": asked["mem_mb"],
        "mb_used": used["mb"],
        "minutes_asked": asked["minutes"],
        "minutes_used": seconds / 60 if record["state"] == "done" else None,
        "gpu_mb_used": used.get("gpu_mb"),
    }


def _mb_enough(used: float) -> float:
    """Return what a job may ask for that used so many MB, in hundreds."""
    # Two Snakemake processes run inside a job, and are not among what was measured.
    return 100 * math.ceil((job_size.START_MB + job_size.MEMORY_SAFETY * used) / 100)


def _minutes_enough(used: float) -> float:
    if not math.isfinite(used):
        return math.nan
    return math.ceil(job_size.START_MIN + job_size.TIME_SAFETY * used)
