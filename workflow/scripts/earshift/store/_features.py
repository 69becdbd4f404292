"""Stores of features: ``feature (clip, feature)`` and ``clip_id``."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import BytesCodec, Crc32cCodec

from earshift.errors import DataError
from earshift.store._base import (
    array_of,
    read_strings,
    room,
    shard_rows,
    write_strings,
)
from earshift.store._shards import read_rows
from earshift.store.sizes import shard_frames


def write_features(
    path: Path,
    blocks: Iterable[NDArray[np.float32]],
    clip_ids: Sequence[str],
    n_features: int,
    attributes: Mapping[str, Any],
) -> None:
    """Write a store of features; one that is there is replaced.

    Parameters
    ----------
    path : Path
        Folder to make.
    blocks : iterable of ndarray of shape (n, n_features), float32
        Pooled vectors, one per clip, some at a time.
    clip_ids : sequence of str
        Id of each clip.
    n_features : int
        Length of a vector.
    attributes : mapping
        As for `create_embeddings`.
    """
    shutil.rmtree(path, ignore_errors=True)
    group = zarr.create_group(path, attributes=dict(attributes))
    chunk, shard = shard_frames(len(clip_ids), n_features, "float32")
    array = group.create_array(
        "feature",
        shape=(len(clip_ids), n_features),
        chunks=(chunk, n_features),
        shards=(shard, n_features),
        dtype="float32",
        fill_value=np.nan,
        serializer=BytesCodec(),
        compressors=Crc32cCodec(),
        dimension_names=("clip", "feature"),
    )
    buffer, start = np.empty((shard, n_features), np.float32), 0
    n_buffered = 0
    with room(path, 4 * n_features * len(clip_ids)):
        for block in blocks:
            for row in block:
                buffer[n_buffered] = row
                n_buffered += 1
                if n_buffered == shard:
                    array[start : start + shard] = buffer
                    start, n_buffered = start + shard, 0
        if n_buffered:
            array[start : start + n_buffered] = buffer[:n_buffered]
        write_strings(group, "clip_id", clip_ids)


def read_features(path: Path) -> tuple[NDArray[np.float32], list[str]]:
    """Return features of shape (n_clips, n_features), and the id of each clip.

    Raises
    ------
    DataError
        If a part of the store is damaged or gone.
    """
    group = zarr.open_group(path, mode="r")
    array = array_of(group, "feature")
    ids = read_strings(group, "clip_id")
    values, bad = np.empty(array.shape, np.float32), []
    # Shard by shard: in one piece, Zarr takes up to three times as long.
    for start in range(0, len(values), shard_rows(array)):
        stop = min(start + shard_rows(array), len(values))
        rows = values[start:stop]
        rows[:] = read_rows(path, array, start, stop)
        # Stage 3 writes finite vectors alone; a missing file reads as NaN.
        bad += (start + np.flatnonzero(np.isnan(rows).any(axis=1))).tolist()
    if bad:
        raise DataError(
            f"{path}: the vectors of {len(bad)} clips are gone, from '{ids[bad[0]]}' "
            f"to '{ids[bad[-1]]}'. Delete this folder and run again: it is pooled anew."
        )
    return values, ids
