"""The rows of a store of embeddings or features: which are whose, read when needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from earshift import store
from earshift.errors import DataError, did_you_mean
from earshift.names import text_of

if TYPE_CHECKING:
    import dask.array


@dataclass(frozen=True)
class Piece:
    """Rows that one Dask task reads: of one shard, in order.

    Parameters
    ----------
    start, stop : int
        First and last-plus-one row.
    within : ndarray of int64, optional
        Which of these are wanted, counted from `start`; all, if not given.
    n : int
        How many are wanted.
    """

    start: int
    stop: int
    within: NDArray[np.int64] | None
    n: int

    @property
    def rows(self) -> NDArray[np.int64]:
        """The rows of the store that are wanted."""
        if self.within is None:
            return np.arange(self.start, self.stop)
        return self.start + self.within


@dataclass(frozen=True)
class Rows:
    """Some clips of a store, and which rows are theirs.

    Parameters
    ----------
    location : Path or str
        The store.
    clip_ids : ndarray of shape (n_clips,), object
        Id of each clip, in the order of the rows.
    first, n : ndarray of shape (n_clips,), int64
        First row of each clip, increasing, and how many it has.
    strength : str, optional
        Which strength of the condition these are, if the store has any.
    """

    location: store.Location
    clip_ids: NDArray[np.object_]
    first: NDArray[np.int64]
    n: NDArray[np.int64]
    strength: str | None = None

    @property
    def starts(self) -> NDArray[np.int64]:
        """Place of each clip's first row among the rows of these clips."""
        starts: NDArray[np.int64] = np.cumsum(self.n) - self.n
        return starts

    @property
    def n_features(self) -> int:
        """Length of a row."""
        return int(store.open_rows(self.location).shape[1])

    def take(self, clips: NDArray[np.int64]) -> Rows:
        """Return the same for some of the clips, by their increasing places."""
        return replace(
            self,
            clip_ids=self.clip_ids[clips],
            first=self.first[clips],
            n=self.n[clips],
        )

    def per_row(self, values: NDArray[Any]) -> NDArray[Any]:
        """Repeat values, one per clip, for each of its rows."""
        return np.repeat(values, self.n, axis=0)

    def within(self) -> NDArray[np.int64]:
        """Return the place of each row in its clip."""
        within: NDArray[np.int64] = np.arange(self.n.sum()) - self.per_row(self.starts)
        return within

    def pieces(self) -> Iterator[Piece]:
        """Yield all rows, as pieces of one shard each."""
        array = store.open_rows(self.location)
        assert array.shards is not None
        size, stop = array.shards[0], self.first + self.n
        for low in range(0, int(stop[-1]) if len(stop) else 0, size):
            here = slice(
                np.searchsorted(stop, low, side="right"),
                np.searchsorted(self.first, low + size, side="left"),
            )
            start = np.maximum(self.first[here], low)
            n = np.minimum(stop[here], low + size) - start
            rows = np.repeat(start - np.cumsum(n) + n, n) + np.arange(n.sum())
            if len(rows):
                yield _piece(rows)

    def lazy(self) -> dask.array.Array:
        """Return all rows as a Dask array, (n_rows, n_features), a piece a chunk."""
        import dask.array

        array = store.open_rows(self.location)
        pieces = list(self.pieces())
        if not pieces:
            return dask.array.zeros((0, array.shape[1]), dtype=array.dtype)
        chunks = np.empty(len(pieces), object)
        chunks[:] = pieces
        return dask.array.from_array(chunks, chunks=1, name=False).map_blocks(
            partial(_read_block, array),
            new_axis=1,
            chunks=(tuple(piece.n for piece in pieces), (array.shape[1],)),
            dtype=array.dtype,
            meta=np.empty((0, 0), array.dtype),
        )


def _piece(rows: NDArray[np.int64]) -> Piece:
    start, stop = int(rows[0]), int(rows[-1]) + 1
    # A slice reads faster than a list of rows, and takes no memory.
    within = None if stop - start == len(rows) else rows - start
    return Piece(start, stop, within, len(rows))


def read_piece(array: store.Array, piece: Piece) -> NDArray[Any]:
    """Read the rows of a piece, shape (n, n_features), in the type of the store.

    Parameters
    ----------
    array : zarr.Array
        From `store.open_rows`.
    piece : Piece
        Which rows.

    Returns
    -------
    ndarray of shape (piece.n, n_features)
        Their values.
    """
    values: NDArray[Any] = np.asarray(array[piece.start : piece.stop])
    return values if piece.within is None else values[piece.within]


def _read_block(array: store.Array, block: NDArray[np.object_]) -> NDArray[Any]:
    return read_piece(array, block[0])


def find_rows(location: store.Location, strength: float | str | None = None) -> Rows:
    """Return the clips of a store of embeddings or features that have rows.

    Parameters
    ----------
    location : Path or str
        The store.
    strength : float or str, optional
        Strength of the condition, needed where the store has several.

    Returns
    -------
    Rows
        In the order of the store.

    Raises
    ------
    DataError
        If there is no complete store, or no such strength in it.
    """
    store.attributes(location)  # says what is wrong with an address, or is damaged
    try:
        known = list(dict.fromkeys(store.read_strengths(location)))
        chosen = _choose_strength(location, known, strength)
        ids, first, n = store.read_index_of_usable(location, chosen)
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(
            f"there is no store at '{location}': 'make run EXPERIMENT=<its file>' "
            "makes those of an experiment, such as "
            "results/2_embeddings/<dataset>/<model>/clean.zarr."
        ) from None
    except (KeyError, ValueError) as error:
        raise DataError(
            f"'{location}' is no complete store of embeddings or features ({error}): "
            "'make run EXPERIMENT=<its file>' goes on with an experiment until all of "
            "its jobs are done."
        ) from None
    clip_ids = np.empty(len(ids), object)
    clip_ids[:] = ids
    return Rows(location, clip_ids, first, n, chosen)


def _choose_strength(
    location: store.Location, known: list[str], given: float | str | None
) -> str | None:
    """Return the strength that is asked for, as the store writes it."""
    if given is None:
        if len(known) > 1:
            raise DataError(
                f"'{location}' has several strengths of a condition "
                f"({', '.join(known)}): say which, as 'strength'."
            )
        return known[0] if known else None
    text = text_of(given)
    if text not in known:
        what = did_you_mean(text, known) if known else "(its audio was not changed)."
        raise DataError(f"'{location}' has no strength {text} {what}")
    return text
