"""Stores of embeddings: made, grown, written by regions, indexed and read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import BytesCodec, Crc32cCodec

from earshift.errors import DataError
from earshift.store._base import (
    Location,
    address_of,
    open_array,
    room,
    row_bytes,
    shard_rows,
    write_strings,
)
from earshift.store._shards import (
    clear_shards,
    read_rows,
)

#: Types that frames can be stored in.
DTYPES = ("float32", "float16")


#: What became of a clip, by its code in ``status``.
STATUS = ("ok", "skipped", "no_frames")


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

    Raises
    ------
    DataError
        If nothing can be written there.
    """
    try:
        group = zarr.create_group(address_of(location), overwrite=True)
    except OSError as error:
        raise DataError(
            f"{location}: cannot be made ({error}). Is 'store: address' a folder or "
            "bucket that is there, and that you may write to?"
        ) from error
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
    array = open_array(location, "embedding", "r+")
    start, shard = array.shape[0], shard_rows(array)
    stop = start + -(-n_rows // shard) * shard
    array.resize((stop, array.shape[1]))
    return start, stop


def write_index(
    location: Location,
    clip_ids: Sequence[str],
    first_frame: NDArray[np.int64],
    n_frames: NDArray[np.int64],
    status: NDArray[np.uint8],
    strengths: Sequence[str] | None = None,
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
    strengths : sequence of str, optional
        Strength of each; a clip is then listed once for each of its strengths.
    """
    group = zarr.open_group(address_of(location), mode="r+")
    rows = (("first_frame", first_frame), ("n_frames", n_frames))
    texts = {"clip_id": clip_ids} | ({"strength": strengths} if strengths else {})
    n_bytes = sum(len(text) for each in texts.values() for text in each)
    with room(location, n_bytes + 17 * len(clip_ids)):
        for name, values in texts.items():
            write_strings(group, name, values)
        for name, numbers in rows:
            group.create_array(
                name, data=numbers, dimension_names=("clip",), overwrite=True
            )
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
    first : int, default=0
        Rows of the region that an earlier job wrote, and that stay.

    Attributes
    ----------
    n_whole : int
        Rows of the region in shards that are written to their end.

    Raises
    ------
    DataError
        If some of the rows that stay have to be read, and are damaged.
    """

    def __init__(
        self, location: Location, region: tuple[int, int], first: int = 0
    ) -> None:
        array = open_array(location, "embedding")
        self._location, self._region = location, region
        self._row_bytes = row_bytes(array)
        self._shard = np.full((shard_rows(array), array.shape[1]), np.nan, np.float32)
        self.n_whole = first // len(self._shard) * len(self._shard)
        self._n_kept = first - self.n_whole
        if self._n_kept:
            start = region[0] + self.n_whole
            kept = read_rows(location, array, start, region[0] + first)
            self._shard[: self._n_kept] = kept

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
            here = rows < self.n_whole + len(self._shard)
            self._shard[rows[here] - self.n_whole] = frames[here]
            rows, frames = rows[~here], frames[~here]
            if len(rows):
                self._flush()

    def keep(self) -> None:
        """Write the shard that is held as it is, so that a next job can go on."""
        start = self._region[0] + self.n_whole
        with room(self._location, (self._region[1] - start) * self._row_bytes):
            write_region(self._location, self._shard, (start, start + len(self._shard)))

    def _flush(self) -> None:
        self.keep()
        self.n_whole += len(self._shard)
        self._shard[:] = np.nan

    def __enter__(self) -> Self:
        """Delete what an earlier job left of the region, but for rows that stay."""
        start = self._region[0] + self.n_whole
        # The shard that has some of them stays until it is written to its end.
        start += len(self._shard) if self._n_kept else 0
        clear_shards(self._location, start, self._region[1])
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Write what is left of the region, unless the block failed."""
        while kind is None and self._region[0] + self.n_whole < self._region[1]:
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
    array = open_array(location, "embedding", "r+")
    (start, stop), size = region, shard_rows(array)
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
    array = open_array(location, "embedding", "r+")
    size = shard_rows(array)
    if first % size == 0 and stop % size == 0:
        clear_shards(location, first, stop)
        return
    with room(location, size * row_bytes(array)):
        array[first:stop] = np.nan


def read_embeddings(location: Location, first: int, stop: int) -> NDArray[np.float32]:
    """Read rows `first` to `stop` of a store, shape (stop - first, n_features).

    Raises
    ------
    DataError
        If a shard of these rows is damaged.
    """
    return read_rows(location, open_array(location, "embedding"), first, stop)


def shard_of(location: Location) -> int:
    """Return how many rows a shard of a store of embeddings has."""
    return shard_rows(open_array(location, "embedding"))


def n_rows_of(location: Location) -> int:
    """Return how many rows a store of embeddings has, used or not."""
    return int(open_array(location, "embedding").shape[0])


def n_features_of(location: Location) -> int:
    """Return how long a row of a store of embeddings is."""
    array = open_array(location, "embedding")
    return int(array.shape[1])


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

    Raises
    ------
    DataError
        If a shard with rows of these clips is damaged.
    """
    array = open_array(location, "embedding")
    size = shard_rows(array)
    block, start, stop = np.empty((0, array.shape[1]), np.float32), 0, 0
    for clip, (a, n) in enumerate(
        zip(first_frame.tolist(), n_frames.tolist(), strict=True)
    ):
        b = a + n
        while a < b:
            if not start <= a < stop:
                start = a - a % size
                stop = min(start + size, array.shape[0])
                block = read_rows(location, array, start, stop)
            yield clip, block[a - start : min(b, stop) - start]
            a = min(b, stop)
