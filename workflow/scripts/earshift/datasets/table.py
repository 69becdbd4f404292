"""Any collection: a folder of audio files and a table that lists them.

The table has a column `path` (relative to the folder), a column `recording`, and either
one column that names the class of each clip (`label_column`) or one column
``label:<class>`` per class with 1 (present), 0 (absent) or nothing (unknown). Columns
`clip_id`, `subgroup`, `split` (train, test, validation, or the number of the fold that
tests the clip) and `licence` may be added.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from earshift import names, text
from earshift.datasets import (
    LABEL,
    ClipList,
    check,
    need_folder,
    one_label_per_clip,
    tidy,
)
from earshift.datasets._files import truth
from earshift.errors import DataError, did_you_mean

version = 2
licence = "as the table's column 'licence' says"
citation = ""

#: Columns that every table needs -> what is in them.
NEEDED = {
    "path": "the audio file of each clip, relative to the dataset's folder",
    "recording": "a name that clips cut from one recording share, so that they never "
    "sit on both sides of a split",
}
OPTIONAL = ("clip_id", "subgroup", "split", "licence")

#: A name that still has quotes around it once its table is read, or Excel's ="001".
_QUOTED = re.compile(
    r"""["'\u2018-\u201f\u00ab].*["'\u2018-\u201f\u00bb]\Z|=["]""", re.DOTALL
)


def label_files(folder: Path, *, table: str = "clips.csv", **_: str) -> list[Path]:
    """Return the path of the table."""
    return [folder / table]


def list_clips(
    folder: Path, *, table: str = "clips.csv", label_column: str = "label"
) -> ClipList:
    """List the clips of a folder by its table; no audio is looked for.

    Parameters
    ----------
    folder : Path
        Folder that the table's paths are relative to.
    table : str, default="clips.csv"
        Name of the table in `folder`: text with a header, as `text.table` reads it.
    label_column : str, default="label"
        Column that names the one class of each clip. Not needed if the table has
        columns ``label:<class>``.

    Returns
    -------
    ClipList
        One row per row of the table; a clip is known by its `clip_id`, or by its path.
        It keeps all rules that `datasets.check` looks at.

    Raises
    ------
    DataError
        If the folder, the table or a column is missing, a column is not known, a cell
        is empty or not what its column holds, or names are in quotes or differ only by
        case; the message names the row.
    """
    need_folder(folder, f"a table '{table}' and the audio it lists")
    file = folder / table
    if not file.is_file():
        raise DataError(f"there is no table '{file}'. Set 'table' in the config.")
    label_column = names.clean(label_column)
    rows = text.table(file, [*NEEDED, label_column])
    wide = [c for c in rows.columns if c.startswith(LABEL)]
    _check_columns(file, list(rows.columns), wide, label_column)
    for column in ("recording", "subgroup", "split", label_column):
        if column in rows:
            _check_plain(file, rows[column])
    _check_filled(file, rows["path"], "Add it, or take the row out.")
    if not wide:
        _check_filled(
            file,
            rows[label_column],
            "An unknown class would count as all others being absent: take it out, or "
            "use columns 'label:<class>' with empty cells.",
        )
    empty = pd.Series(None, index=rows.index, dtype=object)
    clips = pd.DataFrame(
        {
            "clip_id": rows.get("clip_id", rows["path"]),
            "path": rows["path"],
            "recording": rows["recording"],
            "subgroup": rows.get("subgroup", empty).replace("", None),
            "split": rows.get("split", empty).replace("", None),
        }
    )
    if wide:
        labels = {c: truth(file, rows[c], empty=True) for c in wide}
        clips = clips.assign(**labels)
    else:
        clips = one_label_per_clip(clips, rows[label_column].tolist())

    def place_of(i: int) -> str:
        return f"row {rows.index[i]}"

    clip_list = tidy(ClipList(clips), str(file), place_of)
    check(clip_list, str(file), place_of)
    return clip_list


def _check_columns(
    file: Path, columns: Sequence[str], wide: Sequence[str], label_column: str
) -> None:
    needed = NEEDED if wide else {**NEEDED, label_column: "the class of each clip"}
    known = {*needed, *OPTIONAL, *wide}
    spare = [c for c in columns if c not in known]
    missing = [
        f"{file} has no column '{column}' (it has: {', '.join(columns)}), which holds "
        f"{what}. {_advice(column, spare, label_column)}"
        for column, what in needed.items()
        if column not in columns
    ]
    if missing:
        raise DataError("\n".join(missing))
    if wide and label_column in spare:
        raise DataError(
            f"{file} has a column '{label_column}', and '{wide[0]}' for one class. "
            "Keep one form: a column that names the class, or a column for each."
        )
    if spare:
        hint = ""
        if spare[0].startswith("(column "):
            hint = " It has no name; pandas writes its index so, unless index=False."
        raise DataError(
            f"{file} has a column '{spare[0]}' that means nothing here "
            f"{did_you_mean(spare[0], known)} Rename it or take it out.{hint}"
        )


def _advice(column: str, spare: Sequence[str], label_column: str) -> str:
    """Return what to do about a column that is not there."""
    near = names.near(column, spare)
    hint = f"Did you mean '{near[0]}'? Rename it" if near else "Add it"
    if column != label_column:
        return f"{hint}."
    return (
        f"{hint}, or name the column that holds it by 'label_column' in the config, or "
        "use columns 'label:<class>'."
    )


def _check_filled(file: Path, column: pd.Series[str], advice: str) -> None:
    blank = column.index[column == ""]
    if len(blank):
        raise DataError(
            f"{file}, row {blank[0]}: no '{column.name}' ({len(blank)} such rows). "
            f"{advice}"
        )


def _check_plain(file: Path, column: pd.Series[str]) -> None:
    """Refuse names in quotes: they would count as others than those without."""
    quoted = column.index[column.str.match(_QUOTED)]
    if len(quoted):
        raise DataError(
            f"{file}, row {quoted[0]}: the {column.name} {column[quoted[0]]} is in "
            f"quotes, or a formula ({len(quoted)} such rows), and would count as "
            "another than the same without. Write the plain name."
        )
