"""Stage 2, embeddings: the plan of a store, and the files beside it.

``<condition>.plan.json``
    What made the store, where it is, and its regions in use.
``<condition>.regions/<region>.parquet``
    The clips of a region, the state of their files, and their rows.
``<condition>.clips.parquet``
    Which region holds each clip of the present clip table.
``<condition>.kept/<region>.json``
    What the job that filled a region had to leave out.
``<condition>.begun/<region>.json``
    How far a job came that was stopped or killed; see `earshift.begun`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from earshift import jobs, store

#: Endings of the folders beside a plan that hold a file for each region.
FOLDERS = (".regions", ".kept", ".begun", ".done")


def beside(plan: Path, ending: str) -> Path:
    """Return the path that belongs to a plan, with another ending."""
    return plan.with_name(plan.name.removesuffix(".plan.json") + ending)


def location_of(plan: Path) -> store.Location:
    """Return where the store of a plan is."""
    said = str(json.loads(plan.read_text())["store"])
    return said if "://" in said else Path(said)


def write(
    plan: Path, key: str, location: store.Location, work: Mapping[str, Any]
) -> None:
    """Write a plan: what made the store, where it is, and its regions in use."""
    said = {"key": key, "store": str(location), "regions": sorted(work), "work": work}
    with jobs.whole_file(plan) as file:
        file.write_text(json.dumps(said, indent=1) + "\n")


def list_of(plan: Path, region: str) -> Path:
    """Return the path of the list of a region: its clips and their rows."""
    return beside(plan, ".regions") / f"{region}.parquet"


def record_of(plan: Path, region: str) -> Path:
    """Return the path of what the job that filled a region says of it."""
    return beside(plan, ".kept") / f"{region}.json"


def begun_of(plan: Path, region: str) -> Path:
    """Return the path of what jobs that were stopped say of a region."""
    return beside(plan, ".begun") / f"{region}.json"


def read_region(plan: Path, region: str) -> pd.DataFrame:
    """Read the list of a region."""
    return pd.read_parquet(list_of(plan, region))


def named_in(plan: Path) -> list[str]:
    """Return the names of the regions in use."""
    return list(json.loads(plan.read_text())["regions"])


def skipped_in(plan: Path, region: str) -> dict[str, str] | None:
    """Return the clips that a region left out, and why; None if it is not filled."""
    record = record_of(plan, region)
    return json.loads(record.read_text())["skipped"] if record.exists() else None


def rows_of(rows: pd.DataFrame, shard: int) -> tuple[int, int]:
    """Return the first and last-plus-one row of a region, from its whole list.

    Parameters
    ----------
    rows : DataFrame
        List of a region, with `first_frame` and `n_frames`.
    shard : int
        Rows of a shard.

    Returns
    -------
    start, stop : int
        Multiples of `shard`.
    """
    first, last = rows.iloc[0], rows.iloc[-1]
    stop = int(last["first_frame"] + last["n_frames"])
    return int(first["first_frame"]) // shard * shard, -(-stop // shard) * shard


def forget(plan: Path, region: str) -> None:
    """Delete what jobs said of a region: it has to be filled anew."""
    for ending in FOLDERS[1:]:
        (beside(plan, ending) / f"{region}.json").unlink(missing_ok=True)


def mark(plan: Path, names: Sequence[str]) -> None:
    """Mark regions as not done: the next run embeds their clips again.

    Clips that are no longer used are taken off their lists. The plan is written anew,
    with a count of such marks: by it Snakemake sees that there is something to do.

    Parameters
    ----------
    plan : Path
        Plan of a store of which no job runs.
    names : sequence of str
        Its damaged regions; none if its index alone is to be written again.
    """
    location = location_of(plan)
    said = json.loads(plan.read_text())
    said["marked"] = said.get("marked", 0) + 1
    # First: of what is missing afterwards, a finished experiment misses nothing.
    with jobs.whole_file(plan) as file:
        file.write_text(json.dumps(said, indent=1) + "\n")
    used = pd.read_parquet(beside(plan, ".clips.parquet"))
    for region in names:
        forget(plan, region)
        rows = read_region(plan, region)
        store.clear_rows(location, *rows_of(rows, store.shard_of(location)))
        rows = rows[rows["clip_id"].isin(used.loc[used["region"] == region, "clip_id"])]
        with jobs.whole_file(list_of(plan, region)) as file:
            rows.to_parquet(file, index=False)


def unfinished(plan: Path) -> list[Path]:
    """Return the temporary files that killed jobs left beside a store."""
    own = beside(plan, "").name
    found = list(plan.parent.glob(f".{own}.*.unfinished*"))
    for ending in FOLDERS:
        found += beside(plan, ending).glob(".*.unfinished*")
    return found
