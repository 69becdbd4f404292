"""What adapters share: finding the unpacked archive, and reading its tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from earshift.errors import DataError

#: What a cell that is true or false may hold, in lower case: spreadsheets write TRUE.
TRUTH = {
    **dict.fromkeys(("1", "1.0", "true"), True),
    **dict.fromkeys(("0", "0.0", "false"), False),
}


def unpacked(folder: Path, *names: str) -> Path:
    """Return the first of the archive's folders that is in `folder`, or `folder`.

    Parameters
    ----------
    folder : Path
        As the config gives it.
    *names : str
        Folders that the archive unpacks to.

    Returns
    -------
    Path
        Where the files are.
    """
    return next((folder / n for n in names if (folder / n).is_dir()), folder)


def need_file(file: Path) -> None:
    """Raise `DataError` unless a label file exists."""
    if not file.is_file():
        raise DataError(
            f"the file '{file}', which holds labels, is not there. Is the dataset's "
            "'folder' in the config the one that its archive unpacks to?"
        )


def read_csv(file: Path, needed: Sequence[str]) -> pd.DataFrame:
    """Read a CSV file with labels as text.

    Parameters
    ----------
    file : Path
        UTF-8, comma, header.
    needed : sequence of str
        Columns it must have.

    Returns
    -------
    DataFrame
        All its columns, as str; nothing is NaN.

    Raises
    ------
    DataError
        If the file or a column is missing, or it is no such table.
    """
    need_file(file)
    try:
        rows = pd.read_csv(file, dtype=str, keep_default_na=False)
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(f"'{file}' is no CSV table in UTF-8: {error}") from error
    for column in needed:
        if column not in rows.columns:
            raise DataError(
                f"'{file}' has no column '{column}' (it has: {', '.join(rows.columns)})"
                ". Is it the official file?"
            )
    return rows


def fold_numbers(file: Path, column: pd.Series[str], n_folds: int) -> list[str]:
    """Return the fold of each row.

    Parameters
    ----------
    file : Path
        Where the column is from, for the message.
    column : Series of str
        One fold per row.
    n_folds : int
        Folds that the dataset has.

    Returns
    -------
    list of str
        ``"1"`` to ``"n"``.

    Raises
    ------
    DataError
        For any other value.
    """
    folds = [str(i + 1) for i in range(n_folds)]
    odd = column[~column.isin(folds)]
    if len(odd):
        raise DataError(
            f"'{file}', row {odd.index[0] + 2}: a fold is a number from 1 to "
            f"{n_folds}, got '{odd.iloc[0]}'."
        )
    return list(column)


def sides(files: Mapping[str, Path], what: str) -> tuple[dict[str, str], set[str]]:
    """Read which clips train and which test, from files of one key a line.

    Parameters
    ----------
    files : mapping of str to Path
        Side of the split -> its file.
    what : str
        Whose split it is, for the message.

    Returns
    -------
    side_of : dict of str to str
        Key of each clip, in the order of the files -> its side.
    repeated : set of str
        Keys that are in a file more than once.

    Raises
    ------
    DataError
        If a file is missing, or a key is on two sides.
    """
    side_of: dict[str, str] = {}
    repeated = set()
    for side, file in files.items():
        need_file(file)
        for key in file.read_text(encoding="utf-8").split():
            if key not in side_of:
                side_of[key] = side
            elif side_of[key] == side:
                repeated.add(key)
            else:
                raise DataError(f"'{key}' is in both partitions of {what}.")
    return side_of, repeated


def unlisted(
    folder: Path, files: Iterable[Path], listed: Iterable[str], where: str
) -> dict[str, str]:
    """Return the audio files that no label file lists, with that as the reason.

    Parameters
    ----------
    folder : Path
        Folder of the dataset.
    files : iterable of Path
        Audio files in it.
    listed : iterable of str
        Paths relative to `folder` that a label file lists.
    where : str
        Name of the label file.

    Returns
    -------
    dict of str to str
        For `ClipList.skipped`.
    """
    there = {str(file.relative_to(folder)) for file in files}
    return {path: f"{where} does not list it" for path in sorted(there - set(listed))}
