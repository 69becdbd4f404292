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

In tables, ``frame`` and ``time_s`` are no features; `no_features` says what
else is none. A clip may have several rows, its frames; they are together and in order.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np
import pandas as pd
import pyarrow
from numpy.typing import NDArray

from earshift import names as naming
from earshift.errors import DataError, did_you_mean
from earshift.models.imported import ENDINGS
from earshift.stages.embeddings import no_features, vector_tables
from earshift.stages.embeddings.vector_tables import n_rows_of_block

_SAVE_NPZ = "np.savez(file, clip_id=clip_id.astype(str), embedding=vectors)"

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
    columns : sequence of str, default=()
        What a table calls the features.
    """

    clip_ids: list[str]
    n: NDArray[np.int64]
    n_features: int
    blocks: _Blocks
    columns: Sequence[str] = ()

    def name_of(self, feature: int) -> str:
        """Return what to call a feature in a message."""
        if len(self.columns) == self.n_features:
            return f"the column '{self.columns[feature]}'"
        return f"feature {feature}"


def open_vectors(
    file: Path, datasets: Sequence[str], name: str, columns: Sequence[str] = ()
) -> Vectors:
    """Open a file of vectors; its ending says what kind it is.

    Parameters
    ----------
    file : Path
        The file.
    datasets : sequence of str
        What the dataset may be called in a file in the study's layout.
    name : str
        What the embedding is called there.
    columns : sequence of str, default=()
        Which columns of a table are features: names, or patterns such as ``"f[0-9]*"``.

    Returns
    -------
    Vectors
        No vector is read yet.

    Raises
    ------
    DataError
        If it is no such file, holds nothing, has the rows of a clip in two places, or
        columns that may be no features. So does reading its blocks, where rows are not
        all of one length, are no numbers, or one of the features counts the rows.
    """
    kind = file.suffix.lower()
    if kind not in ENDINGS:
        raise DataError(
            f"'{file}': files of vectors must end in one of {', '.join(ENDINGS)}."
        )
    if columns and kind not in (".parquet", ".csv"):
        raise DataError(
            f"'{file}' is no table: its model cannot have the option 'columns'."
        )
    with _reading(file):
        if kind in (".h5", ".hdf5"):
            vectors = _open_study(file, datasets, name)
        elif kind == ".parquet":
            vectors = _open_parquet(file, columns)
        elif kind == ".csv":
            vectors = _open_csv(file, columns)
        else:
            vectors = _open_npz(file)
    if not vectors.n.sum():
        raise DataError(f"'{file}' holds no vector.")
    if not vectors.n_features:
        raise DataError(f"'{file}': its vectors have no values, or there is none.")
    ids = pd.Index(vectors.clip_ids)
    if ids.has_duplicates:
        raise DataError(
            f"'{file}': {ids.duplicated().sum()} clips have rows in two places, such "
            f"as '{ids[ids.duplicated()][0]}'. Keep those of one place, or, if all are "
            "frames of the clip, sort the rows so that they are together."
        )
    return replace(vectors, blocks=lambda: _checked(file, vectors, columns))


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Raise `DataError` with the name of the file where its reader finds damage."""
    try:
        yield
    except DataError:
        raise
    except (
        *(OSError, LookupError, ValueError, TypeError, AttributeError, EOFError),
        *(RuntimeError, zipfile.BadZipFile, zlib.error, pyarrow.ArrowException),
    ) as error:
        raise DataError(
            f"'{file}' cannot be read: {error or type(error).__name__}. Is it whole? "
            "Write or copy it again."
        ) from error


def _read_blocks(file: Path, vectors: Vectors) -> Iterator[NDArray[np.float32]]:
    with _reading(file):
        yield from vectors.blocks()


def _checked(
    file: Path, vectors: Vectors, columns: Sequence[str]
) -> Iterator[NDArray[np.float32]]:
    """Yield all blocks; then refuse features that only look like some."""
    shape = int(vectors.n.sum()), vectors.n_features
    blocks = no_features.refuse_row_numbers(
        file, _read_blocks(file, vectors), shape, vectors.name_of
    )
    if len(vectors.columns) == vectors.n_features:
        # Those that are called by their names are features, whatever they hold.
        names = ["" if name in columns else name for name in vectors.columns]
        blocks = no_features.refuse_classes(file, blocks, names)
    yield from blocks


def _runs(ids: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Return the id of each run of equal ids, and its length."""
    values = np.asarray(ids, object)
    new = np.ones(len(values), bool)
    new[1:] = values[1:] != values[:-1]
    starts = np.flatnonzero(new)
    return values[starts].tolist(), np.diff(starts, append=len(values))


def _open_study(file: Path, datasets: Sequence[str], name: str) -> Vectors:
    with h5py.File(file) as h5:
        groups = [d for d in h5 if isinstance(h5[d], h5py.Group)]
        known = [f"{d}/{n}" for d in groups for n in h5[d]]
        path = next((p for d in datasets if (p := f"{d}/{name}") in known), None)
        if path is None:
            wanted = f"{datasets[0]}/{name}"
            if not known:
                raise DataError(
                    f"'{file}' has no group '{wanted}' with the arrays 'features' "
                    f"(n, d) and 'keys' (n,), but: "
                    f"{', '.join(list(h5)[:10]) or 'nothing'}."
                )
            raise DataError(
                f"'{file}' has no group '{wanted}' {did_you_mean(wanted, known)} Set "
                "'name' of the model to what the file calls the embedding."
            )
        group = h5[path]
        if not isinstance(group, h5py.Group):
            raise DataError(
                f"'{file}': '{path}' must be a group that holds 'features' and 'keys', "
                "and is an array."
            )
        if missing := {"features", "keys"} - set(group):
            raise DataError(f"'{file}': '{path}' has no '{min(missing)}'.")
        for part in ("features", "keys"):
            array = group[part]
            if not isinstance(array, h5py.Dataset) or array.shape is None:
                raise DataError(
                    f"'{file}': '{path}/{part}' must be an array, and is "
                    f"{'empty' if isinstance(array, h5py.Dataset) else 'a group'}."
                )
        shape, kind = group["features"].shape, group["features"].dtype
        keys = group["keys"][()] if group["keys"].shape == shape[:1] else None
        of_keys = group["keys"].shape, group["keys"].dtype
    if len(shape) != 2 or keys is None or keys.dtype.kind not in "SO":
        raise DataError(
            f"'{file}', '{path}': features (n, d) and keys (n,), text, are needed, got "
            f"the shapes {shape} and {of_keys[0]}, and keys of type {of_keys[1]}."
        )
    _check_numbers(file, f"'{path}/features'", kind)
    ids, n = _runs(_words(file, keys.tolist()))

    def blocks() -> Iterator[NDArray[np.float32]]:
        size = n_rows_of_block(shape[1])
        with h5py.File(file) as h5, np.errstate(over="ignore"):
            for start in range(0, shape[0], size):
                yield h5[path]["features"][start : start + size].astype(np.float32)

    return Vectors(ids, n, shape[1], blocks)


def _open_parquet(file: Path, columns: Sequence[str]) -> Vectors:
    chosen, ids, n_features = vector_tables.open_parquet(file, columns)
    runs, n = _runs(_words(file, ids.tolist()))

    def blocks() -> Iterator[NDArray[np.float32]]:
        return vector_tables.read_parquet_blocks(file, chosen, n_features, ids)

    return Vectors(runs, n, n_features, blocks, chosen)


def _open_csv(file: Path, columns: Sequence[str]) -> Vectors:
    names, ids = vector_tables.read_csv_ids(file)
    chosen = vector_tables.choose_columns(file, names, columns)
    runs, n = _runs(_words(file, ids))

    def blocks() -> Iterator[NDArray[np.float32]]:
        return vector_tables.read_csv_blocks(file, chosen)

    return Vectors(runs, n, len(chosen), blocks, chosen)


def _open_npz(file: Path) -> Vectors:
    _check_archive(file)
    with np.load(file) as arrays:
        ids = arrays["clip_id"]
        n = arrays["n_frames"] if "n_frames" in arrays.files else None
        first = arrays["first_frame"] if "first_frame" in arrays.files else None
    if ids.ndim != 1:
        raise DataError(
            f"'{file}': 'clip_id' must have one dimension, got the shape {ids.shape}."
        )
    words = _words(file, ids.tolist())
    if n is not None:
        _check_runs(file, words, first, n)
    with zipfile.ZipFile(file) as archive, archive.open("embedding.npy") as stream:
        shape, _, dtype = _header(stream)
    n_rows = len(ids) if n is None else int(n.sum())
    if len(shape) != 2 or shape[0] != n_rows:
        raise DataError(
            f"'{file}': 'embedding' must hold {n_rows} rows of numbers, got shape "
            f"{shape} of {dtype}."
        )
    _check_numbers(file, "'embedding'", dtype)

    def blocks() -> Iterator[NDArray[np.float32]]:
        with zipfile.ZipFile(file) as archive, archive.open("embedding.npy") as stream:
            (rows, width), fortran, dtype = _header(stream)
            if fortran:
                raise DataError(
                    f"'{file}': 'embedding' is stored by columns. Save "
                    "np.ascontiguousarray of it."
                )
            size = n_rows_of_block(width)
            for start in range(0, rows, size):
                n_bytes = min(size, rows - start) * width * dtype.itemsize
                values = np.frombuffer(stream.read(n_bytes), dtype)
                with np.errstate(over="ignore"):
                    yield values.reshape(-1, width).astype(np.float32)

    if n is not None:
        return Vectors(words, n.astype(np.int64), shape[1], blocks)
    return Vectors(*_runs(words), shape[1], blocks)


def _check_archive(file: Path) -> None:
    """Check that a file is an archive of the arrays that are needed."""
    with file.open("rb") as stream:
        whole = zipfile.is_zipfile(stream)
    if not whole:
        raise DataError(
            f"'{file}' is no archive of arrays, or is not whole: {_SAVE_NPZ} is needed."
        )
    with zipfile.ZipFile(file) as archive:
        arrays = [name.removesuffix(".npy") for name in archive.namelist()]
        if missing := {"clip_id", "embedding"} - set(arrays):
            raise DataError(
                f"'{file}' has no array '{min(missing)}' (it has: {', '.join(arrays)})."
            )
        with archive.open("clip_id.npy") as stream:
            if _header(stream)[2].hasobject:
                raise DataError(
                    f"'{file}': 'clip_id' holds Python objects, which are not read; "
                    "save clip_id.astype(str)."
                )


def _check_runs(
    file: Path, ids: Sequence[str], first: NDArray[Any] | None, n: NDArray[Any]
) -> None:
    """Check which rows of an array are which clip's."""
    for name, values in (("first_frame", first), ("n_frames", n)):
        if values is None:
            raise DataError(f"'{file}' has 'n_frames' and no 'first_frame'.")
        if values.shape != (len(ids),) or values.dtype.kind not in "iu":
            raise DataError(
                f"'{file}': '{name}' must hold a whole number for each of the "
                f"{len(ids)} clips, got the shape {values.shape} of {values.dtype}."
            )
        if (values < 0).any():
            at = int(np.flatnonzero(values < 0)[0])
            raise DataError(
                f"'{file}': '{name}' of the clip '{ids[at]}', row {at} counted from 0, "
                f"is {values[at]}, less than 0."
            )
    assert first is not None
    expected = np.cumsum(n, dtype=np.int64) - n.astype(np.int64)
    if (first != expected).any():
        at = int(np.flatnonzero(first != expected)[0])
        raise DataError(
            f"'{file}': the rows of its clips must follow one another: those of "
            f"'{ids[at]}' must begin at {expected[at]}, and 'first_frame' says "
            f"{first[at]}."
        )


def _check_numbers(file: Path, what: str, kind: np.dtype[Any]) -> None:
    if kind.kind not in "iuf":
        raise DataError(f"'{file}': {what} does not hold numbers, but {kind}.")


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read the head of a ``.npy`` file: shape, whether by columns, and type."""
    version = np.lib.format.read_magic(stream)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    return read[version](stream)


def _words(file: Path, ids: Sequence[Any]) -> list[str]:
    """Return the clip of each row as text, and refuse rows without one."""
    words = []
    for row, value in enumerate(ids):
        try:
            word = value.decode() if isinstance(value, bytes) else value
        except UnicodeDecodeError as error:
            raise DataError(
                f"'{file}': the clip of row {row}, counted from 0, is no text in "
                f"UTF-8: {value!r}."
            ) from error
        # As tables of clips have it; None and NaN are no text, "None" and "nan" are.
        text = naming.trim(str(word)) if word is not None and word == word else ""
        if not text:
            raise DataError(f"'{file}': row {row}, counted from 0, has no clip_id.")
        words.append(text)
    return words
