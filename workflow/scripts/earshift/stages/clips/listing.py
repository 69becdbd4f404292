"""Stage 1, clips: list a dataset's clips, and say which are usable."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from earshift import datasets, files, layout
from earshift.audio import meter
from earshift.errors import DataError
from earshift.stages.clips import inspection
from earshift.tables import CLIP_AUDIT

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

#: Clips whose measures are in memory a second time while they are written.
CLIPS_AT_A_TIME = 50_000

#: A clip with a larger share of clipped samples is listed: more than a few peaks.
CLIPPED_SHARE = 1e-4

#: A clip with a larger mean, of full scale, is listed: -40 dB, above any rumble.
DC_OFFSET = 0.01

#: A clip whose mono mix is so far below its channels, in dB, is listed: they cancel.
#: One that sounds in one channel of 8 alone has -9.
MIX_DB = -10.0

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
    """Do all of stage 1 for one dataset: `write_list`, measure, `gather_clips`.

    Parameters
    ----------
    name, entry
        As for `write_list`.
    table, audit, max_bad_clips
        As for `gather_clips`; what comes before lies beside `table`.
    n_threads : int
        Files decoded at a time.
    """
    listing = layout.beside(table, layout.CLIPS, layout.CLIP_LIST)
    notes = layout.beside(table, layout.CLIPS, layout.CLIP_NOTES)
    inspected = layout.beside(table, layout.CLIPS, layout.SHARE, share="0000")
    write_list(name, entry, listing=listing, notes=notes)
    if datasets.has_audio(entry):
        inspection.inspect_files(
            name,
            listing,
            parts=layout.beside(table, layout.CLIPS, layout.CLIP_PARTS),
            shard=0,
            n_shards=1,
            out=inspected,
            n_threads=n_threads,
        )
    gather_clips(
        name,
        listing,
        notes,
        [inspected],
        table=table,
        audit=audit,
        max_bad_clips=max_bad_clips,
    )


def write_list(
    name: str, entry: Mapping[str, Any], *, listing: Path, notes: Path
) -> None:
    """List the clips of a dataset as its adapter does; nothing is decoded.

    Parameters
    ----------
    name : str
        Name of the dataset in the experiment.
    entry : mapping
        Its config entry: `plugin`, `folder`, and the adapter's own options. With
        ``audio: false`` the clips are listed by their labels, and all are usable.
    listing : Path
        Parquet file to write: one row per clip, columns `datasets.COLUMNS` and
        ``label:<class>``; paths with the folder before them.
    notes : Path
        JSON file to write: when this was, how many clips there are, whether their audio
        is at hand, what was left out of the list, what is missing of clips in it, which
        of them cannot be used whatever their audio is, and `datasets.warnings`.

    Raises
    ------
    DataError
        If the list breaks a rule.
    """
    folder = Path(entry["folder"])
    clip_list = datasets.find_clips(name, entry)
    warnings = datasets.warnings(clip_list)
    for warning in warnings:
        log.warning("%s: %s", name, warning)
    rows = clip_list.clips.assign(
        path=[str(folder / p) for p in clip_list.clips["path"]]
    )
    facts = {
        "listed": files.now(),
        "clips": len(rows),
        "audio": datasets.has_audio(entry),
        "skipped": dict(clip_list.skipped),
        "noted": dict(clip_list.noted),
        "unusable": dict(clip_list.unusable),
        "warnings": warnings,
    }
    with files.whole_file(notes) as file:
        file.write_text(json.dumps(facts, indent=1) + "\n")
    with files.whole_file(listing) as file:
        rows.to_parquet(file, index=False)
    log.info("%s: %d clips listed", name, len(rows))


def gather_clips(
    name: str,
    listing: Path,
    notes: Path,
    inspected: Sequence[Path],
    *,
    table: Path,
    audit: Path,
    max_bad_clips: float,
) -> None:
    """Write the clip table of a dataset, what was measured, and what is wrong with it.

    Parameters
    ----------
    name : str
        Name of the dataset in the experiment.
    listing, notes : Path
        From `write_list`.
    inspected : sequence of Path
        From `inspection.inspect_files`, in the order of the shares; none, if there is
        no audio.
    table : Path
        Parquet file to write: one row per clip, the columns of the list and
        `AUDIO_COLUMNS`. What else was measured goes beside it, to `layout.MEASURES`
        and `layout.EXCERPTS`, and is kept per file in `layout.CLIP_PARTS`.
    audit : Path
        CSV file to write: one row per clip or file that cannot be used, with a reason,
        then one row per warning about the whole list, which names no clip, and one per
        finding about a usable clip.
    max_bad_clips : float
        How many clips may be unusable: a share below 1, a number from 1 on.

    Raises
    ------
    DataError
        If more than `max_bad_clips` are unusable. The audit is then left beside
        `audit`, with the ending ``.rejected.csv``.
    """
    clips = pd.read_parquet(listing)
    facts = json.loads(notes.read_text())
    with files.whole_file(layout.beside(table, layout.CLIPS, layout.EXCERPTS)) as file:
        if facts["audio"]:
            parts = layout.beside(table, layout.CLIPS, layout.CLIP_PARTS)
            measured, row = inspection.gather(inspected, parts=parts, excerpts=file)
        else:
            measured, row = inspection.nothing(len(clips), file)
    clips = clips.join(measured.select(AUDIO_COLUMNS).take(row).to_pandas())
    why = clips["clip_id"].map(facts["unusable"])
    clips["status"] = clips["status"].mask(why.notna(), "unreadable")
    clips["reason"] = clips["reason"].mask(why.notna(), why)
    bad = clips[clips["status"] != "ok"]
    # Snakemake removes a failed job's outputs; the list of what is wrong outlives it.
    rejected = audit.with_suffix(".rejected.csv")
    columns = ["clipped_share", "dc_offset", "mix_db"]
    levels = measured.select(columns).take(row).to_pandas()
    findings = _findings(clips.join(levels), facts["noted"])
    _write_audit(rejected, bad, facts["skipped"], findings, facts["warnings"])
    _stop_if_too_many(name, bad, len(clips), max_bad_clips, rejected)
    rejected.replace(audit)
    with files.whole_file(layout.beside(table, layout.CLIPS, layout.MEASURES)) as file:
        _write_measures(file, clips["clip_id"], measured, row)
    with files.whole_file(table) as file:
        clips.to_parquet(file, index=False)
    log.info(
        "%s: %d clips, %d unusable, %d usable with a finding",
        *(name, len(clips), len(bad), findings["clip_id"].nunique()),
    )


def _write_measures(
    file: Path, clip_ids: pd.Series[str], measured: pa.Table, row: NDArray[np.int64]
) -> None:
    """Write `meter.COLUMNS` and the sketch of each clip, some clips at a time."""
    measured = measured.select([*meter.COLUMNS, "sketch"])
    schema = measured.schema.insert(0, pa.field("clip_id", pa.string()))
    with pq.ParquetWriter(file, schema) as writer:
        for a in range(0, len(row), CLIPS_AT_A_TIME):
            some = slice(a, a + CLIPS_AT_A_TIME)
            ids = pa.array(clip_ids[some].tolist(), pa.string())
            table = measured.take(row[some]).add_column(0, "clip_id", ids)
            writer.write_table(table)


def _findings(clips: pd.DataFrame, noted: Mapping[str, str]) -> pd.DataFrame:
    """Return what is odd about usable clips, one row per clip and finding."""
    share, offset = clips["clipped_share"], clips["dc_offset"]
    level, duration = clips["level_db"], clips["duration_s"]
    mix = clips["mix_db"]
    oddities = {
        "clipped": (share > CLIPPED_SHARE, share * 100, "{:.2g} % of samples clipped"),
        "dc_offset": (offset.abs() > DC_OFFSET, offset, "mean {:+.3f} of full scale"),
        "out_of_phase": (mix < MIX_DB, mix, "mono mix {:+.0f} dB of the channels"),
        "quiet": (level < QUIET_DB, level, "level {:.0f} dB of full scale"),
        "very_short": (duration < VERY_SHORT_S, duration, "{:.2f} s long"),
    }
    usable = clips["status"].eq("ok")
    listed = clips.loc[
        usable & clips["clip_id"].isin(noted.keys()), ["clip_id", "path"]
    ]
    incomplete = listed.assign(status="incomplete", reason=listed["clip_id"].map(noted))
    odd = [
        clips.loc[usable & where, ["clip_id", "path"]].assign(
            status=status, reason=values[usable & where].map(text.format)
        )
        for status, (where, values, text) in oddities.items()
    ]
    return pd.concat([incomplete, *odd])


def _write_audit(
    file: Path,
    bad: pd.DataFrame,
    skipped: Mapping[str, str],
    findings: pd.DataFrame,
    warnings: Sequence[str],
) -> None:
    rows = bad[["clip_id", "path", "status", "reason"]]
    left_out = pd.DataFrame(
        [("", path, "not_listed", reason) for path, reason in skipped.items()],
        columns=rows.columns,
    )
    of_all = pd.DataFrame(
        [("", "", "warning", warning) for warning in warnings], columns=rows.columns
    )
    table = pd.concat(
        [
            pd.concat([rows, left_out]).assign(usable="no"),
            pd.concat([of_all, findings]).assign(usable="yes"),
        ]
    )
    CLIP_AUDIT.write(table, file)


def _stop_if_too_many(
    name: str, bad: pd.DataFrame, n_clips: int, limit: float, audit: Path
) -> None:
    if len(bad) < n_clips and not too_many(len(bad), n_clips, limit):
        return
    counts = ", ".join(f"{n} {s}" for s, n in bad["status"].value_counts().items())
    raise DataError(
        f"dataset '{name}': {len(bad)} of {n_clips} clips cannot be used ({counts}), "
        f"more than max_bad_clips = {limit} allows. {audit} lists them; fix or remove "
        "them and run again, or raise max_bad_clips."
    )


def too_many(n_bad: int, n_clips: int, limit: float) -> bool:
    """Return whether `n_bad` of `n_clips` is more than `limit`, a share or a number."""
    return n_bad > (limit if limit >= 1 else limit * n_clips)


def read(table: Path) -> pd.DataFrame:
    """Read a clip table as `list_clips` wrote it."""
    return pd.read_parquet(table)


def usable(table: Path) -> pd.DataFrame:
    """Read the rows of a clip table whose audio can be used, renumbered from 0."""
    clips = read(table)
    return clips[clips["status"] == "ok"].reset_index(drop=True)
