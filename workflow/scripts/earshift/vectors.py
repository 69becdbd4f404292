"""Files of clips and vectors that others write, read some rows at a time.

==========  ===========================================================================
ending      what it holds
==========  ===========================================================================
.h5, .hdf5  ``/<dataset>/<name>/features (n_rows, n_features)`` and ``keys (n_rows,)``,
            the clip of each row, as in Wang, Richard and McFee (2023)
.parquet    ``clip_id``, and one column of lists, or one column of numbers per feature
.csv        ``clip_id``, and one column of numbers per feature
.npz        ``clip_id`` and ``embedding``, one row each; or, with ``first_frame`` and
            ``n_frames``, one row of `clip_id` per clip
==========  ===========================================================================

In tables, ``frame`` and ``time_s`` are no features. A clip may have several rows, its
frames; they are together and in order.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np
import pandas as pd
import pyarrow
import pyarrow.compute
import pyarrow.parquet
from numpy.typing import NDArray

from earshift.errors import DataError, did_you_mean

#: Bytes of a block of rows, about.
BLOCK_BYTES = 1 << 24

#: Columns of a table that are no features.
OTHERS = ("clip_id", "frame", "time_s")

_Blocks = Callable[[], Iterator[NDArray[np.float32]]]


@dataclass(frozen=True)
class Vectors:
    """What a file holds.

    Parameters
    ----------
    clip_ids : list of str
        The clip of each run of rows.
    n : ndarray of shape (n_runs,), int64
        Rows of each run.
    n_features : int
        Length of a row.
    blocks : callable
        Returns an iterator over all rows, some at a time: (n, n_features) float32.
    """

    clip_ids: list[str]
    n: NDArray[np.int64]
    n_features: int
    blocks: _Blocks


def open_vectors(file: Path, datasets: Sequence[str], name: str) -> Vectors:
    """Open a file of vectors; its ending says what kind it is.

    Parameters
    ----------
    file : Path
        The file.
    datasets : sequence of str
        What the dataset may be called in a file in the study's layout.
    name : str
        What the embedding is called there.

    Returns
    -------
    Vectors
        No vector is read yet.

    Raises
    ------
    DataError
        If it is no such file, holds nothing, or has the rows of a clip in two places.
        So does reading its blocks, where rows are not all of one length.
    """
    try:
        if file.suffix in (".h5", ".hdf5"):
            found = _open_study(file, datasets, name)
        elif file.suffix == ".parquet":
            found = _open_parquet(file)
        elif file.suffix == ".csv":
            found = _open_csv(file)
        else:
            found = _open_npz(file)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"'{file}' cannot be read: {error}") from error
    if not found.n.sum():
        raise DataError(f"'{file}' holds no vector.")
    ids = pd.Index(found.clip_ids)
    if ids.has_duplicates:
        raise DataError(
            f"'{file}': {ids.duplicated().sum()} clips have rows in two places, such "
            f"as '{ids[ids.duplicated()][0]}'. Keep those of one place, or, if all are "
            "frames of the clip, sort the rows so that they are together."
        )
    return found


def _runs(ids: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the id of each run of equal ids, and its length."""
    new = np.ones(len(ids), bool)
    new[1:] = ids[1:] != ids[:-1]
    starts = np.flatnonzero(new)
    return ids[starts], np.diff(starts, append=len(ids))


def _n_rows(n_features: int) -> int:
    """Return the rows of a block."""
    return max(1, BLOCK_BYTES // (4 * max(n_features, 1)))


def _open_study(file: Path, datasets: Sequence[str], name: str) -> Vectors:
    with h5py.File(file) as held:
        groups = [d for d in held if isinstance(held[d], h5py.Group)]
        known = [f"{d}/{n}" for d in groups for n in held[d]]
        path = next((p for d in datasets if (p := f"{d}/{name}") in known), None)
        if path is None:
            wanted = f"{datasets[0]}/{name}"
            raise DataError(
                f"'{file}' has no group '{wanted}' {did_you_mean(wanted, known)} Set "
                "'name' of the model to what the file calls the embedding."
            )
        group = held[path]
        if missing := {"features", "keys"} - set(group):
            raise DataError(f"'{file}': '{path}' has no '{min(missing)}'.")
        shape, keys = group["features"].shape, group["keys"][:]
    if len(shape) != 2 or keys.shape != shape[:1] or keys.dtype.kind not in "SO":
        raise DataError(
            f"'{file}', '{path}': features (n, d) and keys (n,), text, are needed, got "
            f"the shapes {shape} and {keys.shape}, and keys of type {keys.dtype}."
        )
    ids, n = _runs(keys)

    def blocks() -> Iterator[NDArray[np.float32]]:
        size = _n_rows(shape[1])
        with h5py.File(file) as held:
            for start in range(0, shape[0], size):
                yield held[path]["features"][start : start + size].astype(np.float32)

    return Vectors([key.decode() for key in ids.tolist()], n, shape[1], blocks)


def _open_parquet(file: Path) -> Vectors:
    held = pyarrow.parquet.ParquetFile(file)
    schema = held.schema_arrow
    _need_id(file, schema.names)
    rest = [column for column in schema if column.name not in OTHERS]
    lists = [column.name for column in rest if _is_list(column.type)]
    ids = held.read(columns=["clip_id"])["clip_id"].to_pandas().to_numpy(object)
    if len(lists) > 1 or (lists and len(rest) > 1):
        raise DataError(
            f"'{file}' holds more than clips and vectors: {', '.join(schema.names)}. "
            "Keep 'clip_id' and one column of lists, or 'clip_id' and numbers alone."
        )
    columns = lists or [column.name for column in rest]
    n_features = len(columns)
    if lists:
        first = next(held.iter_batches(1, columns=columns), None)
        n_features = len(first.column(0)[0]) if first else 0

    def blocks() -> Iterator[NDArray[np.float32]]:
        with pyarrow.parquet.ParquetFile(file) as again:
            for batch in again.iter_batches(_n_rows(n_features), columns=columns):
                if lists:
                    yield _matrix(file, batch.column(0), n_features)
                else:
                    values = [_numbers(file, c, batch.column(c)) for c in columns]
                    yield np.stack(values, axis=1)

    held.close()
    return Vectors(*_words(file, ids), n_features, blocks)


def _is_list(kind: pyarrow.DataType) -> bool:
    types = pyarrow.types
    return bool(
        types.is_list(kind)
        or types.is_large_list(kind)
        or types.is_fixed_size_list(kind)
    )


def _matrix(file: Path, column: pyarrow.Array, n: int) -> NDArray[np.float32]:
    lengths = pyarrow.compute.list_value_length(column).fill_null(0).unique()
    for length in lengths.to_pylist():
        if length != n:
            raise DataError(
                f"'{file}': the first vector has {n} values, another has {length}. All "
                "must have the same length."
            )
    return _numbers(file, "the vectors", column.flatten()).reshape(-1, n)


def _numbers(file: Path, name: str, column: pyarrow.Array) -> NDArray[np.float32]:
    try:
        values: NDArray[np.float32] = column.to_numpy(zero_copy_only=False)
        return values.astype(np.float32)
    except (ValueError, TypeError) as error:
        raise DataError(
            f"'{file}': '{name}' does not hold numbers ({error})."
        ) from error


def _open_csv(file: Path) -> Vectors:
    names = pd.read_csv(file, nrows=0).columns.tolist()
    _need_id(file, names)
    columns = [name for name in names if name not in OTHERS]
    ids = pd.read_csv(file, usecols=["clip_id"], dtype=str)["clip_id"].to_numpy(object)

    def blocks() -> Iterator[NDArray[np.float32]]:
        size = _n_rows(len(columns))
        try:
            with pd.read_csv(
                file, usecols=columns, dtype=np.float32, chunksize=size
            ) as parts:
                for part in parts:
                    yield part[columns].to_numpy(np.float32, copy=True)
        except ValueError as error:
            raise DataError(
                f"'{file}': all columns but {', '.join(OTHERS)} must hold numbers: "
                f"{error}."
            ) from error

    return Vectors(*_words(file, ids), len(columns), blocks)


def _open_npz(file: Path) -> Vectors:
    with np.load(file) as held:
        if missing := {"clip_id", "embedding"} - set(held.files):
            raise DataError(
                f"'{file}' has no array '{min(missing)}' (it has: "
                f"{', '.join(held.files)})."
            )
        ids = held["clip_id"]
        n = held["n_frames"] if "n_frames" in held.files else None
        first = held["first_frame"] if "first_frame" in held.files else None
    with zipfile.ZipFile(file) as archive, archive.open("embedding.npy") as stream:
        shape, _, dtype = _header(stream)
    n_rows = len(ids) if n is None else int(n.sum())
    if len(shape) != 2 or shape[0] != n_rows or dtype.hasobject:
        raise DataError(
            f"'{file}': 'embedding' must hold {n_rows} rows of numbers, got shape "
            f"{shape} of {dtype}."
        )
    if n is not None and (first is None or (first != np.cumsum(n) - n).any()):
        raise DataError(f"'{file}': the rows of its clips must follow one another.")

    def blocks() -> Iterator[NDArray[np.float32]]:
        with zipfile.ZipFile(file) as archive, archive.open("embedding.npy") as stream:
            (rows, width), fortran, dtype = _header(stream)
            if fortran:
                raise DataError(
                    f"'{file}': 'embedding' is stored by columns. Save "
                    "np.ascontiguousarray of it."
                )
            for start in range(0, rows, _n_rows(width)):
                n_bytes = min(_n_rows(width), rows - start) * width * dtype.itemsize
                values = np.frombuffer(stream.read(n_bytes), dtype)
                yield values.reshape(-1, width).astype(np.float32)

    if n is not None:
        return Vectors(ids.astype(str).tolist(), n.astype(np.int64), shape[1], blocks)
    return Vectors(*_words(file, ids), shape[1], blocks)


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read the head of a ``.npy`` file: shape, whether by columns, and type."""
    version = np.lib.format.read_magic(stream)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    return read[version](stream)


def _need_id(file: Path, names: Sequence[str]) -> None:
    if "clip_id" not in names:
        raise DataError(
            f"'{file}' has no column 'clip_id' (it has: {', '.join(names[:10])}): the "
            "clip that each vector is of."
        )
    if not set(names) - set(OTHERS):
        raise DataError(f"'{file}' has no column of features.")


def _words(file: Path, ids: NDArray[Any]) -> tuple[list[str], NDArray[np.int64]]:
    """Return id and length of each run of rows, and refuse rows without a clip."""
    if pd.isna(ids).any():
        row = int(np.flatnonzero(pd.isna(ids))[0])
        raise DataError(f"'{file}': row {row} has no clip_id.")
    found, n = _runs(ids)
    return [str(i) for i in found.tolist()], n
