"""Tables of clips and vectors, CSV and Parquet: which of their columns are features.

Columns are refused by their names and types (`no_features` says which), unless
the option ``columns`` names those that are features.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from earshift.errors import DataError, did_you_mean
from earshift.names import trim
from earshift.stages.embeddings.no_features import may_be_feature

#: Bytes of a block of rows, about.
BLOCK_BYTES = 1 << 24

#: Columns of a table that are known to be no features.
OTHERS = ("clip_id", "frame", "time_s")

#: What a number that is missing may be called in a CSV file.
MISSING = ["", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None"]

#: Bytes of text of a CSV file that are read at a time: more than any row has.
_CSV_BYTES = 1 << 24


def n_rows_of_block(n_features: int) -> int:
    """Return how many rows of vectors a block has."""
    return max(1, BLOCK_BYTES // (4 * max(n_features, 1)))


def choose_columns(
    file: Path, names: Sequence[str], columns: Sequence[str]
) -> list[str]:
    """Return the columns of a table that are features, in its order.

    Parameters
    ----------
    file : Path
        The table, for messages.
    names : sequence of str
        All of its columns.
    columns : sequence of str
        Names or patterns, such as ``"f[0-9]*"``, of those that are features; if none
        are given, all are but `OTHERS`. Names that say something else are refused,
        unless they are given as they are.

    Returns
    -------
    list of str
        One or more names.

    Raises
    ------
    DataError
        If there is no ``clip_id``, a column occurs twice or may be no feature, or a
        pattern names none.
    """
    if "clip_id" not in names:
        raise DataError(
            f"'{file}' has no column 'clip_id' (it has: {', '.join(names[:10])}): the "
            "clip that each vector is of. Cells are separated by commas."
        )
    rest = [name for name in names if name not in OTHERS]
    for pattern in columns:
        if not any(fnmatchcase(name, pattern) for name in rest):
            raise DataError(
                f"'{file}' has no column '{pattern}', which 'columns' of the model "
                f"names {did_you_mean(pattern, rest[:10])}"
            )
    if columns:
        rest = [n for n in rest if any(fnmatchcase(n, p) for p in columns)]
    twice = [n for n in ("clip_id", *rest) if names.count(n) > 1]
    if twice:
        raise DataError(f"'{file}' has the column '{twice[0]}' more than once.")
    if not rest:
        raise DataError(f"'{file}' has no column of features.")
    # A pattern may catch more than was meant: f* is fold, too.
    wrong = [n for n in rest if n not in columns and not may_be_feature(n, rest)]
    if wrong:
        shown = ", ".join(
            f"'{name}'" if name else "one without a name" for name in wrong
        )
        raise DataError(
            f"'{file}': columns that seem to be no features: {shown}. A classifier "
            "would learn from them. Write the file without them (pandas: "
            "to_csv(index=False)), or say which columns are features: the option "
            "'columns' of the model takes names, or patterns such as 'f[0-9]*'."
        )
    return rest


def read_csv_ids(file: Path) -> tuple[list[str], list[str]]:
    """Return the header of a CSV file, and the clip of each row.

    Raises
    ------
    DataError
        If a row has more cells than there are columns, or fewer, or no clip.
    """
    names = _header(file)
    if names.count("clip_id") != 1:
        choose_columns(file, names, ())  # says what is wrong
    place = names.index("clip_id")
    ids: list[str] = []
    for batch in _csv_batches(file, names, [place], pyarrow.string()):
        ids += batch.column(0).to_pylist()
    return names, ids


def read_csv_blocks(
    file: Path, columns: Sequence[str]
) -> Iterator[NDArray[np.float32]]:
    """Yield the features of a CSV file, some rows at a time: (n, n_features).

    Raises
    ------
    DataError
        If a row is of another width, or a cell is no number.
    """
    names = _header(file)
    places = [names.index(column) for column in columns]
    size = n_rows_of_block(len(columns))
    for batch in _csv_batches(file, names, places, pyarrow.float64()):
        for start in range(0, batch.num_rows, size):
            part = batch.slice(start, size)
            yield np.stack([_floats(column) for column in part.columns], axis=1)


def _header(file: Path) -> list[str]:
    """Return the names of the columns of a CSV file; they are its first line."""
    with file.open("rb") as stream:
        start = stream.read(4)
    if b"\0" in start or start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        raise DataError(
            f"'{file}' is no text in UTF-8, but UTF-16 or no text at all. Save it as "
            "UTF-8 (pandas: to_csv(index=False))."
        )
    # Only names of columns are read here; of other text pyarrow says where it is.
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        try:
            cells = [trim(cell) for cell in next(csv.reader(lines), [])]
        except csv.Error as error:
            raise DataError(f"'{file}': its header cannot be read: {error}.") from error
    what = ",".join(cells)
    if (not what and start) or re.fullmatch("sep=.?", what, re.IGNORECASE):
        raise DataError(
            f"'{file}': its first line must name the columns, and is "
            f"{repr(what) if what else 'blank'}. Take that line out."
        )
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(cells) == 1 and separator in what:
            raise DataError(
                f"'{file}' has no column 'clip_id' (it has: {what[:80]}): its cells "
                f"are separated by {name}, and must be by commas, with points in "
                "numbers."
            )
    return cells


def _csv_batches(
    file: Path, names: Sequence[str], places: Sequence[int], kind: pyarrow.DataType
) -> Iterator[pyarrow.RecordBatch]:
    """Yield some columns of a CSV file; every row must have a cell for each name."""
    numbered = [str(i) for i in range(len(names))]  # names may occur twice
    wanted = [numbered[i] for i in places]
    wrong: list[str] = []

    def note(row: pyarrow.csv.InvalidRow) -> str:
        text = row.text if len(row.text) < 80 else f"{row.text[:80]} ..."
        wrong.append(
            f"row {row.number} has {row.actual_columns} cells, and there are "
            f"{row.expected_columns} columns: {text}"
        )
        return "error"

    try:
        with pyarrow.csv.open_csv(
            file,
            read_options=pyarrow.csv.ReadOptions(
                # One thread counts rows.
                use_threads=False,
                block_size=_CSV_BYTES,
                column_names=numbered,
                skip_rows=1,
            ),
            parse_options=pyarrow.csv.ParseOptions(
                newlines_in_values=True, invalid_row_handler=note
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                include_columns=wanted,
                column_types=dict.fromkeys(wanted, kind),
                null_values=MISSING,
                strings_can_be_null=False,  # a clip may be called NA
            ),
        ) as batches:
            yield from batches
    except pyarrow.ArrowInvalid as error:
        problem = wrong[0] if wrong else _explain(str(error), names)
        raise DataError(f"'{file}': {problem} (the header is row 1).") from error


def _explain(error: str, names: Sequence[str]) -> str:
    """Return what pyarrow says of a cell, with the name of its column."""
    match = re.search(r"column #(\d+): Row #(\d+): .*?(invalid.*)", error, re.DOTALL)
    if not match:
        return error
    column = names[int(match[1])]
    need = "is no text in UTF-8" if "UTF8" in match[3] else "must hold numbers"
    return f"row {match[2]}: the column '{column}' {need}: {match[3]}"


def open_parquet(
    file: Path, columns: Sequence[str]
) -> tuple[list[str], NDArray[np.object_], int]:
    """Return the features of a Parquet file, the clip of each row, and how many.

    Parameters
    ----------
    file : Path
        The table.
    columns : sequence of str
        As of `choose_columns`.

    Returns
    -------
    columns : list of str
        One column of lists, or one column of numbers per feature.
    ids : ndarray of shape (n_rows,), object
        Clip of each row, None where there is none.
    n_features : int
        Length of a vector, 0 if there is none.

    Raises
    ------
    DataError
        If it is no such table.
    """
    with pyarrow.parquet.ParquetFile(file) as parquet:
        schema = parquet.schema_arrow
        kinds = dict(zip(schema.names, schema.types, strict=True))
        known = [n for n in schema.names if n not in OTHERS]
        lists = [n for n in known if is_list(kinds[n])]
        # A column of lists is called as its owner likes.
        chosen = choose_columns(file, schema.names, columns or lists)
        n_others = len(chosen if columns else known) - 1
        if n_others and any(name in lists for name in chosen):
            raise DataError(
                f"'{file}' holds more than clips and vectors: "
                f"{', '.join(schema.names[:10])}. Keep 'clip_id' and one column of "
                "lists, or 'clip_id' and numbers alone; or say which column holds the "
                "vectors, by the option 'columns' of the model."
            )
        for name in chosen:
            kind = kinds[name].value_type if name in lists else kinds[name]
            if not is_number(kind):
                raise DataError(
                    f"'{file}': the column '{name}' does not hold numbers ({kind})."
                )
        table = parquet.read(columns=["clip_id"])
        ids: NDArray[np.object_] = table["clip_id"].to_pandas().to_numpy(object)
        n_features = len(chosen)
        if chosen[0] in lists:
            n_features = _list_length(parquet, chosen[0])
    return chosen, ids, n_features


def read_parquet_blocks(
    file: Path, columns: Sequence[str], n_features: int, ids: NDArray[np.object_]
) -> Iterator[NDArray[np.float32]]:
    """Yield the features of a Parquet file, some rows at a time: (n, n_features).

    Parameters
    ----------
    file, columns, n_features, ids
        As `open_parquet` takes and returns them.

    Yields
    ------
    ndarray of shape (n, n_features), float32
        NaN where a number is missing.

    Raises
    ------
    DataError
        If a vector is missing or of another length.
    """
    start = 0
    with pyarrow.parquet.ParquetFile(file) as parquet:
        for batch in parquet.iter_batches(n_rows_of_block(n_features), columns=columns):
            if is_list(batch.column(0).type):
                yield _matrix(file, batch.column(0), n_features, start, ids)
            else:
                values = [_floats(batch.column(name)) for name in columns]
                yield np.stack(values, axis=1)
            start += batch.num_rows


def is_list(kind: pyarrow.DataType) -> bool:
    """Return True for a type of lists."""
    types = pyarrow.types
    return bool(
        types.is_list(kind)
        or types.is_large_list(kind)
        or types.is_fixed_size_list(kind)
    )


def is_number(kind: pyarrow.DataType) -> bool:
    """Return True for a type of numbers; True and False, and dates, are none."""
    types = pyarrow.types
    return bool(
        types.is_floating(kind) or types.is_integer(kind) or types.is_decimal(kind)
    )


def _list_length(parquet: pyarrow.parquet.ParquetFile, column: str) -> int:
    """Return the length of the first vector that has values; 0 if none has."""
    for batch in parquet.iter_batches(1024, columns=[column]):
        lengths = pyarrow.compute.list_value_length(batch.column(0)).to_pylist()
        if length := next(filter(None, lengths), 0):
            return int(length)
    return 0


def _matrix(
    file: Path, column: pyarrow.Array, n: int, start: int, ids: NDArray[np.object_]
) -> NDArray[np.float32]:
    lengths = pyarrow.compute.list_value_length(column).to_pylist()
    for row, length in enumerate(lengths, start):
        if length != n:
            what = "no vector" if length is None else f"a vector of {length} values"
            raise DataError(
                f"'{file}': row {row}, counted from 0, of the clip '{ids[row]}', has "
                f"{what}; others have {n} values. All must have the same length; leave "
                "out clips without a vector."
            )
    return _floats(column.flatten()).reshape(-1, n)


def _floats(column: pyarrow.Array) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # the caller looks for infinite values
        values = column.cast(pyarrow.float64(), safe=False)
        numbers: NDArray[np.float64] = values.to_numpy(zero_copy_only=False)
        return numbers.astype(np.float32)
