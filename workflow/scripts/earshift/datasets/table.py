"""Any collection: a folder of audio files and a CSV table that lists them.

The table has a column `path` (relative to the folder), a column `recording`, and either
one column that names the class of each clip (`label_column`) or one column
``label:<class>`` per class with 1 (present), 0 (absent) or nothing (unknown). Columns
`clip_id`, `subgroup`, `split` (train, test, validation, or the number of the fold that
tests the clip) and `licence` may be added.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd

from earshift.datasets import LABEL, ClipList, need_folder, one_label_per_clip
from earshift.errors import DataError, did_you_mean

version = 1
licence = "as the table's column 'licence' says"
citation = ""

NEEDED = ("path", "recording")
OPTIONAL = ("clip_id", "subgroup", "split", "licence")


def label_files(folder: Path, *, table: str = "clips.csv", **_: str) -> list[Path]:
    """Return the path of the table."""
    return [folder / table]


def list_clips(
    folder: Path, *, table: str = "clips.csv", label_column: str = "label"
) -> ClipList:
    """List the clips of a folder by its table.

    Parameters
    ----------
    folder : Path
        Folder that the table's paths are relative to.
    table : str, default="clips.csv"
        Name of the CSV file in `folder` (UTF-8, comma, header).
    label_column : str, default="label"
        Column that names the one class of each clip. Not needed if the table has
        columns ``label:<class>``.

    Returns
    -------
    ClipList
        One row per line of the table; a clip is known by its `clip_id`, or by its path.

    Raises
    ------
    DataError
        If the folder, the table or a column is missing, a column is not known, or a
        label is none of 0, 1 and nothing.
    """
    need_folder(folder, f"a table '{table}' and the audio it lists")
    file = folder / table
    if not file.is_file():
        raise DataError(f"there is no table '{file}'. Set 'table' in the config.")
    rows = _read(file)
    wide = [c for c in rows.columns if c.startswith(LABEL)]
    _check_columns(file, rows, wide, label_column)
    empty = pd.Series([None] * len(rows), dtype=object)
    clips = pd.DataFrame(
        {
            "clip_id": rows.get("clip_id", rows["path"]),
            "path": rows["path"],
            "recording": rows["recording"].replace("", None),
            "subgroup": rows.get("subgroup", empty).replace("", None),
            "split": rows.get("split", empty).replace("", None),
        }
    )
    if not wide:
        blank = rows.index[rows[label_column].str.strip() == ""]
        if len(blank):
            raise DataError(
                f"{file}, row {blank[0] + 2}: no '{label_column}' ({len(blank)} such "
                "rows). An unknown class would count as all others being absent: take "
                "it out, or use columns 'label:<class>' with empty cells."
            )
        return ClipList(one_label_per_clip(clips, rows[label_column].tolist()))
    for column in wide:
        clips[column] = _labels(file, rows[column])
    return ClipList(clips)


def _read(file: Path) -> pd.DataFrame:
    """Read the table as text, refusing what is no such table."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            header, *lines = csv.reader(stream, strict=True) or [[]]
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        raise DataError(
            f"{file} is no CSV table in UTF-8 with a header ({error}). Save it as "
            "'CSV UTF-8'."
        ) from error
    lines = [line for line in lines if line]
    for number, line in enumerate(lines, 2):
        if len(line) != len(header):
            raise DataError(
                f"{file}, row {number}: {len(line)} cells where the header has "
                f"{len(header)}. Put cells that hold commas in double quotes."
            )
    return pd.DataFrame(lines, columns=header, dtype=str)


def _check_columns(
    file: Path, rows: pd.DataFrame, wide: list[str], label_column: str
) -> None:
    needed = [*NEEDED] if wide else [*NEEDED, label_column]
    allowed = {*needed, *OPTIONAL, *wide}
    for column in needed:
        if column not in rows.columns:
            raise DataError(
                f"{file} has no column '{column}' (it has: {', '.join(rows.columns)}). "
                "Add it, or name the column that holds the class by 'label_column'."
            )
    for column in rows.columns:
        if column not in allowed:
            raise DataError(
                f"{file} has a column '{column}' that means nothing here "
                f"{did_you_mean(column, allowed)} Rename it or take it out."
            )


def _labels(file: Path, column: pd.Series[str]) -> pd.Series[bool]:
    known = {"1": True, "0": False, "": pd.NA}
    wrong = column[~column.isin(list(known))]
    if len(wrong):
        raise DataError(
            f"{file}, column '{column.name}', row {wrong.index[0] + 2}: a label is 1 "
            f"(present), 0 (absent) or empty (unknown), got '{wrong.iloc[0]}'."
        )
    return column.map(known).astype("boolean")
