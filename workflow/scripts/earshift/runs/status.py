"""How far an experiment is: its jobs, and what they say of themselves, as one table.

Nothing but files is read, so it can be asked anywhere, also while the experiment runs.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil

from earshift.jobs import monitor
from earshift.runs.job_list import expected_jobs

#: Seconds without a sign of life after which a job counts as lost.
LOST_S = 120.0

#: Files of jobs that are read at a time: on a network file system each one waits.
READERS = 16

#: The stage of jobs that no experiment has for its results: downloads, plans, audits.
OTHER = "other"

#: What a job may be.
STATES = ("waiting", "done", "running", "stopped", "failed", "lost")


def read_records(logs: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Return what the jobs of an experiment say of themselves.

    Parameters
    ----------
    logs : Path
        Folder of the experiment's logs.

    Returns
    -------
    dict of (str, str) to dict
        By rule and wildcards, as in the path of the log; see `monitor`.
    """
    files = [file for file in logs.rglob("*.json") if not file.name.startswith(".")]
    with ThreadPoolExecutor(READERS) as pool:
        texts = list(pool.map(_read, files))
    records = {}
    for file, text in zip(files, texts, strict=True):
        rule, _, name = file.relative_to(logs).with_suffix("").as_posix().partition("/")
        record = json.loads(text) if text else None
        if record:
            records[rule, name] = record
    return records


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:  # a job wrote it anew at this moment
        return ""


def state_of(record: Mapping[str, Any], now: float) -> str:
    """Return what a job is, by what it said last: one of `STATES`."""
    if record["state"] != "running":
        return str(record["state"])
    here = record["host"] == socket.gethostname()
    gone = here and not psutil.pid_exists(record["pid"])
    return "lost" if gone or now - record["updated"] > LOST_S else "running"


def job_table(
    config: Mapping[str, Any], results: Path, logs: Path
) -> tuple[pd.DataFrame, list[str]]:
    """Return what is known of each job.

    Parameters
    ----------
    config : mapping
        As `settings.resolve` returns it.
    results, logs : Path
        Folders of the results and of the logs.

    Returns
    -------
    DataFrame, list of str
        One row per job: stage, rule, name, state (of `STATES`), clips and clips_done
        (of jobs that embed), clips_per_s, left_s (time that it still needs, NaN if
        unknown), cpu_h, gpu_h (reserved so far, of all attempts), and record. Then the
        stages of which not all jobs are known yet.
    """
    records, now = read_records(logs), time.time()
    known, more = expected_jobs(config, results)
    rows: list[dict[str, Any]] = []
    for job in known:
        record = records.pop((job.rule, job.name), None)
        state = state_of(record, now) if record else "waiting"
        if job.done or state == "done":  # its result counts, whatever it said
            state = "done" if job.done else "waiting"
        head = {"stage": job.stage, "rule": job.rule, "name": job.name}
        rows.append(head | {"state": state, "clips": job.clips, "record": record})
    for (rule, name), record in records.items():
        row = {"stage": OTHER, "rule": rule, "name": name, "clips": 0, "record": record}
        rows.append(row | {"state": state_of(record, now)})
    table = pd.DataFrame([row | _progress(row) for row in rows])
    table["left_s"] = _time_left(table, now)
    return table, sorted(set(more))


def _progress(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return how far a job is, how fast, and what it took."""
    record = row["record"]
    if record is None:
        clips = row["clips"] if row["state"] == "done" else 0
        return {"clips_done": clips, "clips_per_s": 0.0, "cpu_h": 0.0, "gpu_h": 0.0}
    at = record.get("progress", {})
    running = row["state"] == "running" and at.get("unit") == "clips"
    part = at["done"] if running and row["clips"] else 0
    spent = monitor.spent(record)
    return {
        "clips_done": row["clips"] if row["state"] == "done" else part,
        "clips_per_s": at["rate"] if running else 0.0,
        "cpu_h": spent["cpu_h"],
        "gpu_h": spent["gpu_h"],
    }


def _time_left(table: pd.DataFrame, now: float) -> pd.Series:
    """Return how long each job still needs: by its own speed, or that of others."""
    size = table["clips"].clip(lower=1)
    running, done = table["state"].eq("running"), table["state"].eq("done")
    records = table["record"]
    passed = pd.Series([now - r["started"] if r else np.nan for r in records])
    by_speed = pd.Series([_by_own_speed(r) if r else np.nan for r in records])
    took = pd.Series([r["seconds"] if r else np.nan for r in records])
    # A job takes as long as those of its rule that are done, or else those that run.
    pace: dict[str, float] = {}
    for whole in ((passed + by_speed).where(running), took.where(done)):
        known = pd.DataFrame({"s": whole, "size": size})[whole.notna()]
        totals = known.groupby(table["rule"]).sum()
        pace |= (totals["s"] / totals["size"]).to_dict()
    whole = table["rule"].map(pace).astype(float) * size
    left = whole.where(~running, by_speed.fillna((whole - passed).clip(lower=0)))
    return left.where(~done, 0.0)


def _by_own_speed(record: Mapping[str, Any]) -> float:
    at = record.get("progress", {})
    return (at["total"] - at["done"]) / at["rate"] if at.get("rate") else np.nan


def summarise(
    table: pd.DataFrame, by: list[str], extraction: Mapping[str, Any]
) -> pd.DataFrame:
    """Add up the jobs of each stage, or of other groups.

    Parameters
    ----------
    table : DataFrame
        From `job_table`.
    by : list of str
        Columns that name the groups.
    extraction : mapping
        Section of the config, with the prices.

    Returns
    -------
    DataFrame
        Columns `by`, jobs, a column for each of `STATES`, clips_done, clips,
        clips_per_s, left_s, cpu_h, gpu_h, cost (NaN without prices). `left_s` is the
        time that as many jobs as run now need for the rest, kinds of jobs left out of
        which none ever ran; NaN if none runs, or one of unknown speed.
    """
    counts = pd.get_dummies(table["state"]).reindex(columns=list(STATES), fill_value=0)
    names = ["clips_done", "clips", "clips_per_s", "cpu_h", "gpu_h", "left_s"]
    columns = pd.concat([table[by + names], counts.astype(int)], axis=1)
    unknown = table["left_s"].isna() & table["state"].eq("running")
    out = columns.assign(jobs=1, unknown=unknown).groupby(by, as_index=False).sum()
    known = out["running"].gt(0) & out["unknown"].eq(0)
    out["left_s"] = (out["left_s"] / out["running"].clip(lower=1)).where(known)
    prices = [extraction["price_per_cpu_hour"], extraction["price_per_gpu_hour"]]
    cpu, gpu = (price or 0.0 for price in prices)
    out["cost"] = cpu * out["cpu_h"] + gpu * out["gpu_h"]
    if all(price is None for price in prices):
        out["cost"] = np.nan
    return out.drop(columns="unknown")
