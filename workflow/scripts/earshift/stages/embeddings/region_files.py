"""Stage 2, embeddings: the plan of a store, and the files beside it.

A condition of several strengths counts a clip once for each of them, and its lists have
the column `strength`; see `earshift.stages.embeddings.strengths`.

``<condition>.plan.json``
    What made the store, where it is, and its regions in use.
``<condition>.owner.json``
    The token by which plan and store know each other; see `owners`.
``<condition>.regions/<region>.parquet``
    The clips of a region, the state of their files, and their rows.
``<condition>.clips.parquet``
    Which region holds each clip of the present clip table.
``<condition>.kept/<region>.json``
    What the job that filled a region had to leave out.
``<condition>.begun/<region>.json``
    How far a job came that was stopped or killed; see `region_progress`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from earshift import files, layout
from earshift.stages.embeddings import strengths

if TYPE_CHECKING:
    from earshift import store

#: Endings of the folders beside a plan that hold a file for each region.
FOLDERS = (".regions", ".kept", ".begun", ".done")


def beside(plan: Path, ending: str) -> Path:
    """Return the path that belongs to a plan, with another ending."""
    return plan.with_name(plan.name.removesuffix(".plan.json") + ending)


def read(plan: Path) -> dict[str, Any]:
    """Read a plan: `key`, `store`, `token`, `regions` and `work`."""
    content: dict[str, Any] = json.loads(plan.read_text())
    return content


def location_of(plan: Path) -> store.Location:
    """Return where the store of a plan is.

    A store in the results is found from the plan, wherever the results are now.
    """
    content = read(plan)
    if "://" in content["store"]:
        return str(content["store"])
    if "token" in content:
        return Path(os.path.normpath(plan.parent / content["store"]))
    # An earlier version wrote all paths as they were then, most of them to here.
    place, here = (
        Path(content["store"]),
        layout.beside(plan, layout.STORE_PLAN, layout.STORE),
    )
    moved = here.absolute().parts[-4:] == place.parts[-4:] or not place.exists()
    return here if moved and here.exists() else place


def is_beside(plan: Path, location: store.Location) -> bool:
    """Return True if a store is in its usual place, beside its plan."""
    from earshift import store

    folder = store.folder_of(location)
    return (
        folder is not None
        and folder.resolve()
        == layout.beside(plan, layout.STORE_PLAN, layout.STORE).resolve()
    )


def is_within_results(plan: Path, location: store.Location) -> bool:
    """Return True if a store is in the results folder that its plan is in."""
    from earshift import store

    folder = store.folder_of(location)
    if folder is None:
        return False
    above = plan.resolve().parents
    deep = len(above) > 3 and above[2].name == layout.STORE.partition("/")[0]
    return folder.resolve().is_relative_to(above[3] if deep else above[0])


def write(
    plan: Path,
    key: str,
    token: str,
    location: store.Location,
    work: Mapping[str, Any],
) -> None:
    """Write a plan.

    Parameters
    ----------
    plan : Path
        JSON file to write.
    key : str
        What made the store, as its attributes say it.
    token : str
        Of the plan, from `owners.claim`.
    location : Path or str
        The store. In the results, or where both paths are relative, its path from the
        plan is written, so that both can be moved.
    work : mapping
        Region in use -> how much there is to embed.
    """
    place = str(location)
    if "://" not in place:
        folder = Path(place)
        place = str(folder.absolute())
        # What is called by a relative path moves with the folder it is relative to.
        together = not (folder.is_absolute() or plan.is_absolute())
        if together or is_within_results(plan, location):
            place = os.path.relpath(folder.resolve(), plan.resolve().parent)
    content = {"key": key, "token": token, "store": place, "regions": sorted(work)}
    with files.whole_file(plan) as file:
        file.write_text(json.dumps(content | {"work": work}, indent=1) + "\n")


def list_of(plan: Path, region: str) -> Path:
    """Return the path of the list of a region: its clips and their rows."""
    return layout.beside(plan, layout.STORE_PLAN, layout.REGION, region=region)


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
    return list(read(plan)["regions"])


def skipped_in(plan: Path, region: str) -> dict[str, str] | None:
    """Return the names (`strengths.names_of`) of the clips that a region left out.

    With the reason of each; None if the region is not filled.
    """
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


def mark(plan: Path, location: store.Location, names: Sequence[str]) -> None:
    """Mark regions as not done: the next run embeds their clips again.

    Clips that are no longer used are taken off their lists. The plan is written anew,
    with a count of such marks: by it Snakemake sees that there is something to do.

    Parameters
    ----------
    plan : Path
        Plan of a store of which no job runs.
    location : Path or str
        The store.
    names : sequence of str
        Its damaged regions; none if its index alone is to be written again.
    """
    from earshift import store

    content = read(plan)
    content["marked"] = content.get("marked", 0) + 1
    # First: of what is missing afterwards, a finished experiment misses nothing.
    with files.whole_file(plan) as file:
        file.write_text(json.dumps(content, indent=1) + "\n")
    used = pd.read_parquet(layout.beside(plan, layout.STORE_PLAN, layout.STORE_CLIPS))
    for region in names:
        forget(plan, region)
        rows = read_region(plan, region)
        store.clear_rows(location, *rows_of(rows, store.shard_of(location)))
        names = strengths.names_of(used[used["region"] == region])
        rows = rows[strengths.names_of(rows).isin(names)]
        with files.whole_file(list_of(plan, region)) as file:
            rows.to_parquet(file, index=False)


def unfinished(plan: Path) -> list[Path]:
    """Return the temporary files that killed jobs left beside a store."""
    name = beside(plan, "").name
    paths = list(plan.parent.glob(f".{name}.*.unfinished*"))
    for ending in FOLDERS:
        paths += beside(plan, ending).glob(".*.unfinished*")
    return paths
