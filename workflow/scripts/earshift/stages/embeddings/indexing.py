"""Stage 2, embeddings: which rows of a store are which clip's, once all are there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from earshift import files, layout, store
from earshift.errors import DataError
from earshift.stages.embeddings import owners, region_files, strengths


def index_embeddings(plan: Path, markers: Sequence[Path], *, out: Path) -> None:
    """Write which rows of a filled store are which clip's, and what became of each.

    Parameters
    ----------
    plan : Path
        Plan of the store.
    markers : sequence of Path
        Done-markers of all of its regions.
    out : Path
        Parquet file to write: columns clip_id, strength (of a condition that has
        several), region, first_frame, n_frames, status (one of `store.STATUS`), reason.
        The store gets the same.

    Raises
    ------
    DataError
        If a region is not done, or the store is not that of the plan.
    """
    reasons: dict[str, dict[str, str]] = {}
    for marker in markers:
        reasons[marker.stem] = json.loads(marker.read_text())["skipped"]
    if missing := set(region_files.named_in(plan)) - reasons.keys():
        raise DataError(f"{plan}: region {min(missing)} is not done.")
    rows = pd.read_parquet(layout.beside(plan, layout.STORE_PLAN, layout.STORE_CLIPS))
    rows["reason"] = [
        reasons[region].get(name, "")
        for region, name in zip(rows["region"], strengths.names_of(rows), strict=True)
    ]
    skipped, short = rows["reason"].ne(""), rows["n_windows"].eq(0)
    rows.loc[short & ~skipped, "reason"] = "short: not one whole window"
    rows["status"] = np.select([skipped, short], store.STATUS[1:], store.STATUS[0])
    # All regions are done: no job of the store is running.
    location = owners.store_of(plan, writing=True)
    store.clear_partials(location)
    for file in region_files.unfinished(plan):
        file.unlink(missing_ok=True)
    write_index(rows, location, region_files.read(plan).get("token"), out)


def write_index(
    rows: pd.DataFrame, location: store.Location, token: str | None, out: Path
) -> None:
    """Write the index of a store, into it and as a table.

    Parameters
    ----------
    rows : DataFrame
        Columns clip_id, region, first_frame, n_frames, status, reason; and strength, if
        there are several.
    location : Path or str
        The store.
    token : str or None
        Of the plan of the store; None if an earlier version wrote the plan.
    out : Path
        Parquet file to write; it says the token, too.
    """
    store.write_index(
        location,
        rows["clip_id"].tolist(),
        rows["first_frame"].to_numpy(np.int64),
        rows["n_frames"].to_numpy(np.int64),
        np.asarray([store.STATUS.index(s) for s in rows["status"]], np.uint8),
        *(rows[column].tolist() for column in strengths.columns(rows)),
    )
    columns = ["clip_id", *strengths.columns(rows), "region", "first_frame"]
    columns += ["n_frames", "status", "reason"]
    with files.whole_file(out) as file:
        table = rows[columns]
        table.attrs["token"] = token
        table.to_parquet(file, index=False)
