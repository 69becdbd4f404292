"""Stage 2, embeddings: which clips are embedded already, and which job embeds the rest.

A store only grows. Its rows are dealt out in *regions*, runs of whole Zarr shards, each
of which one job fills; `region_files` says what is written beside the store.

When the clip table changes, clips whose files are as they were keep their rows; new and
changed ones get regions of their own, and nothing else is embedded again.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift import files, layout, models, provenance, store
from earshift.audio.resampling import n_resampled
from earshift.downloads.verification import identify
from earshift.stages.clips import listing
from earshift.stages.embeddings import job_size, owners, region_files, strengths

log = logging.getLogger(__name__)

#: Columns of the clip table that an extraction job needs.
_CLIP = [*listing.FILE_COLUMNS, "n_samples", "sample_rate_hz"]

#: Columns of a region's list: these, how many windows a clip has, and its rows.
_ROWS = ["n_windows", "first_frame", "n_frames"]


def plan_regions(
    name: str,
    entry: Mapping[str, Any],
    *,
    table: Path,
    versions: Mapping[str, int],
    location: store.Location,
    dtype: str,
    pooling: Sequence[str],
    audio_s_per_job: float,
    max_jobs: int,
    plan: Path,
    condition: Mapping[str, Any] | None = None,
) -> None:
    """Say which regions hold the clips of a table; make those that are missing.

    A store of the same model, options and weights is kept, with what its jobs have
    written. Any other one is replaced.

    Parameters
    ----------
    name : str
        Name of the model in the experiment.
    entry : mapping
        Its config entry.
    table : Path
        Clip table of the dataset.
    versions : mapping
        Versions of the stage and of the model's plugin.
    location : Path or str
        Where the store is, or will be.
    dtype : {"float32", "float16"}
        Type that frames are stored in.
    pooling : sequence of str
        If given, no frames are stored, but these statistics over the frames of a clip.
    audio_s_per_job : float
        Audio that a job embeds in its target run time, in seconds.
    max_jobs : int
        Jobs at most that share the clips which are not embedded yet.
    plan : Path
        JSON file to write: the store, its key, the names of its regions in use, and how
        many clips and seconds of audio each has.
    condition : mapping, optional
        What is done to the audio, as of `conditions.stored_as`; a clip then counts once
        for each strength. By default nothing is.

    Raises
    ------
    DataError
        If another plan made the store (`owners.claim`).
    """
    model = models.from_entry(entry)
    facts = facts_of(name, model, versions, dtype, pooling, condition)
    wanted = strengths.expand(listing.usable(table)[_CLIP], condition)
    token = owners.claim(plan, location, known=_is_planned(plan))
    facts[owners.OWNER] = owners.owner_of(plan, token)
    if store.attributes(location).get("key") == facts["key"]:
        lists, given_up = _sort_out(plan, wanted)
        for region, rows in given_up.items():
            _give_up(plan, location, region, rows)
    else:
        for ending in region_files.FOLDERS:
            shutil.rmtree(region_files.beside(plan, ending), ignore_errors=True)
        lists = {}
    new = _of_no_region(wanted, lists)
    new = new.assign(n_windows=n_windows(model, new))
    new["n_frames"] = new["n_windows"].clip(upper=1) if pooling else new["n_windows"]
    n = job_size.n_jobs(audio_s(new), len(new), audio_s_per_job, max_jobs)
    spans = deal(new, n)
    if not lists:
        _create(location, model, facts, new, spans, dtype)
    unused = max((int(r) for r in lists), default=-1) + 1
    for number, (a, b) in enumerate(spans, unused):
        rows = new.iloc[a:b].reset_index(drop=True)
        total = np.cumsum(rows["n_frames"].to_numpy())
        start, _ = store.grow(location, int(total[-1]))
        rows["first_frame"] = start + total - rows["n_frames"]
        region = f"{number:06d}"
        with files.whole_file(region_files.list_of(plan, region)) as file:
            columns = [*_CLIP, *strengths.columns(rows), *_ROWS]
            rows[columns].to_parquet(file, index=False)
        lists[region] = rows
    _write_clips(plan, wanted, lists)
    log.info("%s: %d clips, %d of them to embed", name, len(wanted), len(new))
    work = {
        region: {"clips": len(rows), "audio_s": round(audio_s(rows), 3)}
        for region, rows in sorted(lists.items())
    }
    region_files.write(plan, facts["key"], token, location, work)


def facts_of(
    name: str,
    model: models.Model,
    versions: Mapping[str, int],
    dtype: str,
    pooling: Sequence[str],
    condition: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the attributes of a store: what makes it, and the key of all that."""
    known = [identify(file) for file in model.spec.weights]
    for file, (_, published) in zip(model.spec.weights, known, strict=True):
        what = published or "of no published checksum"
        log.info("%s: weights %s, %s", name, file, what)
    facts: dict[str, Any] = {
        "model": name,
        "plugin": model.name,
        "versions": dict(versions),
        "options": {k: str(v) for k, v in model.spec.options.items()},
        "short": model.short,
        "resampler": model.resampler,
        "precision": model.spec.precision,
        "weights_sha256": [sha256 for sha256, _ in known],
        "weights_published": [published for _, published in known],
        "sample_rate_hz": model.spec.sample_rate_hz,
        "window_s": model.spec.window_s,
        "hop_s": None if pooling else model.spec.hop_s,
        "units": "embedding units of the model",
        "dtype": dtype,
        "pooling": list(pooling),
    }
    if condition is not None:
        # A store gets more strengths without being another one.
        parameters = {k: v for k, v in condition.items() if k != "strengths"}
        facts["condition"] = parameters
    return facts | {
        "key": files.content_key(facts),
        "provenance": provenance.provenance(),
    }


def left_to_embed(
    name: str,
    entry: Mapping[str, Any],
    *,
    table: Path,
    versions: Mapping[str, int],
    location: store.Location,
    dtype: str,
    pooling: Sequence[str],
    plan: Path,
    condition: Mapping[str, Any] | None = None,
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """Say what `plan_regions` would find to do; nothing is written.

    Parameters
    ----------
    name, entry, table, versions, location, dtype, pooling, plan, condition
        As for `plan_regions`.

    Returns
    -------
    dict of str to DataFrame, DataFrame
        Lists of the regions that are planned and not filled; clips of no region.

    Raises
    ------
    DataError
        If another plan made the store.
    """
    model = models.from_entry(entry)
    facts = facts_of(name, model, versions, dtype, pooling, condition)
    wanted = strengths.expand(listing.usable(table)[_CLIP], condition)
    owners.check_free(plan, location, known=_is_planned(plan))
    lists: dict[str, pd.DataFrame] = {}
    if store.attributes(location).get("key") == facts["key"]:
        lists, _ = _sort_out(plan, wanted)
    waiting = {
        r: rows
        for r, rows in lists.items()
        if not region_files.record_of(plan, r).exists()
    }
    return waiting, _of_no_region(wanted, lists)


def audio_s(rows: pd.DataFrame) -> float:
    """Return how long some clips are together, in seconds."""
    return float((rows["n_samples"] / rows["sample_rate_hz"]).sum())


def n_windows(model: models.Model, rows: pd.DataFrame) -> NDArray[np.int64]:
    """Return how many windows each clip has, from its length in samples.

    Parameters
    ----------
    model : Model
        What cuts them.
    rows : DataFrame
        Clips, with `n_samples` and `sample_rate_hz`.

    Returns
    -------
    ndarray of shape (n_clips,), int64
        One number per clip.
    """
    rate = model.spec.sample_rate_hz
    counts = [
        model.n_frames(n_resampled(n, model.resampler, source, rate))
        for n, source in zip(rows["n_samples"], rows["sample_rate_hz"], strict=True)
    ]
    return np.asarray(counts, np.int64)


def deal(rows: pd.DataFrame, n: int) -> list[tuple[int, int]]:
    """Share the rows of a list between jobs; all strengths of a clip go to one of them.

    Parameters
    ----------
    rows : DataFrame
        With `clip_id` and `n_windows`; rows of one clip follow each other.
    n : int
        Jobs at most.

    Returns
    -------
    list of (int, int)
        First and last-plus-one row of each job.
    """
    first = strengths.first_rows(rows)
    total = np.append(0, np.cumsum(rows["n_windows"].to_numpy(np.int64)))
    return [(int(first[a]), int(first[b])) for a, b in share(np.diff(total[first]), n)]


def share(work: NDArray[np.int64], n: int) -> list[tuple[int, int]]:
    """Share clips between jobs, in order, about equally many windows each.

    Parameters
    ----------
    work : ndarray of shape (n_clips,), int64
        Windows of each clip.
    n : int
        Jobs at most; none is without clips.

    Returns
    -------
    list of (int, int)
        First and last-plus-one clip of each job.
    """
    if not len(work):
        return []
    total = np.concatenate([[0], np.cumsum(work)])
    targets = np.arange(1, n) * total[-1] / n
    cuts = [0, *np.searchsorted(total, targets).tolist(), len(work)]
    return [(a, b) for a, b in pairwise(cuts) if b > a]


def _create(
    location: store.Location,
    model: models.Model,
    facts: Mapping[str, Any],
    new: pd.DataFrame,
    spans: Sequence[tuple[int, int]],
    dtype: str,
) -> None:
    n_features = model.spec.n_features * max(1, len(facts["pooling"]))
    largest = max((int(new["n_frames"].iloc[a:b].sum()) for a, b in spans), default=0)
    chunk, shard = store.shard_frames(largest, n_features, dtype)
    store.create_embeddings(
        location,
        n_features=n_features,
        chunk=chunk,
        shard=shard,
        dtype=dtype,
        attributes=facts,
    )


def _same(a: pd.DataFrame, b: pd.DataFrame) -> NDArray[np.bool_]:
    """Say which rows of `a` are in `b`, with their files as they were."""
    columns = [*listing.FILE_COLUMNS, *strengths.columns(a)]
    both = a[columns].merge(b[columns], how="left", on=columns, indicator=True)
    same: NDArray[np.bool_] = both["_merge"].eq("both").to_numpy(bool)
    return same


def _of_no_region(
    wanted: pd.DataFrame, lists: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    if not lists:
        return wanted
    placed = pd.concat(lists.values())
    return wanted[~_same(wanted, placed)].reset_index(drop=True)


def _is_planned(plan: Path) -> bool:
    """Return True if there are regions of this plan, whatever is in its store."""
    return any(region_files.beside(plan, ".regions").glob("[0-9]*.parquet"))


def _sort_out(
    plan: Path, wanted: pd.DataFrame
) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    """Return the lists of regions in use, then those of the others.

    A region is in use as long as it holds a clip of the table, and, while it is not
    filled, as long as all of its clips are.
    """
    used, unused = {}, {}
    for file in sorted(region_files.beside(plan, ".regions").glob("[0-9]*.parquet")):
        rows = pd.read_parquet(file)
        same = _same(rows, wanted)
        filled = region_files.record_of(plan, file.stem).exists()
        if same.all() or (filled and same.any()):
            used[file.stem] = rows[same]
        else:
            unused[file.stem] = rows
    return used, unused


def _give_up(
    plan: Path, location: store.Location, region: str, rows: pd.DataFrame
) -> None:
    log.info("region %s is given up: its clips have changed", region)
    start, stop = region_files.rows_of(rows, store.shard_of(location))
    store.clear_rows(location, start, stop)
    region_files.forget(plan, region)
    region_files.list_of(plan, region).unlink()


def _write_clips(
    plan: Path, wanted: pd.DataFrame, lists: Mapping[str, pd.DataFrame]
) -> None:
    """Write which region and rows each clip of the table has, in its order."""
    placed = pd.concat([rows.assign(region=r) for r, rows in lists.items()])
    strength_columns = strengths.columns(wanted)
    keys = [*listing.FILE_COLUMNS, *strength_columns]
    rows = wanted[keys].merge(placed, how="left", on=keys, validate="one_to_one")
    with files.whole_file(
        layout.beside(plan, layout.STORE_PLAN, layout.STORE_CLIPS)
    ) as file:
        rows[["clip_id", *strength_columns, "region", *_ROWS]].to_parquet(
            file, index=False
        )
