"""Stage 2, embeddings: run a pre-trained model over a dataset, one region a job."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count, islice, pairwise, takewhile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from earshift import files, jobs, models, registry, store
from earshift.errors import AudioError, DataError, StoppedError
from earshift.jobs import stopping
from earshift.models import Embedded, Piece, call_ahead, number
from earshift.numerics.pooling import pooled
from earshift.stages.clips import listing
from earshift.stages.embeddings import owners, region_files, strengths, waveforms
from earshift.stages.embeddings.region_progress import Begun

log = logging.getLogger(__name__)

_FAILED = "not_finite: the model failed, or gave NaN or infinite values; see the log"

_TOO_LARGE = "not_finite: values above 65504, too large for float16"

#: Clips decoded ahead of the network, per thread: enough that it never waits, few
#: enough that memory stays flat.
AHEAD_PER_THREAD = 4

#: Pieces of a clip, of a few seconds each, that are made at a time: most clips are one
#: such part; of a long one, two or three parts are held.
PIECES_PER_PART = 4


def extract_region(
    name: str,
    entry: Mapping[str, Any],
    *,
    plan: Path,
    region: str,
    marker: Path,
    max_bad_clips: float,
    n_threads: int,
) -> None:
    """Embed the clips of one region, write its rows, then its done-marker.

    Nothing is computed if the region was written before, for the same audio files. A
    job that is stopped keeps the clips it embedded, and one that is killed its whole
    shards; the next one embeds the rest.

    Parameters
    ----------
    name : str
        What to call the job in messages.
    entry : mapping
        Config entry of the model.
    plan : Path
        Made by `regions.plan_regions`.
    region : str
        Name of the region.
    marker : Path
        JSON file to write at the end: how many clips, those skipped and why.
    max_bad_clips : float
        Clips of the job that may fail, though stage 1 could read them: a share below 1,
        a number from 1 on.
    n_threads : int
        Threads that decode and resample, and calls of the network at a time.

    Raises
    ------
    DataError
        If the store is not that of the plan (`owners.store_of`), more clips fail, one
        is too short and the model's `short` is ``"error"``, or the condition's plugin
        was edited since the plan was made.
    StoppedError
        If the job shall stop (`stopping.reason`).
    """
    location = owners.store_of(plan, writing=True)
    store.shard_of(location)  # says what to do if its description is damaged
    facts = store.attributes(location)
    clips = region_files.read_region(plan, region)
    record = region_files.record_of(plan, region)
    key = files.content_key([facts["key"], clips.astype(str).to_numpy().tolist()])
    done = json.loads(record.read_text()) if record.exists() else {}
    if done.get("key") != key:
        if version := facts.get("versions", {}).get("condition"):
            plugin = facts["condition"]["plugin"]
            registry.check_version("conditions", plugin, version)
        model = models.from_entry(entry)
        begun = Begun(region_files.begun_of(plan, region), key)
        skipped, spent = fill_region(name, model, plan, region, n_threads, begun)
        if listing.too_many(len(skipped), len(clips), max_bad_clips):
            begun.remove()  # what failed is tried again
            first = next(iter(skipped.values()))
            remedy = (
                "Take out strengths that the audio cannot have"
                if first.startswith("low_rate")
                else "If files were changed, run again with '--forcerun list_clips'"
            )
            raise DataError(
                f"{name}: {len(skipped)} of {len(clips)} clips that stage 1 could read "
                f"failed now, more than max_bad_clips = {max_bad_clips} allows. The "
                f"first: {first}. {remedy}."
            )
        done = {"key": key, "clips": len(clips), "skipped": skipped, "spent": spent}
        with files.whole_file(record) as file:
            file.write_text(json.dumps(done, indent=1, sort_keys=True) + "\n")
        begun.remove()
    else:
        log.info("%s: embedded before, %d clips kept", name, len(clips))
    with files.whole_file(marker) as file:
        shutil.copyfile(record, file)


def fill_region(
    name: str,
    model: models.Model,
    plan: Path,
    region: str,
    n_threads: int,
    begun: Begun | None = None,
) -> tuple[dict[str, str], dict[str, Any]]:
    """Embed the clips of one region and write its rows.

    Parameters
    ----------
    name, plan, region, n_threads
        As for `extract_region`.
    model : Model
        Loaded here, if it is not yet.
    begun : Begun, optional
        What earlier jobs did of the region, and where to say what this one did; by
        default it begins anew.

    Returns
    -------
    dict of str to str, dict
        Clips skipped, and why. What it took, earlier jobs included: `load_s` and
        `seconds`, for loading the model and in all; `peak_mib`, the most memory of the
        process; `bytes`, of the shards; `finished`, UTC.
    """
    location = owners.store_of(plan, writing=True)
    clips = region_files.read_region(plan, region)
    span = region_files.rows_of(clips, store.shard_of(location))
    begun = begun or Begun()
    with limit_for(model, n_threads):
        log.info("%s: loading the model", name)
        model.warm_up()
        begun.loaded()
        skipped = _extract(name, model, location, span, clips, n_threads, begun)
    return skipped, begun.spent() | {
        "bytes": store.stored_bytes(location, span),
        "finished": files.now(),
    }


def limit_for(model: models.Model, n_threads: int) -> threadpool_limits:
    """Share `n_threads` cores between the calls of a model that run at a time."""
    # A model of whole clips is called once at a time.
    alone = isinstance(model, models.ClipModel)
    return limit_threads(n_threads if alone else 1, n_threads)


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
    location: store.Location,
    span: tuple[int, int],
    clips: pd.DataFrame,
    n_threads: int,
    begun: Begun,
) -> dict[str, str]:
    """Fill the region of a job; return the clips skipped, and why."""
    facts = store.attributes(location)
    rows = clips["first_frame"].to_numpy(np.int64) - span[0]
    ends = rows + clips["n_frames"].to_numpy(np.int64)
    names = strengths.names_of(clips)
    n_before, skipped = begun.clips, dict(begun.skipped)
    try:
        first = 0 if n_before == 0 else int(np.append(rows, ends[-1])[n_before])
        region = store.RegionWriter(location, span, first)
    except DataError as error:
        if n_before == 0:
            raise
        log.warning("%s: all clips are embedded anew: %s", name, error)
        begun.remove()
        return _extract(name, model, location, span, clips, n_threads, begun)
    if n_before:
        log.info("%s: %d of %d clips embedded before", name, n_before, len(clips))
    at = rows.copy()
    with region as writer:
        for clip, values in embed_clips(
            name, model, facts, clips, skipped, n_threads, n_before
        ):
            n_whole = writer.n_whole
            writer.put(at[clip] + np.arange(len(values)), values)
            at[clip] += len(values)
            # Clips before this one gave all the rows that they will ever give.
            n_passed = clip + int(at[clip] == ends[clip])
            if why := stopping.reason():
                writer.keep()
                _note(begun, names, n_passed, skipped)
                raise StoppedError(
                    f"{name}: {why}. {n_passed} of {len(clips)} clips are kept; the "
                    "next attempt embeds the rest."
                )
            if writer.n_whole > n_whole:
                n_in_store = int(np.searchsorted(ends, writer.n_whole, side="right"))
                _note(begun, names, min(n_passed, n_in_store), skipped)
    for clip, first, n in zip(names, rows, clips["n_frames"], strict=True):
        if clip in skipped:
            start = span[0] + int(first)
            store.clear_rows(location, start, start + int(n))
    return skipped


def _note(
    begun: Begun, names: pd.Series[str], n_clips: int, skipped: Mapping[str, str]
) -> None:
    """Say that the first clips are done; threads may have looked at others already."""
    done = names.iloc[:n_clips]
    begun.write(n_clips, {name: skipped[name] for name in done if name in skipped})


def embed_clips(
    name: str,
    model: models.Model,
    facts: Mapping[str, Any],
    clips: pd.DataFrame,
    skipped: dict[str, str],
    n_threads: int,
    n_before: int = 0,
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Embed clips as a store keeps them.

    Parameters
    ----------
    name : str
        What to call the job in messages.
    model : Model
        What embeds.
    facts : mapping
        Attributes of the store: `dtype`, `pooling` if it keeps pooled vectors, and
        `condition` if it is of changed audio.
    clips : DataFrame
        List of a region, or some rows of one. A clip and strength counts as a clip.
    skipped : dict of str to str
        Gets the name (`strengths.names_of`) of each that cannot be used, and why.
    n_threads : int
        Threads that decode and resample, and calls of the network at a time.
    n_before : int, default=0
        How many of the first clips to leave out.

    Yields
    ------
    tuple of int and ndarray of shape (n, n_features), float32
        A clip, by its place in `clips`, and its next rows of the store.
    """
    # Windows are numbered within the region; the store's rows are what is made of them.
    windows = np.concatenate([[0], np.cumsum(clips["n_windows"].to_numpy(np.int64))])
    spans = [slice(a, b) for a, b in pairwise(windows.tolist())][n_before:]
    progress = jobs.Progress(name, len(clips), "clips", n_before)
    todo = clips.iloc[n_before:]
    condition = facts.get("condition")
    prepared = prepare_pieces(
        model, todo, spans, skipped, progress.step, n_threads, condition
    )
    frames = _finite(
        model.run(prepared, n_threads), windows, clips, skipped, facts["dtype"]
    )
    if not facts["pooling"]:
        yield from frames
        return
    n_windows = clips["n_windows"].to_numpy(np.int64)
    for clip, vector in pooled(frames, n_windows, facts["pooling"]):
        yield clip, vector[None]


def _finite(
    embedded: Iterator[Embedded],
    windows: NDArray[np.int64],
    clips: pd.DataFrame,
    skipped: dict[str, str],
    dtype: str,
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield clip and frames of each run of rows; note clips with values not finite."""
    names = strengths.names_of(clips).tolist()
    for targets, frames in embedded:
        clip_of = np.searchsorted(windows, targets, side="right") - 1
        with np.errstate(over="ignore"):
            bad = ~np.isfinite(frames.astype(dtype)).all(axis=1)
        for clip in np.unique(clip_of[bad]):
            large = np.isfinite(frames[bad & (clip_of == clip)]).all()
            skipped[names[clip]] = _TOO_LARGE if large else _FAILED
        for clip in np.unique(clip_of):
            yield int(clip), frames[clip_of == clip]


def prepare_pieces(
    model: models.Model,
    clips: pd.DataFrame,
    rows: Sequence[slice],
    skipped: dict[str, str],
    step: Callable[[], None],
    n_threads: int,
    condition: Mapping[str, Any] | None = None,
) -> Iterator[Piece]:
    """Decode, change, resample and cut clips in threads.

    Parameters
    ----------
    model : Model
        What to cut for.
    clips : DataFrame
        Rows of the clip table; of a condition, `strengths.expand` of them.
    rows : sequence of slice
        Where the frames of each row belong.
    skipped : dict of str to str
        Gets the name (`strengths.names_of`) of each that cannot be used, and why.
    step : callable
        Called after each row.
    n_threads : int
        Clips decoded at a time.
    condition : mapping, optional
        As of `conditions.stored_as`; by default the audio is as it is.

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
    n_threads = 1 if whole else n_threads
    rate = model.spec.sample_rate_hz
    opened = call_ahead(
        lambda blocks: _open(model, blocks),
        waveforms.streams(
            condition,
            clips,
            rate,
            model.resampler,
            n_threads,
            int if whole else model.filled,
        ),
        n_threads,
        1 if whole else n_threads * AHEAD_PER_THREAD,
    )
    names = strengths.names_of(clips)
    for name, where, clip in zip(names, rows, opened, strict=True):
        try:
            samples = _read(*clip)
            if whole:
                yield from (Piece(where, one) for one in samples)
            else:
                yield from number(samples, where.start, where.stop)
        except AudioError as error:
            if error.status == "short":  # the model's own rule is to refuse it
                raise DataError(f"clip '{name}': {error}") from error
            log.warning("skipped %s: %s", name, error)
            skipped[name] = f"{error.status}: {error}"
        step()


def _open(
    model: models.Model, blocks: Iterator[NDArray[np.float32]]
) -> tuple[list[NDArray[np.float32]], Iterator[NDArray[np.float32]], AudioError | None]:
    """Return the first part of a clip, what will give the rest, and what is wrong."""
    source = model.pieces(blocks)
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
