"""What every part of the store needs: where it is, its arrays, its text, its room."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import zarr
from numpy.typing import NDArray

from earshift.errors import ConfigError, DataError

#: A folder, or an address that fsspec knows, such as ``s3://bucket/path``.
Location = Path | str

#: The rows of a store, for those who read some of them.
Array = zarr.Array[Any]

#: How to get a store that is not there.
ANEW = "a run with ARGS='--forcerun plan_regions' then embeds all of its clips"


def folder_of(location: Location) -> Path | None:
    """Return the folder of a store on this machine; None for any other address."""
    address = str(location).removeprefix("file://")
    return None if "://" in address else Path(address)


def address_of(location: Location) -> str:
    """Return what Zarr is told: a folder's path, or an address that fsspec knows."""
    return str(folder_of(location) or location)


def open_array(
    location: Location, name: str, mode: Literal["r", "r+"] = "r"
) -> zarr.Array[Any]:
    """Open one array of a store.

    Raises
    ------
    DataError
        If what describes the array is damaged or gone.
    """
    file = "zarr.json"
    try:
        group = zarr.open_group(address_of(location), mode=mode)
        file = f"{name}/zarr.json"
        return array_of(group, name)
    except (FileNotFoundError, KeyError, ValueError) as error:
        raise no_description(location, file, error) from error


def no_description(location: Location, file: str, error: Exception) -> DataError:
    """Return the error for a store whose JSON files are damaged."""
    return DataError(
        f"{location}: {file} is damaged or gone ({error}). Nothing of the store can be "
        f"read without it: bring it back, or delete the store; {ANEW}."
    )


def attributes(location: Location) -> dict[str, Any]:
    """Return the attributes of a store; none where there is no store.

    Raises
    ------
    DataError
        If the file that holds them is damaged.
    ConfigError
        If what reads such an address is not installed.
    """
    _check_address(location)
    try:
        return dict(zarr.open_group(address_of(location), mode="r").attrs)
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise no_description(location, "zarr.json", error) from error


def set_attributes(location: Location, attributes: Mapping[str, Any]) -> None:
    """Set some attributes of a store; the others stay."""
    group = zarr.open_group(address_of(location), mode="r+")
    group.update_attributes(dict(attributes))


def _check_address(location: Location) -> None:
    if folder_of(location) is not None:
        return
    from fsspec import get_filesystem_class

    protocol = str(location).split("://", maxsplit=1)[0]
    try:
        get_filesystem_class(protocol)
    except (ImportError, ValueError) as error:
        raise ConfigError(
            f"no store can be at '{location}': {error}. For s3:// install the extra "
            "'remote', for others the package that fsspec names."
        ) from error


def array_of(group: zarr.Group, name: str) -> zarr.Array[Any]:
    """Return one array of a group; KeyError if it is not there."""
    array = group[name]
    if not isinstance(array, zarr.Array):
        raise KeyError(name)
    return array


def shard_rows(array: zarr.Array[Any]) -> int:
    """Return how many rows a shard has."""
    assert array.shards is not None
    return int(array.shards[0])


def row_bytes(array: zarr.Array[Any]) -> int:
    """Return how many bytes a row takes."""
    return int(array.dtype.itemsize * array.shape[1])


def write_strings(group: zarr.Group, name: str, values: Sequence[str]) -> None:
    """Store strings as bytes of UTF-8: Zarr 3 has no settled type for text yet."""
    text = "\n".join(values).encode()
    group.create_array(
        name,
        data=np.frombuffer(text, np.uint8),
        attributes={"encoding": "UTF-8, one line per clip"},
        dimension_names=(f"{name}_byte",),
        overwrite=True,
    )


def read_strings(group: zarr.Group, name: str) -> list[str]:
    """Return what `write_strings` stored."""
    return np.asarray(array_of(group, name)[:]).tobytes().decode().split("\n")


def read_index(
    location: Location,
) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
    """Return clip ids, first frame and number of frames of each clip of a store."""
    group = zarr.open_group(address_of(location), mode="r")
    first, n = (
        np.asarray(array_of(group, name)[:], np.int64)
        for name in ("first_frame", "n_frames")
    )
    return read_strings(group, "clip_id"), first, n


@contextmanager
def room(location: Location, n_bytes: int) -> Iterator[None]:
    """Turn a full disk into an error that says where, and how much is still to write.

    Parameters
    ----------
    location : Path or str
        The store that the block writes to.
    n_bytes : int
        Bytes that the job has yet to write there.

    Raises
    ------
    DataError
        If there is no room, or the user's quota is used up.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        folder = folder_of(location)
        free = shutil.disk_usage(folder).free if folder and folder.exists() else 0
        raise DataError(
            f"{location}: no room. This job has up to {n_bytes / 1e6:.1f} MB yet to "
            f"write there, {free / 1e6:.1f} MB are free ({error.strerror}). Make room "
            "and run again: shards that are written stay, and the job goes on there."
        ) from error
