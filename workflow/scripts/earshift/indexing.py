"""Stage 2, embeddings: which rows of a store are which clip's, once all are there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from earshift import jobs, plans, store
from earshift.errors import DataError


def index_embeddings(plan: Path, markers: Sequence[Path], *, out: Path) -> None:
    """Write which rows of a filled store are which clip's, and what became of each.

    Parameters
    ----------
    plan : Path
        Plan of the store.
    markers : sequence of Path
        Done-markers of all of its regions.
    out : Path
        Parquet file to write: columns clip_id, region, first_frame, n_frames, status
        (one of `store.STATUS`), reason. The store gets the same.

    Raises
    ------
    DataError
        If a region is not done.
    """
    reasons: dict[str, dict[str, str]] = {}
    for marker in markers:
        reasons[marker.stem] = json.loads(marker.read_text())["skipped"]
    if missing := set(plans.named_in(plan)) - reasons.keys():
        raise DataError(f"{plan}: region {min(missing)} is not done.")
    rows = pd.read_parquet(plans.beside(plan, ".clips.parquet"))
    rows["reason"] = [
        reasons[region].get(clip_id, "")
        for region, clip_id in zip(rows["region"], rows["clip_id"], strict=True)
    ]
    skipped, short = rows["reason"].ne(""), rows["n_windows"].eq(0)
    rows.loc[short & ~skipped, "reason"] = "short: not one whole window"
    rows["status"] = np.select([skipped, short], store.STATUS[1:], store.STATUS[0])
    # All regions are done: no job of the store is running.
    store.clear_partials(plans.location_of(plan))
    for file in plans.unfinished(plan):
        file.unlink(missing_ok=True)
    write_index(rows, plans.location_of(plan), out)


def write_index(rows: pd.DataFrame, location: store.Location, out: Path) -> None:
    """Write the index of a store, into it and as a table.

    Parameters
    ----------
    rows : DataFrame
        Columns clip_id, region, first_frame, n_frames, status, reason.
    location : Path or str
        The store.
    out : Path
        Parquet file to write.
    """
    store.write_index(
        location,
        rows["clip_id"].tolist(),
        rows["first_frame"].to_numpy(np.int64),
        rows["n_frames"].to_numpy(np.int64),
        np.asarray([store.STATUS.index(s) for s in rows["status"]], np.uint8),
    )
    columns = ["clip_id", "region", "first_frame", "n_frames", "status", "reason"]
    with jobs.whole_file(out) as file:
        rows[columns].to_parquet(file, index=False)
