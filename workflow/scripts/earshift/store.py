"""Zarr stores of embeddings and features. No other module opens Zarr.

A store of embeddings is one group per dataset, model and condition:

``embedding (frame, feature)``
    float32 or float16, NaN where nothing was written. One extraction job owns a
    *region*: a run of whole Zarr shards, so two jobs never touch one shard. Rows of a
    region after its last frame stay NaN; so do those of clips that are no longer used.
    Where the attribute ``pooling`` names statistics, a clip has one row with these.
``clip_id``, ``first_frame``, ``n_frames``, ``status``
    One entry per clip: rows ``first_frame`` to ``first_frame + n_frames`` are its.
    Written when all jobs are done.

Bytes are checked on reading (crc32c). A store of features has ``feature (clip,
feature)`` and ``clip_id``.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import BytesCodec, Crc32cCodec

from earshift.errors import DataError

#: Bytes of an inner chunk, the smallest piece that is read: large enough that a clip
#: costs one read, small enough that one clip does not cost a shard.
CHUNK_BYTES = 1 << 18

#: Chunks of a shard at most: a shard is what one job holds in memory when it writes.
MAX_CHUNKS_PER_SHARD = 64


#: Types that frames can be stored in.
DTYPES = ("float32", "float16")

#: What became of a clip, by its code in ``status``.
STATUS = ("ok", "skipped", "no_frames")

#: A folder, or an address that fsspec knows, such as ``s3://bucket/path``.
Location = Path | str


def shard_frames(n_frames: int, n_features: int, dtype: str) -> tuple[int, int]:
    """Return the rows of a chunk and of a shard of a store.

    Parameters
    ----------
    n_frames : int
        Rows that the largest job will write at first.
    n_features : int
        Length of a row.
    dtype : {"float32", "float16"}
        Type of the values.

    Returns
    -------
    chunk, shard : int
        A shard holds whole chunks.
    """
    chunk = max(16, CHUNK_BYTES // (np.dtype(dtype).itemsize * n_features))
    return chunk, chunk * min(MAX_CHUNKS_PER_SHARD, max(1, -(-n_frames // chunk)))


def create_embeddings(
    location: Location,
    *,
    n_features: int,
    chunk: int,
    shard: int,
    dtype: str,
    attributes: Mapping[str, Any],
) -> None:
    """Make a store of embeddings with no rows; one that is there is replaced.

    Parameters
    ----------
    location : Path or str
        Where.
    n_features : int
        Length of a frame.
    chunk, shard : int
        Rows of a chunk and of a shard, from `shard_frames`.
    dtype : {"float32", "float16"}
        Type of the values.
    attributes : mapping
        What a reader needs to know: model, version, options, hash of the weights,
        sample rate, hop, units, package versions, commit. Must be JSON.
    """
    group = zarr.create_group(str(location), overwrite=True)
    group.create_array(
        "embedding",
        shape=(0, n_features),
        chunks=(chunk, n_features),
        shards=(shard, n_features),
        dtype=dtype,
        fill_value=np.nan,
        serializer=BytesCodec(),
        compressors=Crc32cCodec(),
        dimension_names=("frame", "feature"),
    )
    # Last: a store without attributes is one that was never finished.
    group.update_attributes(dict(attributes))


def grow(location: Location, n_rows: int) -> tuple[int, int]:
    """Add rows at the end of a store of embeddings, in whole shards.

    Parameters
    ----------
    location : Path or str
        A store of embeddings.
    n_rows : int
        Rows that are needed.

    Returns
    -------
    start, stop : int
        The new region: its first and last-plus-one row, NaN until they are written.
    """
    array = _array(zarr.open_group(str(location), mode="r+"), "embedding")
    start, shard = array.shape[0], _shard(array)
    stop = start + -(-n_rows // shard) * shard
    array.resize((stop, array.shape[1]))
    return start, stop


def write_index(
    location: Location,
    clip_ids: Sequence[str],
    first_frame: NDArray[np.int64],
    n_frames: NDArray[np.int64],
    status: NDArray[np.uint8],
) -> None:
    """Write which rows of a store are which clip's, in place of an earlier index.

    Parameters
    ----------
    location : Path or str
        A store of embeddings.
    clip_ids : sequence of str
        Id of each clip.
    first_frame, n_frames : ndarray of shape (n_clips,), int64
        Its rows.
    status : ndarray of shape (n_clips,), uint8
        Place in `STATUS`.
    """
    group = zarr.open_group(str(location), mode="r+")
    _write_strings(group, "clip_id", clip_ids)
    for name, values in (("first_frame", first_frame), ("n_frames", n_frames)):
        group.create_array(name, data=values, dimension_names=("clip",), overwrite=True)
    group.create_array(
        "status",
        data=status,
        attributes={"meaning": list(STATUS)},
        dimension_names=("clip",),
        overwrite=True,
    )


class RegionWriter:
    """Write the rows of one job in order, holding one shard of them in memory.

    Rows that are never put are NaN, also where something else was written before.

    Parameters
    ----------
    location : Path or str
        Store made by `create_embeddings`.
    region : (int, int)
        First and last-plus-one row of the job, from `grow`.
    """

    def __init__(self, location: Location, region: tuple[int, int]) -> None:
        array = _array(zarr.open_group(str(location), mode="r"), "embedding")
        self._location, self._region = location, region
        self._start = 0
        self._shard = np.full((_shard(array), array.shape[1]), np.nan, np.float32)

    def put(self, rows: NDArray[np.int64], frames: NDArray[np.float32]) -> None:
        """Write `frames`, shape (n_rows, n_features), to increasing rows of the region.

        Parameters
        ----------
        rows : ndarray of shape (n_rows,), int64
            Counted from the start of the region, none before those put already.
        frames : ndarray of shape (n_rows, n_features), float32
            Their values.
        """
        while len(rows):
            here = rows < self._start + len(self._shard)
            self._shard[rows[here] - self._start] = frames[here]
            rows, frames = rows[~here], frames[~here]
            if len(rows):
                self._flush()

    def _flush(self) -> None:
        start = self._region[0] + self._start
        write_region(self._location, self._shard, (start, start + len(self._shard)))
        self._start += len(self._shard)
        self._shard[:] = np.nan

    def __enter__(self) -> Self:
        """Return the writer itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Write what is left of the region, unless the block failed."""
        while kind is None and self._region[0] + self._start < self._region[1]:
            self._flush()


def write_region(
    location: Location, frames: NDArray[np.float32], region: tuple[int, int]
) -> None:
    """Write all the rows of some whole shards.

    Parameters
    ----------
    location : Path or str
        Store made by `create_embeddings`.
    frames : ndarray of shape (n_rows, n_features), float32
        As many rows as the region has.
    region : (int, int)
        First and last-plus-one row.

    Raises
    ------
    DataError
        If the region cuts a shard in two, or the rows do not fill it.
    """
    array = _array(zarr.open_group(str(location), mode="r+"), "embedding")
    (start, stop), size = region, _shard(array)
    if start % size or stop % size:
        raise DataError(
            f"rows {start}:{stop} of {location} cut a shard of {size} rows in two: two "
            f"jobs could overwrite each other. Give the region multiples of {size}."
        )
    if frames.shape != (stop - start, array.shape[1]):
        raise DataError(
            f"rows {start}:{stop} of {location} hold {(stop - start, array.shape[1])} "
            f"values, got {frames.shape}."
        )
    with np.errstate(over="ignore"):  # the caller looks for values too large for it
        array[start:stop] = frames.astype(array.dtype)


def clear_rows(location: Location, first: int, stop: int) -> None:
    """Set rows `first` to `stop` of a store to NaN; whole shards are deleted."""
    array = _array(zarr.open_group(str(location), mode="r+"), "embedding")
    array[first:stop] = np.nan


def read_embeddings(location: Location, first: int, stop: int) -> NDArray[np.float32]:
    """Read rows `first` to `stop` of a store, shape (stop - first, n_features)."""
    array = _array(zarr.open_group(str(location), mode="r"), "embedding")
    return np.asarray(array[first:stop], np.float32)


def shard_of(location: Location) -> int:
    """Return how many rows a shard of a store of embeddings has."""
    return _shard(_array(zarr.open_group(str(location), mode="r"), "embedding"))


def n_rows_of(location: Location) -> int:
    """Return how many rows a store of embeddings has, used or not."""
    return int(_array(zarr.open_group(str(location), mode="r"), "embedding").shape[0])


def n_features_of(location: Location) -> int:
    """Return how long a row of a store of embeddings is."""
    array = _array(zarr.open_group(str(location), mode="r"), "embedding")
    return int(array.shape[1])


def read_index(
    location: Location,
) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
    """Return clip ids, first frame and number of frames of each clip of a store."""
    group = zarr.open_group(str(location), mode="r")
    first, n = (
        np.asarray(_array(group, name)[:], np.int64)
        for name in ("first_frame", "n_frames")
    )
    return _read_strings(group, "clip_id"), first, n


def attributes(location: Location) -> dict[str, Any]:
    """Return the attributes of a store; none where there is no store."""
    try:
        return dict(zarr.open_group(str(location), mode="r").attrs)
    except FileNotFoundError:
        return {}


def read_clips(
    location: Location, first_frame: NDArray[np.int64], n_frames: NDArray[np.int64]
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Read clip after clip, a few shards at a time.

    Parameters
    ----------
    location : Path or str
        A store of embeddings.
    first_frame, n_frames : ndarray of shape (n_clips,), int64
        Rows of each clip, increasing.

    Yields
    ------
    tuple of int and ndarray of shape (n, n_features), float32
        A clip, by its place, and some of its frames; a long one comes in parts.
    """
    array = _array(zarr.open_group(str(location), mode="r"), "embedding")
    size = _shard(array)
    held, start, stop = np.empty((0, array.shape[1]), np.float32), 0, 0
    for clip, (a, n) in enumerate(
        zip(first_frame.tolist(), n_frames.tolist(), strict=True)
    ):
        b = a + n
        while a < b:
            if not start <= a < stop:
                start = a - a % size
                stop = min(start + size, array.shape[0])
                held = np.asarray(array[start:stop], np.float32)
            yield clip, held[a - start : min(b, stop) - start]
            a = min(b, stop)


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
    held, start = np.empty((shard, n_features), np.float32), 0
    n_held = 0
    for block in blocks:
        for row in block:
            held[n_held] = row
            n_held += 1
            if n_held == shard:
                array[start : start + shard] = held
                start, n_held = start + shard, 0
    if n_held:
        array[start : start + n_held] = held[:n_held]
    _write_strings(group, "clip_id", clip_ids)


def read_features(path: Path) -> tuple[NDArray[np.float32], list[str]]:
    """Return features of shape (n_clips, n_features), and the id of each clip."""
    group = zarr.open_group(path, mode="r")
    values = np.asarray(_array(group, "feature")[:], np.float32)
    return values, _read_strings(group, "clip_id")


def open_rows(location: Location) -> zarr.Array[Any]:
    """Open the rows of a store for reading; nothing is read yet.

    Parameters
    ----------
    location : Path or str
        A store of embeddings or of features.

    Returns
    -------
    zarr.Array of shape (n_rows, n_features)
        Its array ``embedding`` or ``feature``.

    Raises
    ------
    FileNotFoundError, KeyError
        If there is no such store.
    """
    group = zarr.open_group(str(location), mode="r")
    return _array(group, "feature" if "feature" in group else "embedding")


def read_index_of_usable(
    location: Location,
) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
    """Return ids and rows of the clips that have any, in the order of the rows.

    Parameters
    ----------
    location : Path or str
        A store of embeddings or of features.

    Returns
    -------
    clip_ids : list of str
        Id of each clip.
    first, n : ndarray of shape (n_clips,), int64
        Its first row, increasing, and how many it has, 1 or more.

    Raises
    ------
    FileNotFoundError, KeyError
        If there is no such store, or its index was never written.
    """
    group = zarr.open_group(str(location), mode="r")
    if "feature" in group:
        ids = _read_strings(group, "clip_id")
        return ids, np.arange(len(ids)), np.ones(len(ids), np.int64)
    ids, first, n = read_index(location)
    usable = (n > 0) & (np.asarray(_array(group, "status")[:]) == 0)
    order = np.flatnonzero(usable)
    order = order[np.argsort(first[order])]
    return [ids[i] for i in order.tolist()], first[order], n[order]


def _array(group: zarr.Group, name: str) -> zarr.Array[Any]:
    array = group[name]
    if not isinstance(array, zarr.Array):
        raise KeyError(name)
    return array


def _shard(array: zarr.Array[Any]) -> int:
    assert array.shards is not None
    return int(array.shards[0])


def _write_strings(group: zarr.Group, name: str, values: Sequence[str]) -> None:
    """Store strings as bytes of UTF-8: Zarr 3 has no settled type for text yet."""
    text = "\n".join(values).encode()
    group.create_array(
        name,
        data=np.frombuffer(text, np.uint8),
        attributes={"encoding": "UTF-8, one line per clip"},
        dimension_names=(f"{name}_byte",),
        overwrite=True,
    )


def _read_strings(group: zarr.Group, name: str) -> list[str]:
    return np.asarray(_array(group, name)[:]).tobytes().decode().split("\n")
