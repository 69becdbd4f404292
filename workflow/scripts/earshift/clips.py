"""Stage 1, clips: list a dataset's clips, decode each once, say which are usable."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from earshift import audio, datasets, jobs, registry
from earshift.errors import AudioError, DataError

log = logging.getLogger(__name__)

#: Columns that come from the audio: rate and channels as in the file, level in dB of
#: full scale.
AUDIO_COLUMNS = (
    "status",
    "reason",
    "n_bytes",
    "modified_ns",
    "n_samples",
    "sample_rate_hz",
    "n_channels",
    "duration_s",
    "level_db",
)

#: What tells one state of an audio file from another, and so decides its embeddings.
FILE_COLUMNS = ("clip_id", "path", "n_bytes", "modified_ns")


def list_clips(
    name: str,
    entry: Mapping[str, Any],
    *,
    table: Path,
    audit: Path,
    max_bad_clips: float,
    n_threads: int,
) -> None:
    """Write the clip table of a dataset, and the audit of what is wrong with it.

    Parameters
    ----------
    name : str
        Name of the dataset in the experiment.
    entry : mapping
        Its config entry: `plugin`, `folder`, and the adapter's own options. With
        ``audio: false`` the clips are listed by their labels, and all are usable.
    table : Path
        Parquet file to write: one row per clip, columns `datasets.COLUMNS`,
        `AUDIO_COLUMNS` and ``label:<class>``.
    audit : Path
        CSV file to write: one row per clip or file that cannot be used, with a reason.
    max_bad_clips : float
        How many clips may be unusable: a share below 1, a number from 1 on.
    n_threads : int
        Files decoded at a time.

    Raises
    ------
    DataError
        If the list breaks a rule, or more than `max_bad_clips` are unusable. The audit
        is then left beside `audit`, with the ending ``.rejected.csv``.
    """
    folder = Path(entry["folder"])
    list_ = datasets.lister(registry.load("datasets", entry["plugin"]), entry)
    found = list_(folder, **datasets.options(entry))
    datasets.check(found, name)
    clips = found.clips.assign(path=[str(folder / p) for p in found.clips["path"]])
    progress = jobs.Progress(f"{name}: decoding", len(clips), "clips")
    with ThreadPoolExecutor(n_threads) as pool:
        rows = []
        inspect = _inspect if datasets.has_audio(entry) else _without_audio
        for row in pool.map(inspect, clips["path"]):
            rows.append(row)
            progress.step()
    clips = clips.join(pd.DataFrame(rows, index=clips.index))
    bad = clips[clips["status"] != "ok"]
    # Snakemake removes a failed job's outputs; the list of what is wrong outlives it.
    rejected = audit.with_suffix(".rejected.csv")
    _write_audit(rejected, bad, found.skipped)
    _stop_if_too_many(name, bad, len(clips), max_bad_clips, rejected)
    rejected.replace(audit)
    with jobs.whole_file(table) as file:
        clips.to_parquet(file, index=False)
    log.info("%s: %d clips, %d unusable", name, len(clips), len(bad))


def _inspect(path: str) -> dict[str, Any]:
    """Decode one file; return its row of `AUDIO_COLUMNS`."""
    file = Path(path)
    state = file.stat() if file.is_file() else None
    row: dict[str, Any] = {
        "status": "ok",
        "reason": "",
        "n_bytes": state.st_size if state else 0,
        "modified_ns": state.st_mtime_ns if state else 0,
        "n_samples": 0,
        "sample_rate_hz": 0,
        "n_channels": 0,
        "duration_s": 0.0,
        "level_db": np.nan,
    }
    n_samples, energy = 0, 0.0
    try:
        opened = audio.AudioFile(file)
        for block in opened.blocks():
            n_samples += len(block)
            energy += float(np.square(block, dtype=np.float64).sum())
    except AudioError as error:
        return row | {"status": error.status, "reason": str(error)}
    return row | {
        "n_samples": n_samples,
        "sample_rate_hz": opened.sample_rate_hz,
        "n_channels": opened.n_channels,
        "duration_s": n_samples / opened.sample_rate_hz,
        "level_db": 10 * np.log10(energy / (n_samples * opened.n_channels)),
    }


def _without_audio(path: str) -> dict[str, Any]:
    """Return the row of a clip whose audio is not at hand."""
    del path
    numbers = dict.fromkeys(AUDIO_COLUMNS, 0)
    unknown = {"duration_s": np.nan, "level_db": np.nan}
    return {**numbers, **unknown, "status": "ok", "reason": ""}


def _write_audit(file: Path, bad: pd.DataFrame, skipped: Mapping[str, str]) -> None:
    rows = bad[["clip_id", "path", "status", "reason"]]
    left_out = pd.DataFrame(
        [("", path, "not_listed", reason) for path, reason in skipped.items()],
        columns=rows.columns,
    )
    with jobs.whole_file(file) as temporary:
        pd.concat([rows, left_out]).to_csv(temporary, index=False)


def _stop_if_too_many(
    name: str, bad: pd.DataFrame, n_clips: int, limit: float, audit: Path
) -> None:
    if len(bad) < n_clips and not too_many(len(bad), n_clips, limit):
        return
    counts = ", ".join(f"{n} {s}" for s, n in bad["status"].value_counts().items())
    raise DataError(
        f"dataset '{name}': {len(bad)} of {n_clips} clips cannot be used ({counts}), "
        f"more than max_bad_clips = {limit} allows. {audit} lists them; mend or remove "
        "them and run again, or raise max_bad_clips."
    )


def too_many(n_bad: int, n_clips: int, limit: float) -> bool:
    """Say whether `n_bad` of `n_clips` is more than `limit`, a share or a number."""
    return n_bad > (limit if limit >= 1 else limit * n_clips)


def read(table: Path) -> pd.DataFrame:
    """Read a clip table as `list_clips` wrote it."""
    return pd.read_parquet(table)


def usable(table: Path) -> pd.DataFrame:
    """Read the rows of a clip table whose audio can be used, renumbered from 0."""
    clips = read(table)
    return clips[clips["status"] == "ok"].reset_index(drop=True)
