"""Zarr stores of embeddings and features. No other module opens Zarr.

A store of embeddings is one group per dataset, model and condition:

``embedding (frame, feature)``
    float32, NaN where nothing was written. One extraction job owns a *region*: a run of
    whole Zarr shards, so two jobs never touch one shard. Rows of a region after its
    last frame stay NaN.
``clip_id``, ``first_frame``, ``n_frames``
    One entry per clip: rows ``first_frame`` to ``first_frame + n_frames`` are its.

Bytes are checked on reading (crc32c). A store of features has ``feature (clip,
feature)`` and ``clip_id``.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import BytesCodec, Crc32cCodec

from earshift.errors import DataError

if TYPE_CHECKING:
    import xarray

#: Bytes of an inner chunk, the smallest piece that is read: large enough that a clip
#: costs one read, small enough that one clip does not cost a shard.
CHUNK_BYTES = 1 << 18

#: Chunks of a shard at most: a shard is what one job holds in memory when it writes.
MAX_CHUNKS_PER_SHARD = 64


@dataclass(frozen=True)
class Layout:
    """Where each clip's frames lie, and which rows belong to which job.

    Parameters
    ----------
    n_features : int
        Length of a frame.
    chunk_frames, shard_frames : int
        Rows of a Zarr chunk and of a Zarr shard.
    first_frame, n_frames : ndarray of shape (n_clips,), int64
        First row and number of rows of each clip.
    regions : tuple of (int, int)
        First and last-plus-one row of each job, multiples of `shard_frames`.
    clips : tuple of (int, int)
        First and last-plus-one clip of each job.
    """

    n_features: int
    chunk_frames: int
    shard_frames: int
    first_frame: NDArray[np.int64]
    n_frames: NDArray[np.int64]
    regions: tuple[tuple[int, int], ...]
    clips: tuple[tuple[int, int], ...]


def plan(n_frames: NDArray[np.int64], n_features: int, n_jobs: int) -> Layout:
    """Lay out frames so that each job owns whole shards.

    Parameters
    ----------
    n_frames : ndarray of shape (n_clips,), int64
        Frames of each clip.
    n_features : int
        Length of a frame.
    n_jobs : int
        Jobs to share the clips between, in order, about equally many frames each. With
        fewer clips than jobs, some have none.

    Returns
    -------
    Layout
        Index arithmetic only; nothing is written.
    """
    total = np.concatenate([[0], np.cumsum(n_frames)])
    targets = np.arange(1, n_jobs) * total[-1] / n_jobs
    cuts = [0, *np.searchsorted(total, targets).tolist(), len(n_frames)]
    spans = list(pairwise(cuts))
    chunk = max(16, CHUNK_BYTES // (4 * n_features))
    largest = max(int(total[b] - total[a]) for a, b in spans)
    shard = chunk * min(MAX_CHUNKS_PER_SHARD, max(1, -(-largest // chunk)))
    first = np.zeros(len(n_frames), np.int64)
    regions, start = [], 0
    for a, b in spans:
        first[a:b] = start + total[a:b] - total[a]
        stop = start + -(-int(total[b] - total[a]) // shard) * shard
        regions.append((start, stop))
        start = stop
    return Layout(
        n_features, chunk, shard, first, n_frames, tuple(regions), tuple(spans)
    )


def create_embeddings(
    path: Path, layout: Layout, clip_ids: Sequence[str], attributes: Mapping[str, Any]
) -> None:
    """Make an empty store of embeddings.

    Parameters
    ----------
    path : Path
        Folder to fill.
    layout : Layout
        From `plan`.
    clip_ids : sequence of str
        Id of each clip.
    attributes : mapping
        What a reader needs to know: model, version, options, hash of the weights,
        sample rate, hop, units, package versions, commit. Must be JSON.
    """
    group = zarr.create_group(path, attributes=dict(attributes), overwrite=True)
    rows = max(layout.regions[-1][1], layout.shard_frames)
    group.create_array(
        "embedding",
        shape=(rows, layout.n_features),
        chunks=(layout.chunk_frames, layout.n_features),
        shards=(layout.shard_frames, layout.n_features),
        dtype="float32",
        fill_value=np.nan,
        serializer=BytesCodec(),
        compressors=Crc32cCodec(),
        dimension_names=("frame", "feature"),
    )
    _write_strings(group, "clip_id", clip_ids)
    for name in ("first_frame", "n_frames"):
        values = np.asarray(getattr(layout, name), np.int64)
        group.create_array(name, data=values, dimension_names=("clip",))


class RegionWriter:
    """Write the rows of one job in order, holding one shard of them in memory.

    Rows that are never put are NaN, also where something else was written before.

    Parameters
    ----------
    path : Path
        Store made by `create_embeddings`.
    region : (int, int)
        First and last-plus-one row of the job.
    """

    def __init__(self, path: Path, region: tuple[int, int]) -> None:
        array = _array(zarr.open_group(path, mode="r"), "embedding")
        assert array.shards is not None
        self._path, self._region = path, region
        self._start = 0
        self._shard = np.full((array.shards[0], array.shape[1]), np.nan, np.float32)

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
        write_region(self._path, self._shard, (start, start + len(self._shard)))
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
    path: Path, frames: NDArray[np.float32], region: tuple[int, int]
) -> None:
    """Write all the rows of some whole shards.

    Parameters
    ----------
    path : Path
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
    array = _array(zarr.open_group(path, mode="r+"), "embedding")
    start, stop = region
    assert array.shards is not None
    size = array.shards[0]
    if start % size or stop % size:
        raise DataError(
            f"rows {start}:{stop} of {path} cut a shard of {size} rows in two: two "
            f"jobs could overwrite each other. Give the region multiples of {size}."
        )
    if frames.shape != (stop - start, array.shape[1]):
        raise DataError(
            f"rows {start}:{stop} of {path} hold {(stop - start, array.shape[1])} "
            f"values, got {frames.shape}."
        )
    array[start:stop] = frames


def clear_rows(path: Path, first: int, stop: int) -> None:
    """Set rows `first` to `stop` of a store to NaN; for the job that owns them."""
    array = _array(zarr.open_group(path, mode="r+"), "embedding")
    array[first:stop] = np.nan


def read_embeddings(path: Path, first: int, stop: int) -> NDArray[np.float32]:
    """Read rows `first` to `stop` of a store, shape (stop - first, n_features)."""
    array = _array(zarr.open_group(path, mode="r"), "embedding")
    return np.asarray(array[first:stop], np.float32)


def read_index(
    path: Path,
) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
    """Return clip ids, first frame and number of frames of each clip of a store."""
    group = zarr.open_group(path, mode="r")
    first, n = (
        np.asarray(_array(group, name)[:], np.int64)
        for name in ("first_frame", "n_frames")
    )
    return _read_strings(group, "clip_id"), first, n


def attributes(path: Path) -> dict[str, Any]:
    """Return the attributes of a store."""
    return dict(zarr.open_group(path, mode="r").attrs)


def write_features(
    path: Path,
    features: NDArray[np.float32],
    clip_ids: Sequence[str],
    attributes: Mapping[str, Any],
) -> None:
    """Write a store of features; one that is there is replaced.

    Parameters
    ----------
    path : Path
        Folder to make.
    features : ndarray of shape (n_clips, n_features), float32
        One pooled vector per clip.
    clip_ids : sequence of str
        Id of each clip.
    attributes : mapping
        As for `create_embeddings`.
    """
    shutil.rmtree(path, ignore_errors=True)
    group = zarr.create_group(path, attributes=dict(attributes))
    rows = max(16, min(len(features), CHUNK_BYTES // (4 * features.shape[1])))
    array = group.create_array(
        "feature",
        shape=features.shape,
        chunks=(rows, features.shape[1]),
        dtype="float32",
        fill_value=np.nan,
        serializer=BytesCodec(),
        compressors=Crc32cCodec(),
        dimension_names=("clip", "feature"),
    )
    array[:] = features
    _write_strings(group, "clip_id", clip_ids)


def read_features(path: Path) -> tuple[NDArray[np.float32], list[str]]:
    """Return features of shape (n_clips, n_features), and the id of each clip."""
    group = zarr.open_group(path, mode="r")
    values = np.asarray(_array(group, "feature")[:], np.float32)
    return values, _read_strings(group, "clip_id")


def open_embeddings(store: str | Path) -> xarray.Dataset:
    """Open a store of embeddings lazily.

    Parameters
    ----------
    store : path-like
        A folder ``results/2_embeddings/<dataset>/<model>/<condition>.zarr``.

    Returns
    -------
    xarray.Dataset
        ``embedding (frame, feature)``, float32, as Dask chunks; the coordinate
        ``clip_id (frame)`` names the clip of each frame and ``time_s (frame)`` gives
        the start of its window in seconds, or NaN if the model does not say. Rows of no
        clip are left out. Attributes say which model and options made it.

    Raises
    ------
    DataError
        If there is no store of embeddings at that path.

    Examples
    --------
    >>> from earshift import open_embeddings
    >>> path = "results/2_embeddings/mini_irmas/mfcc/clean.zarr"
    >>> frames = open_embeddings(path)  # doctest: +SKIP
    >>> frames.embedding.groupby("clip_id").mean()  # doctest: +SKIP
    """
    import xarray

    path = Path(store)
    try:
        ids, first, n = read_index(path)
    except (FileNotFoundError, KeyError) as error:
        raise DataError(
            f"'{path}' is no store of embeddings: expected a folder such as "
            "results/2_embeddings/mini_irmas/mfcc/clean.zarr."
        ) from error
    frames = xarray.open_zarr(path, chunks={}, consolidated=False)[["embedding"]]
    rows = np.concatenate([np.arange(a, a + k) for a, k in zip(first, n, strict=True)])
    within = np.concatenate([np.arange(k) for k in n])
    hop_s = attributes(path)["hop_s"]
    return frames.isel(frame=rows).assign_coords(
        clip_id=("frame", np.repeat(np.asarray(ids, dtype=object), n)),
        time_s=("frame", within * (np.nan if hop_s is None else hop_s)),
    )


def _array(group: zarr.Group, name: str) -> zarr.Array[Any]:
    array = group[name]
    if not isinstance(array, zarr.Array):
        raise KeyError(name)
    return array


def _write_strings(group: zarr.Group, name: str, values: Sequence[str]) -> None:
    """Store strings as bytes of UTF-8: Zarr 3 has no settled type for text yet."""
    text = "\n".join(values).encode()
    group.create_array(
        name,
        data=np.frombuffer(text, np.uint8),
        attributes={"encoding": "UTF-8, one line per clip"},
        dimension_names=(f"{name}_byte",),
    )


def _read_strings(group: zarr.Group, name: str) -> list[str]:
    return np.asarray(_array(group, name)[:]).tobytes().decode().split("\n")
