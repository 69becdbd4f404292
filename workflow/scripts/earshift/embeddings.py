"""Stage 2, embeddings: run a pre-trained model over a dataset, one region a job."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift import audio, clips, jobs, models, store
from earshift.errors import AudioError, DataError

log = logging.getLogger(__name__)

#: Clips decoded ahead of the network, per thread: enough that it never waits, few
#: enough that memory stays flat.
AHEAD_PER_THREAD = 4


def load(entry: Mapping[str, Any]) -> models.Model:
    """Return the model of a config entry: `plugin`, and the model's own options."""
    options = {k: v for k, v in entry.items() if k != "plugin"}
    return models.load_model(entry["plugin"], **options)


def create_store(
    name: str,
    entry: Mapping[str, Any],
    *,
    table: Path,
    out: Path,
    n_jobs: int,
) -> None:
    """Make the empty store that the extraction jobs of a dataset and model fill.

    Parameters
    ----------
    name : str
        Name of the model in the experiment.
    entry : mapping
        Its config entry.
    table : Path
        Clip table of the dataset.
    out : Path
        Store to make.
    n_jobs : int
        Jobs that will share the clips.
    """
    model = load(entry)
    usable = clips.usable(table)
    layout = store.plan(_frame_counts(model, usable), model.spec.n_features, n_jobs)
    store.create_embeddings(
        out,
        layout,
        usable["clip_id"].tolist(),
        {
            "model": name,
            "plugin": model.name,
            "options": {k: str(v) for k, v in model.spec.options.items()},
            "short": model.short,
            "weights_sha256": [jobs.sha256(file) for file in model.spec.weights],
            "sample_rate_hz": model.spec.sample_rate_hz,
            "window_s": model.spec.framing.window / model.spec.sample_rate_hz,
            "hop_s": model.spec.hop_s,
            "resampler": "soxr HQ",
            "units": "embedding units of the model",
            "regions": [list(r) for r in layout.regions],
            "clips": [list(c) for c in layout.clips],
            "provenance": jobs.provenance(),
        },
    )


def _frame_counts(model: models.Model, usable: pd.DataFrame) -> NDArray[np.int64]:
    """Return how many frames each clip will have, from its length in samples."""
    rate = model.spec.sample_rate_hz
    counts = [
        model.n_frames(audio.n_resampled(n, source, rate))
        for n, source in zip(usable["n_samples"], usable["sample_rate_hz"], strict=True)
    ]
    return np.asarray(counts, np.int64)


@dataclass
class _Clip:
    """A clip on its way through the pipeline: its rows in the region, its windows."""

    clip_id: str
    rows: slice
    windows: NDArray[np.float32]


def extract_shard(
    name: str,
    entry: Mapping[str, Any],
    *,
    table: Path,
    path: Path,
    job: int,
    marker: Path,
    n_threads: int,
) -> None:
    """Embed the clips of one job, write its region, then its done-marker.

    Parameters
    ----------
    name : str
        What to call the job in messages.
    entry : mapping
        Config entry of the model.
    table : Path
        Clip table of the dataset.
    path : Path
        Store made by `create_store`.
    job : int
        Which region, from 0.
    marker : Path
        JSON file to write at the end: how many clips and frames, clips skipped and why.
    n_threads : int
        Threads that decode and resample.
    """
    facts = store.attributes(path)
    region, (a, b) = tuple(facts["regions"][job]), facts["clips"][job]
    ids, first, n_frames = store.read_index(path)
    usable = clips.usable(table)
    if usable["clip_id"].tolist() != ids:
        raise DataError(f"{path} was made for another clip table than {table}.")
    model = load(entry)
    frames = np.full((region[1] - region[0], model.spec.n_features), np.nan, np.float32)
    skipped: dict[str, str] = {}
    log.info("%s: loading the model", name)
    model.embed_windows(np.zeros((1, model.spec.framing.window), np.float32))
    progress = jobs.Progress(name, b - a, "clips")
    rows = [
        slice(int(first[i] - region[0]), int(first[i] + n_frames[i] - region[0]))
        for i in range(a, b)
    ]
    todo = list(zip(ids[a:b], usable["path"].iloc[a:b], rows, strict=True))
    batches = _fill_batches(
        _prepare_clips(model, todo, skipped, progress, n_threads), model.spec.batch_size
    )
    for windows, targets in batches:
        frames[targets] = model.embed_windows(windows)
    _refuse_nan(frames, rows, ids[a:b], skipped)
    store.write_region(path, frames, region)
    with jobs.whole_file(marker) as file:
        n_rows = sum(r.stop - r.start for r in rows)
        facts = {"clips": b - a, "frames": n_rows, "skipped": skipped}
        file.write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n")


def _prepare_clips(
    model: models.Model,
    todo: list[tuple[str, str, slice]],
    skipped: dict[str, str],
    progress: jobs.Progress,
    n_threads: int,
) -> Iterator[_Clip]:
    """Decode, resample and cut clips in threads, in order, a bounded number ahead."""

    def prepare(clip_id: str, path: str, rows: slice) -> _Clip:
        decoded = audio.decode(Path(path))
        samples = audio.prepare(
            decoded.samples, decoded.sample_rate_hz, model.spec.sample_rate_hz
        )
        windows = model.windows(samples)
        expected = rows.stop - rows.start
        if len(windows) != expected:
            raise AudioError(
                "changed",
                f"{path} gives {len(windows)} windows, not the {expected} that its "
                "length in the clip table means: was the file changed?",
            )
        return _Clip(clip_id, rows, windows)

    remaining = iter(todo)
    with ThreadPoolExecutor(n_threads) as pool:
        waiting: list[tuple[str, Future[_Clip]]] = [
            (item[0], pool.submit(prepare, *item))
            for item in islice(remaining, n_threads * AHEAD_PER_THREAD)
        ]
        while waiting:
            clip_id, future = waiting.pop(0)
            for item in islice(remaining, 1):
                waiting.append((item[0], pool.submit(prepare, *item)))
            try:
                clip = future.result()
            except AudioError as error:
                log.warning("skipped %s: %s", clip_id, error)
                skipped[clip_id] = f"{error.status}: {error}"
            else:
                yield clip
            progress.step()


def _fill_batches(
    clips_: Iterator[_Clip], size: int
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    """Yield full batches of windows, drawn across clips, with the rows they fill."""
    windows: list[NDArray[np.float32]] = []
    rows: list[NDArray[np.int64]] = []
    held = 0
    for clip in clips_:
        start = 0
        while start < len(clip.windows):
            part = clip.windows[start : start + size - held]
            windows.append(part)
            first = clip.rows.start + start
            rows.append(np.arange(first, first + len(part)))
            start += len(part)
            held += len(part)
            if held == size:
                yield np.concatenate(windows), np.concatenate(rows)
                windows, rows, held = [], [], 0
    if held:
        yield np.concatenate(windows), np.concatenate(rows)


def _refuse_nan(
    frames: NDArray[np.float32],
    rows: list[slice],
    ids: list[str],
    skipped: dict[str, str],
) -> None:
    """Make every row of a clip NaN if one is not finite, and record the clip."""
    for clip_id, own in zip(ids, rows, strict=True):
        if clip_id not in skipped and not np.isfinite(frames[own]).all():
            frames[own] = np.nan
            skipped[clip_id] = "not_finite: the model gave NaN or infinite values"
            log.warning("skipped %s: the model gave NaN or infinite values", clip_id)
