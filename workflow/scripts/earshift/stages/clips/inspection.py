"""Stage 1, clips: decode each file once, and keep what was measured on it.

What is measured is kept in a folder of parts, under the path, size and time of change
of each file. A run that was killed goes on from there, and an edit of the labels, or of
the order of clips, decodes nothing.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from earshift import files, jobs, versions
from earshift.audio import fingerprint, reading
from earshift.audio import meter as measures
from earshift.errors import AudioError

log = logging.getLogger(__name__)

#: Files that one job decodes: minutes on two cores.
FILES_PER_JOB = 20_000

#: Files whose measures are kept together: what a killed job decodes again at most.
FILES_PER_PART = 64

#: Parts that one job writes at most; of more files, more are kept together.
MAX_PARTS = 256

#: What the clip table says of a file before it is decoded.
_UNKNOWN = {
    "status": "ok",
    "reason": "",
    "n_bytes": 0,
    "modified_ns": 0,
    "n_samples": 0,
    "sample_rate_hz": 0,
    "n_channels": 0,
    "duration_s": np.nan,
    "level_db": np.nan,
}


#: What is measured on a file, but for the excerpt.
MEASURED = pa.schema(
    {
        "status": pa.string(),
        "reason": pa.string(),
        "n_bytes": pa.int64(),
        "modified_ns": pa.int64(),
        "n_samples": pa.int64(),
        "sample_rate_hz": pa.int64(),
        "n_channels": pa.int64(),
        "duration_s": pa.float64(),
        "level_db": pa.float64(),
        "content_hash": pa.string(),
        "peak": pa.float64(),
        "clipped_share": pa.float64(),
        "dc_offset": pa.float64(),
        "mix_db": pa.float64(),
        "bandwidth_hz": pa.float64(),
        "spectrum_db": pa.list_(pa.float64()),
        "sketch": pa.list_(pa.uint32()),
    }
)


def n_shares(n_clips: int) -> int:
    """Return into how many jobs the decoding of a dataset is divided."""
    return -(-n_clips // FILES_PER_JOB)


def n_shares_of(notes: Path) -> int:
    """Return the same by the notes of a clip list; 0 if the dataset has no audio."""
    facts = json.loads(notes.read_text())
    return n_shares(facts["clips"]) if facts["audio"] else 0


def inspect_files(
    name: str,
    listing: Path,
    *,
    parts: Path,
    shard: int,
    n_shards: int,
    out: Path,
    n_threads: int,
) -> None:
    """Measure the files of one of several equal shares of a list of clips.

    Parameters
    ----------
    name : str
        What to call the job in messages.
    listing : Path
        Parquet file with a column `path`.
    parts : Path
        Folder where measures are kept, for this run and the next.
    shard, n_shards : int
        Which share, from 0, of how many.
    out : Path
        Parquet file to write: the column `key`, which finds the measures of each clip
        of the share among the parts.
    n_threads : int
        Files decoded at a time.
    """
    paths = pd.read_parquet(listing, columns=["path"])["path"].tolist()
    a, b = (len(paths) * k // n_shards for k in (shard, shard + 1))
    paths = paths[a:b]
    states = [_state(path) for path in paths]
    keys = [
        files.content_key([versions.MEASURES, path, *state.values()])
        for path, state in zip(paths, states, strict=True)
    ]
    parts.mkdir(parents=True, exist_ok=True)
    known = _known(parts)
    # Two clips of one file are decoded once.
    todo = {
        key: (path, state)
        for key, path, state in zip(keys, paths, states, strict=True)
        if key not in known
    }
    if len(todo) < len(set(keys)):
        log.info(
            "%s: %d of %d were decoded before", name, len(keys) - len(todo), len(keys)
        )
    progress = jobs.Progress(f"{name}: decoding", len(todo), "clips")
    per_part = max(FILES_PER_PART, -(-len(todo) // MAX_PARTS))
    with ThreadPoolExecutor(n_threads) as pool:
        rows = []
        measured = pool.map(lambda key: {"key": key} | inspect_file(*todo[key]), todo)
        for row in measured:
            rows.append(row)
            if len(rows) == per_part:
                write_part(rows, parts)
                rows = []
            progress.step()
        write_part(rows, parts)
    with files.whole_file(out) as file:
        pd.DataFrame({"key": keys}).to_parquet(file, index=False)


def _known(parts: Path) -> set[str]:
    """Return the keys of all files that were measured."""
    return {
        key
        for part in parts.glob("[!.]*.parquet")
        for key in pd.read_parquet(part, columns=["key"])["key"]
    }


def write_part(rows: list[dict[str, Any]], folder: Path) -> None:
    """Keep what was measured on some files, so that it is not measured again."""
    if rows:
        part = files.content_key([row["key"] for row in rows])
        with files.whole_file(folder / f"{part}.parquet") as file:
            pd.DataFrame(rows).to_parquet(file, index=False)


def gather(
    inspected: Sequence[Path], *, parts: Path, excerpts: Path
) -> tuple[pa.Table, NDArray[np.int64]]:
    """Return what was measured on each file; drop parts that are not used.

    Parameters
    ----------
    inspected : sequence of Path
        What `inspect_files` wrote, in the order of the shares.
    parts : Path
        Folder of the measures.
    excerpts : Path
        NumPy file to write, int8 of shape (n_clips, fingerprint.EXCERPT): the excerpts
        go to a file of their own, since all of them may not fit into memory.

    Returns
    -------
    Table
        `MEASURED`, one row per file: as objects of Python, the lists in it would take
        several times the memory.
    ndarray of shape (n_clips,), int64
        The row of each clip.
    """
    keys = pd.concat([pd.read_parquet(file) for file in inspected])["key"].tolist()
    places: dict[str, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    start = _empty(excerpts, len(keys))
    tables: list[pa.Table] = []
    row_of: dict[str, int] = {}
    with excerpts.open("r+b") as out:
        for part in sorted(parts.glob("[!.]*.parquet")):
            rows = pq.read_table(part)
            part_keys = rows.column("key").to_pylist()
            if places.keys().isdisjoint(part_keys):
                part.unlink()
            kept = []
            for key, excerpt in zip(
                part_keys, rows.column("excerpt").to_pylist(), strict=True
            ):
                kept.append(key in places and key not in row_of)
                if kept[-1]:
                    row_of[key] = len(row_of)
                    for place in places[key]:
                        out.seek(start + place * fingerprint.EXCERPT)
                        out.write(excerpt)
            tables.append(rows.filter(pa.array(kept)).select(MEASURED.names))
    for leftover in parts.glob(".*"):  # of a job that was killed; none runs now
        leftover.unlink()
    measured = pa.concat_tables([table.cast(MEASURED) for table in tables])
    return measured, np.asarray([row_of[key] for key in keys], np.int64)


def _empty(excerpts: Path, n: int) -> int:
    """Write a file of `n` empty excerpts; return the byte at which the first starts.

    It is not mapped into memory afterwards: what is written to a map counts as the
    memory of the job, and all excerpts may be more than it has.
    """
    shape = (n, fingerprint.EXCERPT)
    return np.lib.format.open_memmap(excerpts, "w+", np.int8, shape).offset


def _state(path: str) -> dict[str, int]:
    """Return what tells one state of a file from another; 0 where there is none."""
    try:
        file = Path(path)
        state = file.stat() if file.is_file() else None
    except (OSError, ValueError):  # no permission, a long name: `inspect_file` says it
        state = None
    return {
        "n_bytes": state.st_size if state else 0,
        "modified_ns": state.st_mtime_ns if state else 0,
    }


def nothing(n: int, excerpts: Path) -> tuple[pa.Table, NDArray[np.int64]]:
    """Return what is known of clips whose audio is not at hand; write no excerpts.

    Parameters
    ----------
    n : int
        Clips.
    excerpts : Path
        As for `gather`.

    Returns
    -------
    Table, ndarray of shape (n_clips,), int64
        As `gather` does: all are usable, and nothing is known of them.
    """
    _empty(excerpts, n)
    row = {**_UNKNOWN, **measures.NOTHING}
    return pa.Table.from_pylist([row], schema=MEASURED), np.zeros(n, np.int64)


def inspect(path: str) -> dict[str, Any]:
    """Decode one file; return what its clip table and its measures say of it."""
    return inspect_file(path, _state(path))


def inspect_file(path: str, state: Mapping[str, int]) -> dict[str, Any]:
    """Do as `inspect` does with a file whose size and time are known."""
    row: dict[str, Any] = {
        **_UNKNOWN,
        "duration_s": 0.0,
        **state,
        **measures.NOTHING,
    }
    try:
        return row | _measured(path)
    except AudioError as error:
        return row | {"status": error.status, "reason": str(error)}
    except Exception as error:
        # Whatever is wrong with one file, the others are not lost by it.
        log.exception("%s", path)
        what = f"{type(error).__name__}: {error}"
        return row | {"status": "unreadable", "reason": f"{path}: {what}"}


def _measured(path: str) -> dict[str, Any]:
    opened = reading.AudioFile(Path(path))
    meter = measures.Meter(opened.sample_rate_hz, opened.n_channels)
    for block in opened.blocks():
        meter.add(block)
    return {
        "n_samples": meter.n_samples,
        "sample_rate_hz": opened.sample_rate_hz,
        "n_channels": opened.n_channels,
        "duration_s": meter.n_samples / opened.sample_rate_hz,
        **meter.results(),
    }
