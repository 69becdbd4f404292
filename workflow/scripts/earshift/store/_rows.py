"""The rows of a store of embeddings or features, and whose they are, for readers."""

from __future__ import annotations

from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from earshift.store._base import (
    Location,
    address_of,
    array_of,
    read_index,
    read_strings,
)


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
    group = zarr.open_group(address_of(location), mode="r")
    return array_of(group, "feature" if "feature" in group else "embedding")


def read_strengths(location: Location) -> list[str]:
    """Return the strength of each entry of a store's index; none if it has no column.

    Raises
    ------
    FileNotFoundError
        If there is no such store.
    """
    group = zarr.open_group(address_of(location), mode="r")
    return read_strings(group, "strength") if "strength" in group else []


def read_index_of_usable(
    location: Location, strength: str | None = None
) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
    """Return ids and rows of the clips that have any, in the order of the rows.

    Parameters
    ----------
    location : Path or str
        A store of embeddings or of features.
    strength : str, optional
        Of which strength, if the store has several.

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
    group = zarr.open_group(address_of(location), mode="r")
    if "feature" in group:
        ids = read_strings(group, "clip_id")
        return ids, np.arange(len(ids)), np.ones(len(ids), np.int64)
    ids, first, n = read_index(location)
    usable = (n > 0) & (np.asarray(array_of(group, "status")[:]) == 0)
    if strength is not None:
        usable &= np.asarray(read_strengths(location)) == strength
    order = np.flatnonzero(usable)
    order = order[np.argsort(first[order])]
    return [ids[i] for i in order.tolist()], first[order], n[order]
