"""What adapters share: finding the unpacked archive, and reading its tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from earshift import names, text
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


def read_csv(
    file: Path, needed: Sequence[str], older: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Read a table with labels as text.

    Parameters
    ----------
    file : Path
        As for `text.table`.
    needed : sequence of str
        Columns it must have.
    older : mapping of str to str, optional
        Name of a column in older releases -> its name.

    Returns
    -------
    DataFrame
        As of `text.table`, which numbers the rows by their lines.

    Raises
    ------
    DataError
        If the file or a column is missing, or it is no such table.
    """
    need_file(file)
    rows = text.table(file, needed)
    for before, name in (older or {}).items():
        if name not in rows.columns:
            rows = rows.rename(columns={before: name})
    for column in needed:
        if column not in rows.columns:
            raise DataError(
                f"'{file}' has no column '{column}' (it has: {', '.join(rows.columns)})"
                ". Is it the official file?"
            )
    return rows


def truth(
    file: Path, column: pd.Series[str], *, empty: bool = False
) -> pd.Series[bool]:
    """Return which cells of a column of true and false are true.

    Parameters
    ----------
    file : Path
        Where the column is from, for the message.
    column : Series of str
        Cells as in `TRUTH`, in any case.
    empty : bool, default=False
        Whether a cell may be empty, which is unknown.

    Returns
    -------
    Series of boolean
        One value per row; NA where it is unknown.

    Raises
    ------
    DataError
        For any other cell.
    """
    words = column.str.lower()
    odd = column[~words.isin([*TRUTH, ""] if empty else [*TRUTH])]
    if len(odd):
        unknown = " or empty (unknown)" if empty else ""
        raise DataError(
            f"'{file}', column '{column.name}', row {odd.index[0]}: a cell is 1 or "
            f"TRUE, 0 or FALSE{unknown}, got '{odd.iloc[0]}'."
        )
    return words.map(TRUTH).astype("boolean")


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
    known = {str(i + 1) for i in range(n_folds)}
    folds = [text.whole(cell) for cell in column]
    for row, cell, fold in zip(column.index, column, folds, strict=True):
        if fold not in known:
            raise DataError(
                f"'{file}', row {row}: a fold is a number from 1 to {n_folds}, got "
                f"'{cell}'."
            )
    return folds


def sides(
    files: Mapping[str, Path], what: str, ending: str
) -> tuple[dict[str, str], set[str]]:
    """Read which clips train and which test, from files of one key a line.

    Parameters
    ----------
    files : mapping of str to Path
        Side of the split -> its file.
    what : str
        Whose split it is, for the message.
    ending : str
        Of audio files, which a key may have, such as ``".wav"``.

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
        for word in (word for _, line in text.lines(file) for word in line.split()):
            key = names.clean(word).strip('"')
            if key.lower().endswith(ending):
                key = key[: -len(ending)]
            if key not in side_of:
                side_of[key] = side
            elif side_of[key] == side:
                repeated.add(key)
            else:
                raise DataError(f"'{key}' is in both partitions of {what}.")
    return side_of, repeated


def unmatched(
    side_of: Mapping[str, str], files: Mapping[str, Path], known: Collection[str]
) -> list[str]:
    """Return the entries of a split that name none of the clips.

    Parameters
    ----------
    side_of, files : mapping
        From, and for, `sides`.
    known : collection of str
        Keys of the clips.

    Returns
    -------
    list of str
        ``<name of the file>: <entry>``, in the order of the entries.

    Raises
    ------
    DataError
        If all entries of a file are such, and there are clips on no side: it is no list
        of names.
    """
    odd = []
    for side, file in files.items():
        entries = sorted(key for key, where in side_of.items() if where == side)
        strange = [key for key in entries if key not in known]
        if (
            entries
            and len(strange) == len(entries)
            and not side_of.keys() >= set(known)
        ):
            raise DataError(
                f"'{file}': none of {len(entries)} entries, such as '{entries[0]}', is "
                f"the name of a clip, such as '{min(known, default='')}'. It needs "
                "names of clips, one a line, and no numbers of rows or other columns."
            )
        odd += [f"{file.name}: {key}" for key in strange]
    return odd


def audio_files(folder: Path, pattern: str, *endings: str) -> list[Path]:
    """Return what is named as audio files are; the case of the ending is any.

    Parameters
    ----------
    folder : Path
        Folder to look in.
    pattern : str
        Of paths in it, as for `Path.glob`.
    *endings : str
        Endings in lower case, such as ``".wav"``.

    Returns
    -------
    list of Path
        Sorted, endings in lower case before others: of ``a.wav`` and ``a.WAV``, the
        former is the one that its authors published.
    """
    files = [f for f in folder.glob(pattern) if f.suffix.lower() in endings]
    return sorted(files, key=lambda file: (file.suffix not in endings, file))


def named_files(
    folder: Path, files: Iterable[Path], read: Callable[[Path], re.Match[str] | str]
) -> tuple[dict[str, tuple[str, re.Match[str]]], dict[str, str]]:
    """List clips that are known by the names of their files.

    Parameters
    ----------
    folder : Path
        Folder of the dataset.
    files : iterable of Path
        Audio files in it, as `audio_files` returns them.
    read : callable
        Returns what a file's name says, or in words why it is no clip.

    Returns
    -------
    clips : dict of str to (str, re.Match)
        Name without ending -> path relative to `folder`, and what `read` returned. Of
        files with one name, as an archive has that was unpacked twice, the first is
        kept.
    skipped : dict of str to str
        For `ClipList.skipped`: path of each other file -> why.
    """
    clips: dict[str, tuple[str, re.Match[str]]] = {}
    skipped = {}
    for file in files:
        place = relative(folder, file)
        result = read(file)
        if isinstance(result, str):
            skipped[place] = result
        elif file.stem in clips:
            skipped[place] = f"'{clips[file.stem][0]}' has the same name and is used"
        else:
            clips[file.stem] = place, result
    return clips, skipped


def relative(folder: Path, file: Path) -> str:
    """Return the path of a file relative to `folder`, as `names.printable` does."""
    return names.printable(str(file.relative_to(folder)))


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
    there = {relative(folder, file) for file in files}
    return {path: f"{where} does not list it" for path in sorted(there - set(listed))}
