"""Stage 1, clips: list a dataset's clips, decode each once, say which are usable.

What is measured on a file is kept under its path, size and time of change. A run that
was killed goes on from there, and an edit of the labels decodes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from earshift import audio, datasets, fingerprint, jobs, measures, registry, versions
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

#: Files whose measures are kept together: what a killed run decodes again at most.
FILES_PER_PART = 64

#: A clip with a larger share of clipped samples is listed: more than a few peaks.
CLIPPED_SHARE = 1e-4

#: A clip with a larger mean, of full scale, is listed: -40 dB, above any rumble.
DC_OFFSET = 0.01

#: A clip below this level, in dB of full scale, is listed: 16 bits leave it 6 of them.
QUIET_DB = -60.0

#: A shorter clip, in seconds, is listed: VGGish and YAMNet, whose windows are short for
#: models, would see more padding than sound.
VERY_SHORT_S = 0.48


def list_clips(
    name: str,
    entry: Mapping[str, Any],
    *,
    table: Path,
    audit: Path,
    max_bad_clips: float,
    n_threads: int,
) -> None:
    """Write the clip table of a dataset, what was measured, and what is wrong with it.

    Parameters
    ----------
    name : str
        Name of the dataset in the experiment.
    entry : mapping
        Its config entry: `plugin`, `folder`, and the adapter's own options. With
        ``audio: false`` the clips are listed by their labels, and all are usable.
    table : Path
        Parquet file to write: one row per clip, columns `datasets.COLUMNS`,
        `AUDIO_COLUMNS` and ``label:<class>``. What else was measured goes to
        `measures_of` and `excerpts_of` it, and is kept per file beside it, in a folder
        that ends in ``.parts``.
    audit : Path
        CSV file to write: one row per clip or file that cannot be used, with a reason,
        then one row per finding about a usable clip.
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
    parts = table.with_suffix(".parts")
    with jobs.whole_file(excerpts_of(table)) as file:
        if datasets.has_audio(entry):
            rows = _measured(name, clips["path"], parts, file, n_threads)
        else:
            rows = _not_measured(len(clips), file)
    rows.index = clips.index
    clips = clips.join(rows[list(AUDIO_COLUMNS)])
    bad = clips[clips["status"] != "ok"]
    # Snakemake removes a failed job's outputs; the list of what is wrong outlives it.
    rejected = audit.with_suffix(".rejected.csv")
    findings = _findings(clips.join(rows[list(measures.COLUMNS)]), found.noted)
    _write_audit(rejected, bad, found.skipped, findings)
    _stop_if_too_many(name, bad, len(clips), max_bad_clips, rejected)
    rejected.replace(audit)
    with jobs.whole_file(measures_of(table)) as file:
        kept = rows[[*measures.COLUMNS, "sketch"]]
        kept.insert(0, "clip_id", clips["clip_id"])
        kept.to_parquet(file, index=False)
    with jobs.whole_file(table) as file:
        clips.to_parquet(file, index=False)
    log.info(
        "%s: %d clips, %d unusable, %d usable with a finding",
        *(name, len(clips), len(bad), findings["clip_id"].nunique()),
    )


def _measured(
    name: str, paths: Sequence[str], folder: Path, excerpts: Path, n_threads: int
) -> pd.DataFrame:
    """Return what is measured on each file, decoding those that are not in `folder`.

    The excerpts go to a file of their own, since all of them may not fit into memory.
    """
    folder.mkdir(parents=True, exist_ok=True)
    states = [_state(path) for path in paths]
    keys = [
        jobs.content_key([versions.MEASURES, path, *state.values()])
        for path, state in zip(paths, states, strict=True)
    ]
    known = {
        key
        for part in folder.glob("[!.]*.parquet")
        for key in pd.read_parquet(part, columns=["key"])["key"]
    }
    todo = [
        (key, path, state)
        for key, path, state in zip(keys, paths, states, strict=True)
        if key not in known
    ]
    if len(todo) < len(keys):
        log.info(
            "%s: %d of %d were decoded before", name, len(keys) - len(todo), len(keys)
        )
    progress = jobs.Progress(f"{name}: decoding", len(todo), "clips")
    with ThreadPoolExecutor(n_threads) as pool:
        rows = []
        for row in pool.map(lambda job: {"key": job[0]} | _inspect(*job[1:]), todo):
            rows.append(row)
            if len(rows) == FILES_PER_PART:
                _keep(rows, folder)
                rows = []
            progress.step()
        _keep(rows, folder)
    return _gather(keys, folder, excerpts)


def _not_measured(n: int, excerpts: Path) -> pd.DataFrame:
    """Return the rows of clips whose audio is not at hand, and write no excerpts."""
    np.lib.format.open_memmap(excerpts, "w+", np.int8, (n, fingerprint.EXCERPT))
    row = dict.fromkeys(AUDIO_COLUMNS, 0) | measures.NOTHING
    row |= {"status": "ok", "reason": "", "duration_s": np.nan, "level_db": np.nan}
    return pd.DataFrame([row] * n)


def _keep(rows: list[dict[str, Any]], folder: Path) -> None:
    if rows:
        part = jobs.content_key([row["key"] for row in rows])
        with jobs.whole_file(folder / f"{part}.parquet") as file:
            pd.DataFrame(rows).to_parquet(file, index=False)


def _gather(keys: Sequence[str], folder: Path, excerpts: Path) -> pd.DataFrame:
    """Return the rows of `keys` in order, write their excerpts, drop unused parts."""
    for unfinished in folder.glob(".*"):
        unfinished.unlink()
    places: dict[str, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    shape = (len(keys), fingerprint.EXCERPT)
    out = np.lib.format.open_memmap(excerpts, "w+", np.int8, shape)
    tables: list[pd.DataFrame] = []
    for part in sorted(folder.glob("[!.]*.parquet")):
        rows = pd.read_parquet(part)
        rows = rows[[key in places for key in rows["key"]]]
        if rows.empty:
            part.unlink()
            continue
        for key, excerpt in zip(rows["key"], rows.pop("excerpt"), strict=True):
            for place in places[key]:
                out[place, : len(excerpt)] = np.frombuffer(excerpt, np.int8)
        tables.append(rows)
    out.flush()
    found = pd.concat(tables).drop_duplicates("key").set_index("key")
    return found.loc[list(keys)].reset_index(drop=True)


def _state(path: str) -> dict[str, int]:
    """Return what tells one state of a file from another."""
    file = Path(path)
    state = file.stat() if file.is_file() else None
    return {
        "n_bytes": state.st_size if state else 0,
        "modified_ns": state.st_mtime_ns if state else 0,
    }


def _inspect(path: str, state: Mapping[str, int]) -> dict[str, Any]:
    """Decode one file; return its row of `AUDIO_COLUMNS` and measures."""
    row: dict[str, Any] = {
        "status": "ok",
        "reason": "",
        **state,
        "n_samples": 0,
        "sample_rate_hz": 0,
        "n_channels": 0,
        "duration_s": 0.0,
        "level_db": np.nan,
        **measures.NOTHING,
    }
    try:
        opened = audio.AudioFile(Path(path))
        meter = measures.Meter(opened.sample_rate_hz, opened.n_channels)
        for block in opened.blocks():
            meter.add(block)
    except AudioError as error:
        return row | {"status": error.status, "reason": str(error)}
    return row | {
        "n_samples": meter.n_samples,
        "sample_rate_hz": opened.sample_rate_hz,
        "n_channels": opened.n_channels,
        "duration_s": meter.n_samples / opened.sample_rate_hz,
        **meter.results(),
    }


def _findings(clips: pd.DataFrame, noted: Mapping[str, str]) -> pd.DataFrame:
    """Return what is odd about usable clips, one row per clip and finding."""
    share, offset = clips["clipped_share"], clips["dc_offset"]
    level, duration = clips["level_db"], clips["duration_s"]
    found = {
        "clipped": (share > CLIPPED_SHARE, share * 100, "{:.2g} % of samples clipped"),
        "dc_offset": (offset.abs() > DC_OFFSET, offset, "mean {:+.3f} of full scale"),
        "quiet": (level < QUIET_DB, level, "level {:.0f} dB of full scale"),
        "very_short": (duration < VERY_SHORT_S, duration, "{:.2f} s long"),
    }
    usable = clips["status"].eq("ok")
    own = clips.loc[usable & clips["clip_id"].isin(noted.keys()), ["clip_id", "path"]]
    incomplete = own.assign(status="incomplete", reason=own["clip_id"].map(noted))
    odd = [
        clips.loc[usable & where, ["clip_id", "path"]].assign(
            status=status, reason=values[usable & where].map(text.format)
        )
        for status, (where, values, text) in found.items()
    ]
    return pd.concat([incomplete, *odd])


def _write_audit(
    file: Path,
    bad: pd.DataFrame,
    skipped: Mapping[str, str],
    findings: pd.DataFrame,
) -> None:
    rows = bad[["clip_id", "path", "status", "reason"]]
    left_out = pd.DataFrame(
        [("", path, "not_listed", reason) for path, reason in skipped.items()],
        columns=rows.columns,
    )
    with jobs.whole_file(file) as temporary:
        table = pd.concat(
            [
                pd.concat([rows, left_out]).assign(usable="no"),
                findings.assign(usable="yes"),
            ]
        )
        table.to_csv(temporary, index=False)


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


def measures_of(table: Path) -> Path:
    """Return the Parquet file of the measures: `clip_id`, `measures.COLUMNS`, `sketch`.

    It has one row per row of the clip table.
    """
    return table.with_suffix(".measures.parquet")


def excerpts_of(table: Path) -> Path:
    """Return the NumPy file of the excerpts that near duplicates are found by.

    It is int8 of shape (n_clips, fingerprint.EXCERPT), filled up with zeros.
    """
    return table.with_suffix(".excerpts.npy")


def read(table: Path) -> pd.DataFrame:
    """Read a clip table as `list_clips` wrote it."""
    return pd.read_parquet(table)


def usable(table: Path) -> pd.DataFrame:
    """Read the rows of a clip table whose audio can be used, renumbered from 0."""
    clips = read(table)
    return clips[clips["status"] == "ok"].reset_index(drop=True)
