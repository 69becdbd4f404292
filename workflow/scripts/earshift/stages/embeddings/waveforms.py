"""Stage 2, embeddings: the audio of clips, decoded once for all strengths."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift import conditions
from earshift.audio import reading
from earshift.audio.resampling import n_resampled
from earshift.errors import AudioError
from earshift.models import call_ahead
from earshift.stages.embeddings import strengths


class _Clip(NamedTuple):
    """A clip that is decoded, or why it cannot be.

    Parameters
    ----------
    waveform : ndarray of shape (n_samples,), float32, or AudioError
        Mono, at the rate of its file.
    """

    waveform: NDArray[np.float32] | AudioError
    sample_rate_hz: int
    clip_id: str


def streams(
    condition: Mapping[str, Any] | None,
    rows: pd.DataFrame,
    target_hz: int,
    resampler: str,
    n_threads: int,
    filled: Callable[[int], int] = int,
) -> Iterator[Iterator[NDArray[np.float32]]]:
    """Yield what gives the audio of each row, block by block, at the rate of a model.

    Nothing is decoded before it is asked for; but where clips are changed, each is
    decoded once, in threads, for all of its strengths that are listed.

    Parameters
    ----------
    condition : mapping or None
        As `conditions.stored_as` returns it.
    rows : DataFrame
        List of a region, or some rows of one.
    target_hz : int
        Rate of the model, in Hz.
    resampler : str
        One of `earshift.audio.resampling.RESAMPLERS`.
    n_threads : int
        Clips that are changed and decoded at a time; as many are held until their turn.
    filled : callable
        Returns the length, at the rate of the model, at which a waveform of a given
        length fills the model's windows; conditions may fill it up to that.

    Yields
    ------
    iterator of ndarray of shape (n_samples,), float32
        One per row; it raises `AudioError` for a clip that cannot be used.
    """
    source = ["path", "n_samples", "sample_rate_hz"]
    if condition is None:
        for path, n_samples, rate in rows[source].itertuples(index=False):
            yield reading.stream(Path(path), n_samples, rate, target_hz, resampler)
        return
    first = strengths.first_rows(rows)
    clips = rows.iloc[first[:-1]][[*source, "clip_id"]].itertuples(index=False)
    decoded = call_ahead(lambda clip: _decode(*clip), clips, n_threads, n_threads)
    change, texts = conditions.Change(condition), rows[strengths.COLUMN].tolist()
    for (start, stop), clip in zip(pairwise(first.tolist()), decoded, strict=True):
        for strength in texts[start:stop]:
            yield _changed(change, clip, strength, target_hz, resampler, filled)


def _decode(path: str, n_samples: int, rate: int, clip_id: str) -> _Clip:
    try:
        blocks = list(reading.stream(Path(path), n_samples, rate, rate, "soxr_hq"))
    except AudioError as error:
        return _Clip(error, rate, clip_id)
    return _Clip(np.concatenate(blocks), rate, clip_id)


def _changed(
    change: conditions.Change,
    clip: _Clip,
    strength: str,
    target_hz: int,
    resampler: str,
    filled: Callable[[int], int],
) -> Iterator[NDArray[np.float32]]:
    if isinstance(clip.waveform, AudioError):
        # Of several strengths, each has an error of its own.
        raise AudioError(clip.waveform.status, clip.waveform.message)
    rate, n_given = clip.sample_rate_hz, len(clip.waveform)
    length = filled(n_resampled(n_given, resampler, rate, target_hz))
    n_samples = max(n_given, -(-length * rate // target_hz))
    samples = change(clip.waveform, rate, strength, clip.clip_id, n_samples)
    blocks = reading.resampled(samples, rate, target_hz, resampler)
    yield from _first(blocks, length) if len(samples) > n_given else blocks


def _first(
    blocks: Iterator[NDArray[np.float32]], n_samples: int
) -> Iterator[NDArray[np.float32]]:
    """Yield the first samples: of one that is too many, a model makes a window."""
    for block in blocks:
        yield block[:n_samples]
        n_samples -= len(block)
        if n_samples <= 0:
            return
