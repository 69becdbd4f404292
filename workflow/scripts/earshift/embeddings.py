"""Stage 2, embeddings: run a pre-trained model over a dataset, one region a job."""

from __future__ import annotations

import json
import logging
import shutil
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


def store_of(plan: Path) -> Path:
    """Return the path of the store that a plan is of."""
    return plan.with_name(plan.name.removesuffix(".plan.json") + ".zarr")


def create_store(
    name: str,
    entry: Mapping[str, Any],
    *,
    table: Path,
    versions: Mapping[str, int],
    plan: Path,
    n_jobs: int,
) -> None:
    """Make the empty store that the extraction jobs of a dataset and model fill.

    A store of the same model, options, weights and list of clips is kept as it is, with
    what its jobs have written.

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
    plan : Path
        ``<condition>.plan.json`` to write; the store is ``<condition>.zarr`` beside it.
    n_jobs : int
        Jobs that will share the clips.
    """
    model = load(entry)
    usable = clips.usable(table)
    layout = store.plan(_frame_counts(model, usable), model.spec.n_features, n_jobs)
    facts = {
        "model": name,
        "plugin": model.name,
        "versions": dict(versions),
        "options": {k: str(v) for k, v in model.spec.options.items()},
        "short": model.short,
        "weights_sha256": [jobs.file_hash(file) for file in model.spec.weights],
        "sample_rate_hz": model.spec.sample_rate_hz,
        "window_s": model.spec.framing.window / model.spec.sample_rate_hz,
        "hop_s": model.spec.hop_s,
        "resampler": "soxr HQ",
        "units": "embedding units of the model",
        "regions": [list(r) for r in layout.regions],
        "clips": [list(c) for c in layout.clips],
    }
    ids = usable["clip_id"].tolist()
    key = jobs.content_key([facts, ids, layout.n_frames.tolist()])
    path = store_of(plan)
    if not path.exists() or store.attributes(path).get("key") != key:
        shutil.rmtree(_records(plan), ignore_errors=True)
        facts |= {"key": key, "provenance": jobs.provenance()}
        with jobs.whole_folder(path) as folder:
            store.create_embeddings(folder, layout, ids, facts)
    with jobs.whole_file(plan) as file:
        file.write_text(json.dumps({"key": key, "jobs": n_jobs}) + "\n")


def _records(plan: Path) -> Path:
    """Return the folder where jobs note what they have written, and for which files."""
    return plan.with_name(plan.name.removesuffix(".plan.json") + ".kept")


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
    plan: Path,
    job: int,
    marker: Path,
    max_bad_clips: float,
    n_threads: int,
) -> None:
    """Embed the clips of one job, write its region, then its done-marker.

    Nothing is computed if the region was written before, for the same audio files.

    Parameters
    ----------
    name : str
        What to call the job in messages.
    entry : mapping
        Config entry of the model.
    table : Path
        Clip table of the dataset.
    plan : Path
        Made by `create_store`.
    job : int
        Which region, from 0.
    marker : Path
        JSON file to write at the end: how many clips and frames, clips skipped and why.
    max_bad_clips : float
        Clips of the job that may fail, though stage 1 could read them: a share below 1,
        a number from 1 on.
    n_threads : int
        Threads that decode and resample.

    Raises
    ------
    DataError
        If more clips fail, or one is too short and the model's `short` is ``"error"``.
    """
    path = store_of(plan)
    facts = store.attributes(path)
    a, b = facts["clips"][job]
    own = clips.usable(table).iloc[a:b]
    record = _records(plan) / marker.name
    key = jobs.content_key(
        [facts["key"], job, own[list(clips.FILE_COLUMNS)].to_numpy()]
    )
    done = json.loads(record.read_text()) if record.exists() else {}
    if done.get("key") != key:
        skipped = _extract(name, entry, path, own, job, n_threads)
        _stop_if_too_many(name, skipped, b - a, max_bad_clips)
        done = {"key": key, "clips": b - a, "skipped": skipped}
        with jobs.whole_file(record) as file:
            file.write_text(json.dumps(done, indent=1, sort_keys=True) + "\n")
    else:
        log.info("%s: embedded before, %d clips kept", name, b - a)
    with jobs.whole_file(marker) as file:
        shutil.copyfile(record, file)


def _extract(
    name: str,
    entry: Mapping[str, Any],
    path: Path,
    own: pd.DataFrame,
    job: int,
    n_threads: int,
) -> dict[str, str]:
    """Fill the region of a job; return the clips skipped, and why."""
    facts = store.attributes(path)
    region, (a, b) = tuple(facts["regions"][job]), facts["clips"][job]
    ids, first, n_frames = (index[a:b] for index in store.read_index(path))
    if own["clip_id"].tolist() != ids:
        raise DataError(f"{path} was made for another clip table than the present one.")
    starts = first - region[0]
    rows = [slice(s, s + n) for s, n in zip(starts, n_frames, strict=True)]
    model = load(entry)
    log.info("%s: loading the model", name)
    model.embed_windows(np.zeros((1, model.spec.framing.window), np.float32))
    skipped: dict[str, str] = {}
    prepared = _prepare_clips(
        model,
        list(zip(ids, own["path"], rows, strict=True)),
        skipped,
        jobs.Progress(name, b - a, "clips"),
        n_threads,
    )
    with store.RegionWriter(path, region) as writer:
        for windows, targets in _fill_batches(prepared, model.spec.batch_size):
            frames = model.embed_windows(windows)
            bad = ~np.isfinite(frames).all(axis=1)
            frames[bad] = np.nan
            for clip in np.searchsorted(starts, targets[bad], side="right") - 1:
                skipped[ids[clip]] = "not_finite: the model gave NaN or infinite values"
            writer.put(targets, frames)
    return skipped


def _stop_if_too_many(
    name: str, skipped: Mapping[str, str], n_clips: int, limit: float
) -> None:
    if len(skipped) > (limit if limit >= 1 else limit * n_clips):
        example = next(iter(skipped.values()))
        raise DataError(
            f"{name}: {len(skipped)} of {n_clips} clips that stage 1 could read failed "
            f"now, more than max_bad_clips = {limit} allows. The first: {example}. If "
            "files were changed, run again with '--forcerun list_clips'."
        )


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
                if error.status == "short":  # the model's own rule is to refuse it
                    raise DataError(f"clip '{clip_id}': {error}") from error
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
