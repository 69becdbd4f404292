"""Stage 2, embeddings: run a pre-trained model over a dataset, one region a job."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count, islice, takewhile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from earshift import audio, clips, jobs, models, store
from earshift.errors import AudioError, DataError
from earshift.models._batches import Piece, call_ahead, number
from earshift.resampling import n_resampled
from earshift.verification import identify

log = logging.getLogger(__name__)

_FAILED = "not_finite: the model failed, or gave NaN or infinite values; see the log"

#: Clips decoded ahead of the network, per thread: enough that it never waits, few
#: enough that memory stays flat.
AHEAD_PER_THREAD = 4

#: Pieces of a clip, of a few seconds each, that are made at a time: most clips are one
#: such part; of a long one, two or three parts are held.
PIECES_PER_PART = 4


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
    model = models.from_entry(entry)
    known = [identify(file) for file in model.spec.weights]
    usable = clips.usable(table)
    layout = store.plan(_frame_counts(model, usable), model.spec.n_features, n_jobs)
    facts = {
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
        "hop_s": model.spec.hop_s,
        "units": "embedding units of the model",
        "regions": [list(r) for r in layout.regions],
        "clips": [list(c) for c in layout.clips],
    }
    ids = usable["clip_id"].tolist()
    key = jobs.content_key([facts, ids, layout.n_frames.tolist()])
    for file, (_, published) in zip(model.spec.weights, known, strict=True):
        what = published or "of no published checksum"
        log.info("%s: weights %s, %s", name, file, what)
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
        model.n_frames(n_resampled(n, model.resampler, source, rate))
        for n, source in zip(usable["n_samples"], usable["sample_rate_hz"], strict=True)
    ]
    return np.asarray(counts, np.int64)


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
        Threads that decode and resample, and calls of the network at a time.

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
        model = models.from_entry(entry)
        # A model of whole clips is called once at a time.
        alone = isinstance(model, models.ClipModel)
        with limit_threads(n_threads if alone else 1, n_threads):
            skipped = _extract(name, model, path, facts, own, job, n_threads)
        if clips.too_many(len(skipped), b - a, max_bad_clips):
            raise DataError(
                f"{name}: {len(skipped)} of {b - a} clips that stage 1 could read "
                f"failed now, more than max_bad_clips = {max_bad_clips} allows. The "
                f"first: {next(iter(skipped.values()))}. If files were changed, run "
                "again with '--forcerun list_clips'."
            )
        done = {"key": key, "clips": b - a, "skipped": skipped}
        with jobs.whole_file(record) as file:
            file.write_text(json.dumps(done, indent=1, sort_keys=True) + "\n")
    else:
        log.info("%s: embedded before, %d clips kept", name, b - a)
    with jobs.whole_file(marker) as file:
        shutil.copyfile(record, file)


def limit_threads(n_cores: int, n_calls: int) -> threadpool_limits:
    """Let each call of a network use some cores. Must come before any framework loads.

    With several calls under way, one core each is faster on a CPU than all for one.

    Parameters
    ----------
    n_cores, n_calls : int
        Cores for each call, and calls at a time.

    Returns
    -------
    context manager
        Within it, NumPy's products use as many cores, too.
    """
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(n_cores))
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", str(n_calls))
    os.environ.setdefault("OMP_NUM_THREADS", str(n_cores))
    return threadpool_limits(n_cores)


def _extract(
    name: str,
    model: models.Model,
    path: Path,
    facts: Mapping[str, Any],
    own: pd.DataFrame,
    job: int,
    n_threads: int,
) -> dict[str, str]:
    """Fill the region of a job; return the clips skipped, and why."""
    region, (a, b) = tuple(facts["regions"][job]), facts["clips"][job]
    ids, first, n_frames = (index[a:b] for index in store.read_index(path))
    if own["clip_id"].tolist() != ids:
        raise DataError(f"{path} was made for another clip table than the present one.")
    starts = first - region[0]
    rows = [slice(s, s + n) for s, n in zip(starts, n_frames, strict=True)]
    log.info("%s: loading the model", name)
    model.warm_up()
    skipped: dict[str, str] = {}
    progress = jobs.Progress(name, b - a, "clips")
    prepared = prepare_pieces(model, own, rows, skipped, progress.step, n_threads)
    with store.RegionWriter(path, region) as writer:
        for targets, frames in model.run(prepared, n_threads):
            bad = ~np.isfinite(frames).all(axis=1)
            for clip in np.searchsorted(starts, targets[bad], side="right") - 1:
                skipped[ids[clip]] = _FAILED
            writer.put(targets, frames)
    for clip, where in zip(ids, rows, strict=True):
        if clip in skipped:
            store.clear_rows(path, region[0] + where.start, region[0] + where.stop)
    return skipped


def prepare_pieces(
    model: models.Model,
    own: pd.DataFrame,
    rows: Sequence[slice],
    skipped: dict[str, str],
    step: Callable[[], None],
    n_threads: int,
) -> Iterator[Piece]:
    """Decode, resample and cut clips in threads.

    Parameters
    ----------
    model : Model
        What to cut for.
    own : DataFrame
        Rows of the clip table.
    rows : sequence of slice
        Where the frames of each clip belong.
    skipped : dict of str to str
        Gets the id of each clip that cannot be used, and why.
    step : callable
        Called after each clip.
    n_threads : int
        Clips decoded at a time.

    Yields
    ------
    Piece
        In the order of the clips.

    Raises
    ------
    DataError
        If a clip is too short and the model's `short` is ``"error"``.
    """
    whole = isinstance(model, models.ClipModel)
    opened = call_ahead(
        lambda clip: _open(model, clip),
        own[["path", "n_samples", "sample_rate_hz"]].itertuples(index=False),
        1 if whole else n_threads,
        1 if whole else n_threads * AHEAD_PER_THREAD,
    )
    for clip_id, where, clip in zip(own["clip_id"], rows, opened, strict=True):
        try:
            samples = _read(*clip)
            if whole:
                yield from (Piece(where, one) for one in samples)
            else:
                yield from number(samples, where.start, where.stop)
        except AudioError as error:
            if error.status == "short":  # the model's own rule is to refuse it
                raise DataError(f"clip '{clip_id}': {error}") from error
            log.warning("skipped %s: %s", clip_id, error)
            skipped[clip_id] = f"{error.status}: {error}"
        step()


def _open(
    model: models.Model, clip: tuple[str, int, int]
) -> tuple[list[NDArray[np.float32]], Iterator[NDArray[np.float32]], AudioError | None]:
    """Return the first part of a clip, what will give the rest, and what is wrong."""
    path, n_samples, rate = clip
    source = model.pieces(
        audio.stream(
            Path(path), n_samples, rate, model.spec.sample_rate_hz, model.resampler
        )
    )
    try:
        return list(islice(source, PIECES_PER_PART)), source, None
    except AudioError as error:
        return [], source, error


def _read(
    part: list[NDArray[np.float32]],
    source: Iterator[NDArray[np.float32]],
    error: AudioError | None,
) -> Iterator[NDArray[np.float32]]:
    """Yield what `_open` read, then the rest of a long clip, a part ahead."""
    if error is not None:
        raise error
    yield from part
    if len(part) == PIECES_PER_PART:
        further = call_ahead(
            lambda _: list(islice(source, PIECES_PER_PART)), count(), 1, 1
        )
        for part in takewhile(bool, further):
            yield from part
