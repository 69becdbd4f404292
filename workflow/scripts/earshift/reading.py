"""Read embeddings and features lazily, with their labels, whole or a selection."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift import datasets, store
from earshift.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import dask.array
    import xarray

#: Columns of a clip table that become coordinates.
COORDINATES = ("recording", "subgroup", "split")

#: What ``label`` says, as the CF conventions write it.
LABEL_MEANING = {"flag_values": [-1, 0, 1], "flag_meanings": "unknown absent present"}


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
    """

    location: store.Location
    clip_ids: NDArray[np.object_]
    first: NDArray[np.int64]
    n: NDArray[np.int64]

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
        return Rows(
            self.location, self.clip_ids[clips], self.first[clips], self.n[clips]
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
        held = np.empty(len(pieces), object)
        held[:] = pieces
        return dask.array.from_array(held, chunks=1, name=False).map_blocks(
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


def find_rows(location: store.Location) -> Rows:
    """Return the clips of a store of embeddings or features that have rows.

    Parameters
    ----------
    location : Path or str
        The store.

    Returns
    -------
    Rows
        In the order of the store.

    Raises
    ------
    DataError
        If there is no complete store.
    """
    try:
        ids, first, n = store.read_index_of_usable(location)
    except (FileNotFoundError, KeyError) as error:
        raise DataError(
            f"'{location}' is no complete store of embeddings or features: expected a "
            "folder such as results/2_embeddings/mini_irmas/mfcc/clean.zarr, or an "
            "address, whose jobs are all done."
        ) from error
    held = np.empty(len(ids), object)
    held[:] = ids
    return Rows(location, held, first, n)


def open_embeddings(
    store: str | Path,
    table: str | Path | pd.DataFrame | None = None,
    *,
    clip_id: str | Collection[str] | None = None,
    label: str | Collection[str] | None = None,
    recording: str | Collection[str] | None = None,
    subgroup: str | Collection[str] | None = None,
    split: str | Collection[str] | None = None,
) -> xarray.Dataset:
    """Open a store of embeddings lazily: all frames, or those of some clips.

    Parameters
    ----------
    store : path-like
        A folder ``results/2_embeddings/<dataset>/<model>/<condition>.zarr``, or an
        address such as ``s3://bucket/path``.
    table : path-like or DataFrame, optional
        Who knows more of the clips: ``results/1_clips/<dataset>.parquet``,
        ``results/4_splits/<dataset>.labels.parquet``, or any table with a column
        ``clip_id``. Clips that it does not list are left out.
    clip_id, recording, subgroup, split : str or collection of str, optional
        Keep the clips of these alone. All but the first need a `table`.
    label : str or collection of str, optional
        Keep the clips that are known to have one of these classes.

    Returns
    -------
    xarray.Dataset
        ``embedding (frame, feature)``, float32 or float16 as stored, as Dask chunks of
        one shard each, in the order of the store. Coordinates ``clip_id (frame)``, the
        clip of each frame, and ``time_s (frame)``, the start of its window in seconds,
        or NaN if that is not known. With a table, its ``recording``, ``subgroup`` and
        ``split`` (frame), empty where there is none, and ``label (frame, class)``,
        int8: 1 present, 0 absent, -1 unknown. Attributes say what made the store.

    Raises
    ------
    DataError
        If there is no complete store at that path, or nothing is named as asked.

    Examples
    --------
    >>> from earshift import open_embeddings
    >>> path = "results/2_embeddings/mini_irmas/mfcc/clean.zarr"
    >>> frames = open_embeddings(path)  # doctest: +SKIP
    >>> frames.embedding.groupby("clip_id").mean()  # doctest: +SKIP
    """
    return _open(
        store,
        "embedding",
        table,
        label=label,
        clip_id=clip_id,
        recording=recording,
        subgroup=subgroup,
        split=split,
    )


def open_features(
    store: str | Path,
    table: str | Path | pd.DataFrame | None = None,
    **where: str | Collection[str] | None,
) -> xarray.Dataset:
    """Open a store of features lazily: the pooled vectors of all clips, or of some.

    Parameters
    ----------
    store : path-like
        A folder ``results/3_features/<dataset>/<model>/<condition>.zarr``.
    table : path-like or DataFrame, optional
        As of `open_embeddings`.
    **where
        Selections by `clip_id`, `label`, `recording`, `subgroup`, `split`, as there.

    Returns
    -------
    xarray.Dataset
        As of `open_embeddings`, with a dimension ``clip`` in place of ``frame``, and no
        ``time_s``: ``embedding (clip, feature)``, float32.

    Raises
    ------
    DataError
        If there is no store of features at that path, or nothing is named as asked.

    Examples
    --------
    >>> from earshift import open_features
    >>> path = "results/3_features/mini_irmas/mfcc/clean.zarr"
    >>> clips = open_features(path)  # doctest: +SKIP
    >>> clips.embedding.values.shape  # doctest: +SKIP
    (160, 120)
    """
    return _open(store, "feature", table, **where)


def _open(
    location: store.Location,
    kind: str,
    table: str | Path | pd.DataFrame | None,
    *,
    label: str | Collection[str] | None = None,
    **where: str | Collection[str] | None,
) -> xarray.Dataset:
    import xarray

    rows = find_rows(location)
    if store.open_rows(location).basename != kind:
        other = {"feature": "open_embeddings", "embedding": "open_features"}[kind]
        raise DataError(f"'{location}' is no store of {kind}s: open it by {other}.")
    known = pd.DataFrame({"clip_id": pd.Series(rows.clip_ids, dtype=object)})
    if table is not None:
        listed = table if isinstance(table, pd.DataFrame) else pd.read_parquet(table)
        rows, known = _listed(rows, listed)
    chosen = np.flatnonzero(_chosen(known, label, where, location))
    rows, known = rows.take(chosen), known.iloc[chosen]
    facts = store.attributes(location)
    dim = "frame" if kind == "embedding" else "clip"
    data: dict[str, Any] = {"embedding": ((dim, "feature"), rows.lazy())}
    coords: dict[str, Any] = {"clip_id": _words_of(rows, rows.clip_ids, dim)}
    if kind == "embedding":
        hop_s = np.nan if facts["hop_s"] is None else facts["hop_s"]
        coords["time_s"] = (dim, rows.within() * hop_s)
    for column in known.columns.intersection(COORDINATES):
        values = known[column].astype(object)
        values = values.where(values.notna(), "").to_numpy()
        coords[column] = _words_of(rows, values, dim)
    if classes := datasets.classes(known):
        labels = known[[datasets.LABEL + c for c in classes]].astype("Int8").fillna(-1)
        values = rows.per_row(labels.to_numpy(np.int8))
        data["label"] = ((dim, "class"), values, LABEL_MEANING)
        coords["class"] = classes
    return xarray.Dataset(data, coords, facts)


def _words_of(rows: Rows, values: NDArray[np.object_], dim: str) -> xarray.Variable:
    """Return words, one per clip, as a coordinate of the rows."""
    import xarray

    # Each clip's word is there once. Without `fastpath`, xarray looks at every row.
    return xarray.Variable((dim,), rows.per_row(values), fastpath=True)


def _listed(rows: Rows, table: pd.DataFrame) -> tuple[Rows, pd.DataFrame]:
    """Return the clips that a table lists, and their rows of the table."""
    if "clip_id" not in table.columns:
        raise DataError(
            "the table of clips has no column 'clip_id' (it has: "
            f"{', '.join(map(str, table.columns))})."
        )
    ids = pd.Index(table["clip_id"], dtype=object)
    if ids.has_duplicates:
        raise DataError(
            f"the table of clips lists '{ids[ids.duplicated()][0]}' more than once."
        )
    place = ids.get_indexer(rows.clip_ids)
    there = place >= 0
    return rows.take(np.flatnonzero(there)), table.iloc[place[there]]


def _chosen(
    known: pd.DataFrame,
    label: str | Collection[str] | None,
    where: Mapping[str, str | Collection[str] | None],
    location: store.Location,
) -> NDArray[np.bool_]:
    """Say which clips are asked for."""
    chosen = np.ones(len(known), bool)
    if label is not None:
        classes = datasets.classes(known)
        columns = []
        for name in _words(label):
            if name not in classes:
                raise DataError(
                    f"there is no label '{name}' {did_you_mean(name, classes)} Give "
                    "the clip table, which holds the labels, as 'table'."
                )
            columns.append(datasets.LABEL + name)
        chosen &= known[columns].eq(True).any(axis=1).to_numpy(bool)
    for column, given in where.items():
        if given is None:
            continue
        if column not in known.columns:
            raise DataError(
                f"clips cannot be chosen by '{column}' {did_you_mean(column, known)} "
                "Give the clip table, which has it, as 'table'."
            )
        wanted = _words(given)
        if missing := sorted(set(wanted) - set(known[column].dropna())):
            raise DataError(
                f"no clip of '{location}' has the {column} '{missing[0]}'. One that "
                f"is there: '{next(iter(known[column].dropna()), '-')}'."
            )
        chosen &= known[column].isin(wanted).to_numpy(bool)
    return chosen


def _words(given: str | Collection[str]) -> list[str]:
    return [given] if isinstance(given, str) else list(given)
