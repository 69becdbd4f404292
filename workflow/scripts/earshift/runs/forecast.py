"""What a run will take: jobs, hours, bytes and cost, before anything expensive runs.

Stages 1 to 3 are estimated, whose work grows with the audio. Where stage 1 is done its
clips are counted; otherwise the adapter lists them, and a sample of files is decoded.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift import datasets, files, models, store
from earshift.audio import fingerprint
from earshift.stages.clips import inspection, listing
from earshift.stages.embeddings import job_size, region_files, regions, strengths
from earshift.stages.embeddings.job_size import Calibration
from earshift.tables import PLAN

log = logging.getLogger(__name__)

#: Files of a dataset that are decoded where stage 1 is not done.
SAMPLE = 50

#: Bytes of a clip in what stage 1 keeps, at most: an excerpt, twice, and the tables.
CLIP_BYTES = 2 * fingerprint.EXCERPT + 1000

#: Files of stage 1 beside what its jobs write.
FILES_OF_CLIPS = 7

#: Seconds that a job of stage 1 or 3 takes to start; stage 2 loads its model.
START_S = 5.0

#: Frames that stage 3 pools, in bytes per second.
POOL_BYTES_PER_S = 1e8

#: Files of stage 2 beside the shards: for a job (list, record, marker), and for a store
#: (plan, clips, index, and what Zarr writes).
JOB_FILES, STORE_FILES = 3, 12

#: Files of stage 3 beside the shards.
FEATURE_FILES = 5


@dataclass(frozen=True)
class Listed:
    """What is known of the clips of a dataset.

    Parameters
    ----------
    n_clips : int
        Clips that the dataset lists.
    rows : DataFrame
        Usable clips, all or a sample, with `n_samples` and `sample_rate_hz`.
    table : Path, optional
        The clip table, if stage 1 is done: then `rows` are all.
    scale : float, default=1.0
        Usable clips of the dataset for each of the rows.
    decode_s : float, default=0.0
        What stage 1 has to decode, in seconds of one core.
    within : float, optional
        Share by which the length of all audio may be off, at 95 % confidence, if `rows`
        are a sample.
    """

    n_clips: int
    rows: pd.DataFrame
    table: Path | None = None
    scale: float = 1.0
    decode_s: float = 0.0
    within: float = np.nan


def list_clips(name: str, entry: Mapping[str, Any], table: Path, seed: int) -> Listed:
    """Return what is known of the clips of a dataset.

    Parameters
    ----------
    name : str
        Name of the dataset.
    entry : mapping
        Its config entry.
    table : Path
        Its clip table; if it is missing, a sample of files is decoded.
    seed : int
        Seed of the sample.

    Returns
    -------
    Listed
        Counted or sampled.
    """
    if table.exists():
        return Listed(len(listing.read(table)), listing.usable(table), table)
    folder = Path(entry["folder"])
    clip_list = datasets.find_clips(name, entry)
    n = len(clip_list.clips)
    rng = np.random.default_rng(seed)
    chosen = rng.choice(n, min(SAMPLE, n), replace=False)
    start = time.monotonic()
    paths = clip_list.clips["path"].iloc[chosen]
    rows = pd.DataFrame([inspection.inspect(str(folder / path)) for path in paths])
    seconds = time.monotonic() - start
    log.info("%s: %d of %d clips sampled", name, len(rows), n)
    usable = rows[rows["status"].eq("ok")].reset_index(drop=True)
    scale = n / len(rows)
    within = _within(rows["duration_s"].to_numpy(float), n)
    return Listed(n, usable, None, scale, seconds * scale, within)


def _within(durations: NDArray[np.float64], n: int) -> float:
    """Return by which share the mean of a sample out of `n` may be off (95 %)."""
    k = len(durations)
    if k in (1, n) or not durations.any():
        return 0.0
    error = durations.std(ddof=1) / np.sqrt(k) * np.sqrt(1 - k / n)
    return float(2 * error / durations.mean())


def estimate_run(
    listed_in: Sequence[Mapping[str, Any]],
    stores: Sequence[Mapping[str, Any]],
    *,
    extraction: Mapping[str, Any],
    pooling: Sequence[str],
    n_threads: int,
    seed: int,
    out: Path,
) -> None:
    """Write the plan of a run: what each dataset and model still takes.

    Parameters
    ----------
    listed_in : sequence of mapping
        Per dataset `name`, its config `entry`, and the `table` of stage 1.
    stores : sequence of mapping
        Per store of features `dataset`, `model`, `condition`, `features` (where it is),
        `calibration`, and in `options` the arguments of `regions.left_to_embed`, which
        those of one store of embeddings share.
    extraction : mapping
        Section of the config.
    pooling : sequence of str
        Statistics of stage 3.
    n_threads : int
        Threads of a job of stage 1.
    seed : int
        Seed of the samples.
    out : Path
        CSV file to write, `tables.PLAN`: one row per stage and dataset, and from
        stage 2 on per model and condition. Hours are those of all jobs, one after the
        other; `cpu_h` and `gpu_h` are hours times what they reserve; `mem_mb` is that
        of the largest job; `within` is as in `Listed`; `address` is that of a store on
        no file system, and else missing.
    """
    rows, known = [], {}
    for d in listed_in:
        listed = list_clips(d["name"], d["entry"], Path(d["table"]), seed)
        known[d["name"]] = listed
        rows.append(_decoding(listed, n_threads) | {"dataset": d["name"]})
    embedded: dict[Path, dict[str, Any]] = {}
    for s in stores:
        plan = Path(s["options"]["plan"])
        key = {name: s[name] for name in ("dataset", "model", "condition")}
        if plan not in embedded:
            file = Path(s["calibration"])
            measured = Calibration.read(file) if file.exists() else None
            options = s["options"] | {"plan": plan}
            row = _embedding(known[s["dataset"]], options, measured, extraction)
            row["address"] = _address(options["location"])
            embedded[plan] = row
            rows.append(row | key | {"condition": region_files.beside(plan, "").name})
        rows.append(_pooling(embedded[plan], s, pooling) | key)
    table = pd.DataFrame(rows).assign(made=files.now())
    prices = [extraction["price_per_cpu_hour"], extraction["price_per_gpu_hour"]]
    if any(price is not None for price in prices):
        cpu, gpu = (price or 0.0 for price in prices)
        table["cost"] = cpu * table["cpu_h"] + gpu * table["gpu_h"]
    table = table.sort_values("stage", kind="stable").reindex(columns=PLAN.names)
    PLAN.write(table, out)


def _address(location: store.Location) -> str | None:
    """Return where a store is that takes no room on a file system; None otherwise."""
    return None if store.folder_of(location) else str(location)


def _decoding(listed: Listed, n_threads: int) -> dict[str, Any]:
    """Return the row of stage 1."""
    to_do = listed.table is None
    n = listed.n_clips if to_do else 0
    hours = (START_S + listed.decode_s / n_threads) / 3600 if to_do else 0.0
    return {
        "stage": "1 clips",
        "clips": listed.n_clips,
        "clips_to_do": n,
        "audio_h": listed.scale * regions.audio_s(listed.rows) / 3600 if to_do else 0.0,
        "within": listed.within,
        "jobs": inspection.n_shares(n),
        "hours": hours,
        "cpu_h": hours * n_threads,
        "gpu_h": 0.0,
        "bytes": CLIP_BYTES * n,
        "files": FILES_OF_CLIPS + inspection.n_shares(n) if to_do else 0,
    }


def _embedding(
    listed: Listed,
    options: Mapping[str, Any],
    measured: Calibration | None,
    extraction: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the row of stage 2; what only a calibration tells may be missing."""
    waiting: dict[str, pd.DataFrame] = {}
    every = new = strengths.expand(listed.rows, options.get("condition"))
    if listed.table is not None:
        waiting, new = regions.left_to_embed(**options, table=listed.table)
    n_clips = round(listed.scale * len(new)) + sum(map(len, waiting.values()))
    audio_s = listed.scale * regions.audio_s(new)
    audio_s += sum(map(regions.audio_s, waiting.values()))
    row: dict[str, Any] = {
        "stage": "2 embeddings",
        "clips": round(listed.scale * len(every)),
        "clips_to_do": n_clips,
        "audio_h": audio_s / 3600,
        "within": listed.within,
    }
    if measured is None:
        return row
    frames = _frames_of_jobs(listed, new, waiting, options, measured, extraction)
    hours = job_size.job_seconds(measured, audio_s, len(frames)) / 3600
    largest = max((len(rows) for rows in waiting.values()), default=0)
    largest = max(largest, -(-n_clips // max(1, len(frames))))
    return row | {
        "jobs": len(frames),
        "hours": hours,
        "cpu_h": hours * measured.threads,
        "gpu_h": hours * extraction["gpu"],
        "mem_mb": job_size.job_mb(measured, largest),
        **_sizes(frames, options, fresh=len(new) == len(every)),
    }


def _frames_of_jobs(
    listed: Listed,
    new: pd.DataFrame,
    waiting: Mapping[str, pd.DataFrame],
    options: Mapping[str, Any],
    measured: Calibration,
    extraction: Mapping[str, Any],
) -> NDArray[np.float64]:
    """Return how many rows of the store each job will write."""
    planned = [float(rows["n_frames"].sum()) for rows in waiting.values()]
    if new.empty:
        return np.asarray(planned)
    model = models.from_entry(options["entry"])
    if isinstance(model, models.ClipModel):  # its network would have to be run
        seconds = (new["n_samples"] / new["sample_rate_hz"]).to_numpy(float)
        windows = np.round(seconds * measured.frames_per_audio_s).astype(np.int64)
    else:
        windows = regions.n_windows(model, new)
    rows = np.minimum(windows, 1) if options["pooling"] else windows
    capacity = 60 * extraction["minutes_per_job"] * measured.audio_s_per_s
    n = job_size.n_jobs(
        listed.scale * regions.audio_s(new),
        round(listed.scale * len(new)),
        capacity,
        extraction["max_jobs"],
    )
    if listed.table is None:
        return np.asarray(planned + [listed.scale * float(rows.sum()) / n] * n)
    spans = regions.deal(new.assign(n_windows=windows), n)
    return np.asarray(planned + [float(rows[a:b].sum()) for a, b in spans])


def _sizes(
    frames: NDArray[np.float64], options: Mapping[str, Any], *, fresh: bool
) -> dict[str, int]:
    """Return bytes and files of the shards, and files beside them."""
    if not len(frames):
        return {"bytes": 0, "files": 0}
    spec, dtype = models.from_entry(options["entry"]).spec, options["dtype"]
    n_features = spec.n_features * max(1, len(options["pooling"]))
    largest = int(np.ceil(frames.max()))
    chunk, shard = store.shard_frames(largest, n_features, dtype)
    if not fresh:
        shard = store.shard_of(options["location"])
    n_chunks = np.ceil(frames / chunk).sum()
    n_shards = int(np.ceil(frames / shard).sum())
    return {
        "bytes": int(n_chunks * chunk * n_features * np.dtype(dtype).itemsize),
        "files": n_shards + JOB_FILES * len(frames) + STORE_FILES * fresh,
    }


def _pooling(
    embedding: Mapping[str, Any], s: Mapping[str, Any], pooling: Sequence[str]
) -> dict[str, Any]:
    """Return the row of stage 3, which pools all clips of a store anew."""
    options = s["options"]
    spec = models.from_entry(options["entry"]).spec
    condition = options.get("condition")
    n_clips = embedding["clips"] // (len(condition["strengths"]) if condition else 1)
    row = {"clips": n_clips, "within": embedding["within"]}
    row |= {"stage": "3 features", "audio_h": 0.0, "clips_to_do": 0, "gpu_h": 0.0}
    if embedding["clips_to_do"] == 0 and Path(s["features"]).exists():
        return row | dict.fromkeys(("jobs", "hours", "cpu_h", "bytes", "files"), 0)
    n_features = spec.n_features * len(pooling)
    chunk, shard = store.shard_frames(n_clips, n_features, "float32")
    # What is stored already is read, too.
    share = n_clips / max(1, embedding["clips_to_do"])
    seconds = START_S + embedding.get("bytes", np.nan) * share / POOL_BYTES_PER_S
    return row | {
        "clips_to_do": n_clips,
        "jobs": 1,
        "hours": seconds / 3600,
        "cpu_h": seconds / 3600,
        "bytes": -(-n_clips // chunk) * chunk * n_features * 4,
        "files": -(-n_clips // shard) + FEATURE_FILES,
    }
