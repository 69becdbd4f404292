"""Shards as files: which are damaged or missing, and what killed writers left."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.core.sync import sync

from earshift.errors import DataError
from earshift.store._base import (
    Location,
    folder_of,
    open_array,
    read_index,
    shard_rows,
)

#: Ending of the file that Zarr writes a shard to before it gets its name.
PARTIAL = ".partial"

_REMEDY = (
    "'make audit' finds all damage of an experiment's stores; 'make repair' marks the "
    "regions that have some, and the next run embeds these again and no others."
)


@dataclass
class Shard:
    """One shard of a store of embeddings, as it was found.

    Attributes
    ----------
    key : str
        Its file, relative to the store.
    start, stop : int
        First and last-plus-one row.
    written : bool
        Whether there is such a file, and something in it.
    values : ndarray of shape (stop - start, n_features), float32, or None
        Its rows, NaN where nothing was written; None if it cannot be read.
    problem : str
        Why it cannot be read, or nothing.
    """

    key: str
    start: int
    stop: int
    written: bool
    values: NDArray[np.float32] | None = None
    problem: str = ""


def read_rows(
    location: Location, array: zarr.Array[Any], first: int, stop: int
) -> NDArray[np.float32]:
    """Read rows `first` to `stop`, shape (stop - first, n_features).

    Raises
    ------
    DataError
        If a shard of these rows is damaged.
    """
    try:
        return np.asarray(array[first:stop], np.float32)
    except (ValueError, OSError) as error:
        if not _is_damage(error):
            raise
        raise DataError(_describe(location, array, first, stop, error)) from error


def _problem(error: Exception) -> str:
    """Say what is wrong in words shorter than Zarr's."""
    known = "checksum" in str(error)
    return "its bytes do not match their checksum" if known else str(error)


def _is_damage(error: Exception) -> bool:
    """Return whether stored bytes are wrong, and not the way to them."""
    return isinstance(error, ValueError) or (
        isinstance(error, OSError) and error.errno == errno.EIO
    )


def _describe(
    location: Location, array: zarr.Array[Any], first: int, stop: int, error: Exception
) -> str:
    """Return the message for rows that cannot be read: the first bad shard of them."""
    size = shard_rows(array)
    for start in range(first - first % size, stop, size):
        a, b = max(start, first), min(start + size, stop)
        try:
            array[a:b]
        except (ValueError, OSError) as problem:
            end = min(start + size, array.shape[0])
            where = f"shard {key_of(array, start)} (rows {start}:{end}"
            where += _clips_in(location, start, end)
            what = _problem(problem)
            return f"{location}: {where}) is damaged: {what}. {_remedy(array)}"
    return f"{location}: rows {first}:{stop} could not be read: {error}"


def _remedy(array: zarr.Array[Any]) -> str:
    if array.basename == "feature":
        return "Delete this folder and run again: it is pooled anew."
    return _REMEDY


def _clips_in(location: Location, start: int, stop: int) -> str:
    """Name the first and last clip that have rows in a shard."""
    try:
        ids, first, n = read_index(location)
    except (FileNotFoundError, KeyError):
        return ""
    inside = np.flatnonzero((first < stop) & (first + n > start) & (n > 0))
    if not len(inside):
        return ", of no clip"
    order = inside[np.argsort(first[inside])]
    return f", {len(order)} clips from '{ids[order[0]]}' to '{ids[order[-1]]}'"


def key_of(array: zarr.Array[Any], row: int) -> str:
    """Return the file of the shard that holds a row, relative to the store."""
    place = (row // shard_rows(array), 0)
    return f"{array.basename}/{array.metadata.encode_chunk_key(place)}"


def check_shards(
    location: Location, first: int, stop: int, sizes: Mapping[str, int]
) -> Iterator[Shard]:
    """Read shard after shard, every byte of each, and say how it was found.

    Parameters
    ----------
    location : Path or str
        A store of embeddings.
    first, stop : int
        First and last-plus-one row of a region.
    sizes : mapping of str to int
        The files of the store, from `files`.

    Yields
    ------
    Shard
        In the order of rows.
    """
    array = open_array(location, "embedding")
    size = shard_rows(array)
    for start in range(first, stop, size):
        key = key_of(array, start)
        shard = Shard(key, start, start + size, written=sizes.get(key, 0) > 0)
        try:
            shard.values = np.asarray(array[start : start + size], np.float32)
        except (ValueError, OSError) as error:
            if not _is_damage(error):
                raise
            shard.problem = _problem(error)
        yield shard


def first_row_of(key: str, shard: int) -> int:
    """Return the first row of the shard in a file, if a shard has so many rows."""
    return int(PurePosixPath(key).parts[2]) * shard


def files(location: Location, folder: str = "") -> dict[str, int]:
    """Return every file of a store, or of a folder in it, and its size in bytes."""
    root = folder_of(location)
    if root is not None:
        return {
            path.relative_to(root).as_posix(): path.stat().st_size
            for path in (root / folder).rglob("*")
            if path.is_file()
        }
    from fsspec.core import url_to_fs

    fs, base = url_to_fs(str(location))
    # Other processes write to it, too.
    fs.invalidate_cache()
    listing = fs.find(f"{base}/{folder}".rstrip("/"), detail=True)
    start = len(base.rstrip("/")) + 1
    return {name[start:]: int(facts["size"]) for name, facts in listing.items()}


def remove_file(location: Location, name: str) -> None:
    """Delete one file of a store, if it is there."""
    root = folder_of(location)
    if root is not None:
        (root / name).unlink(missing_ok=True)
        return
    from fsspec.core import url_to_fs

    fs, base = url_to_fs(str(location))
    with suppress(FileNotFoundError):
        fs.rm_file(f"{base}/{name}")


def stored_bytes(location: Location, region: tuple[int, int]) -> int:
    """Return how many bytes the shards of a region take.

    Parameters
    ----------
    location : Path or str
        A store of embeddings.
    region : (int, int)
        First and last-plus-one row, multiples of the rows of a shard.

    Returns
    -------
    int
        Chunks without frames take none.
    """
    array = open_array(location, "embedding", "r")
    total = 0
    for row in range(*region, shard_rows(array)):
        with suppress(FileNotFoundError):
            place = f"{array.path}/{key_of(array, row).partition('/')[2]}"
            total += sync(array.store.getsize(place))
    return total


def clear_shards(location: Location, first: int, stop: int) -> None:
    """Delete the shards of a region, and what killed writers left of them.

    Zarr reads the index of a shard that it writes over, and fails if that is damaged.

    Parameters
    ----------
    location : Path or str
        A store of embeddings.
    first, stop : int
        First and last-plus-one row of the region: multiples of a shard.
    """
    root = folder_of(location)
    array = open_array(location, "embedding")
    for start in range(first, stop, shard_rows(array)):
        key = key_of(array, start)
        remove_file(location, key)
        if root is not None:
            _unlink_partials((root / key).parent)


def clear_partials(location: Location) -> None:
    """Delete what killed writers left anywhere in a store of which no job runs."""
    root = folder_of(location)
    if root is not None:  # an object store has no half-written objects
        _unlink_partials(root)


def _unlink_partials(folder: Path) -> None:
    for path in folder.rglob(f"*{PARTIAL}"):
        path.unlink(missing_ok=True)
