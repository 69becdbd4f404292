"""The list of clips that an adapter makes, and the rules that all lists keep."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from earshift import names, text
from earshift.errors import DataError

#: Prefix of the columns of a clip table that hold a class's labels.
LABEL = "label:"

#: Columns every adapter fills; the stage adds those that come from the audio.
COLUMNS = ("clip_id", "path", "recording", "subgroup", "split")

#: Start of the names of further columns of an adapter: clips in the subgroups that some
#: protocol of a study (`Protocol.subgroups`) goes by.
SUBGROUP = "subgroup_"

#: That of the ISMIR 2023 study.
PAPER_SUBGROUP = "subgroup_paper"

#: Sides of an official split. Where the authors publish folds, a clip's split is the
#: number of the fold that tests it, ``"1"`` to ``"n"``; where they publish nothing of
#: a clip, it is empty.
SIDES = ("train", "test", "validation")


@dataclass
class ClipList:
    """What an adapter found.

    Parameters
    ----------
    clips : DataFrame
        One row per clip with the columns `COLUMNS` and one nullable boolean column
        ``label:<class>`` per class (True present, False absent, NA unknown). `path` is
        relative to the dataset's folder. There may be columns `other_subgroups`.
    skipped : mapping, default={}
        Files, or rows of a label file, left out -> the reason, for the audit. A clip
        that a label file lists stays in `clips` even if its file is missing: stage 1
        says so, and an incomplete copy of a dataset does not pass for a small one.
    noted : mapping, default={}
        Ids of clips that are used, though something is missing -> what, for the audit.
    unusable : mapping, default={}
        Ids of clips that cannot be used, whatever their audio is -> why, for the audit.
    """

    clips: pd.DataFrame
    skipped: Mapping[str, str] = field(default_factory=dict)
    noted: Mapping[str, str] = field(default_factory=dict)
    unusable: Mapping[str, str] = field(default_factory=dict)


def other_subgroups(clips: pd.DataFrame) -> list[str]:
    """Return the columns of a clip table with the subgroups of studies."""
    return [c for c in clips.columns if c.startswith(SUBGROUP)]


def classes(clips: pd.DataFrame) -> list[str]:
    """Return the classes of a clip table, sorted."""
    return sorted(c[len(LABEL) :] for c in clips.columns if c.startswith(LABEL))


def tidy(
    clip_list: ClipList, whose: str, place_of: Callable[[int], str] | None = None
) -> ClipList:
    """Return a clip list with its names in the one form in which they are compared.

    Names of recordings, subgroups and classes become what `names.clean` returns, and an
    empty one of a recording or subgroup is none. A split is also taken in any case, and
    a fold as ``1.0``.

    Parameters
    ----------
    clip_list : ClipList
        As an adapter returns it, with the columns `COLUMNS`.
    whose : str
        Whose clips these are, for messages, such as ``"dataset 'irmas'"``.
    place_of : callable, optional
        Returns where the clip at a position is listed, for messages; by default its id.

    Returns
    -------
    ClipList
        The same otherwise, its clips numbered from 0.

    Raises
    ------
    DataError
        If two names differ only by case, two recordings or subgroups only by zeros of a
        number, or a class has no name or two columns; the message says where both are.
    """
    clips = clip_list.clips.reset_index(drop=True)
    place_of = place_of or (lambda i: f"clip '{clips['clip_id'].iloc[i]}'")
    others = other_subgroups(clips)
    for column in ("recording", "subgroup", *others, "split"):
        if column in clips:
            change = _side if column == "split" else names.clean
            clips[column] = _changed(clips[column], change)
    for column in ("recording", "subgroup", *others):
        if column in clips:
            _refuse_alike(clips[column], whose, place_of)
    return replace(
        clip_list,
        clips=_with_clean_classes(clips, whose, place_of),
        skipped=_printable(clip_list.skipped),
        noted=_printable(clip_list.noted),
    )


def _printable(reasons: Mapping[str, str]) -> dict[str, str]:
    return {names.printable(k): names.printable(why) for k, why in reasons.items()}


def _refuse_alike(
    column: pd.Series[str], whose: str, place_of: Callable[[int], str]
) -> None:
    first = column.dropna().drop_duplicates()
    position = {str(name): int(i) for i, name in first.items()}
    what = f"{whose}: the {str(column.name).partition('_')[0]}"
    names.refuse_alike(
        position, what, lambda name: place_of(position[name]), numbers=True
    )


def _changed(column: pd.Series[Any], change: Callable[[str], str]) -> pd.Series[Any]:
    """Return a column with other names, of which an empty one is none."""
    written = [name for name in column.dropna().unique() if isinstance(name, str)]
    changed = {name: change(name) or None for name in written}
    changed = {name: new for name, new in changed.items() if new != name}
    if not changed:
        return column
    return column.map(lambda name: changed.get(name, name), na_action="ignore")


def _side(split: str) -> str:
    """Return a side of a split in lower case, and a fold without ``.0``."""
    return text.whole(names.clean(split).lower())


def _with_clean_classes(
    clips: pd.DataFrame, whose: str, place_of: Callable[[int], str]
) -> pd.DataFrame:
    """Return clips with the names of classes cleaned; refuse two that are alike."""
    written = {c: names.clean(c[len(LABEL) :]) for c in clips if c.startswith(LABEL)}
    column_of: dict[str, str] = {}
    for column, name in written.items():
        if not name:
            raise DataError(f"{whose}: the column '{column}' names no class after ':'.")
        if (other := column_of.setdefault(name, column)) != column:
            raise DataError(
                f"{whose}: the columns '{other}' and '{column}' are of one class; they "
                "differ only by white space or by characters that look alike."
            )

    def seen(name: str) -> str:
        has = clips[column_of[name]].fillna(False).to_numpy(bool)
        return place_of(int(has.argmax())) if has.any() else "no clip has it"

    names.refuse_alike(column_of, f"{whose}: the class", seen)
    return clips.rename(columns={c: LABEL + name for c, name in written.items()})


def check(
    clip_list: ClipList, whose: str, place_of: Callable[[int], str] | None = None
) -> None:
    """Raise `DataError` unless a clip list keeps the rules of every dataset.

    Parameters
    ----------
    clip_list : ClipList
        As `tidy` returns it.
    whose : str
        Whose clips these are, for messages, such as ``"dataset 'irmas'"``.
    place_of : callable, optional
        As for `tidy`.

    Raises
    ------
    DataError
        If there is no clip or class, a column is missing, two clips share an id, a clip
        has no id or recording, or a split is none of those that `SIDES` describes.
    """
    clips = clip_list.clips
    missing = [c for c in COLUMNS if c not in clips.columns]
    if missing:
        raise DataError(f"{whose}: the adapter gave no column '{missing[0]}'.")
    if clips.empty:
        raise DataError(f"{whose} has no clips: is its folder the right one?")
    if not classes(clips):
        raise DataError(f"{whose} has no labels.")
    ids = clips["clip_id"]
    place_of = place_of or (lambda i: f"clip '{ids.iloc[i]}'")
    nameless = np.flatnonzero(ids.isna() | ids.eq(""))
    if len(nameless):
        raise DataError(
            f"{whose}: {len(nameless)} clips have no id, the first in "
            f"{place_of(nameless[0])}. Each clip needs an id of its own."
        )
    twice = np.flatnonzero(ids.duplicated())
    if len(twice):
        first = int(np.flatnonzero(ids.eq(ids.iloc[twice[0]]))[0])
        raise DataError(
            f"{whose} has {len(twice)} clip ids more than once, the first is "
            f"'{ids.iloc[twice[0]]}' ({place_of(first)}, {place_of(twice[0])}). Each "
            "clip needs an id of its own."
        )
    without = np.flatnonzero(clips["recording"].isna())
    if len(without):
        raise DataError(
            f"{whose}: {len(without)} clips have no recording, the first is "
            f"{place_of(without[0])}. Clips of one recording must share a name there, "
            "so that they never sit on both sides of a split."
        )
    _check_splits(clips["split"], whose, place_of)


def _check_splits(
    split: pd.Series[str], whose: str, place_of: Callable[[int], str]
) -> None:
    given = split.reset_index(drop=True).dropna()
    fold = given.map(lambda s: bool(re.fullmatch("[1-9][0-9]{0,3}", str(s)))).astype(
        bool
    )
    odd = given[~fold & ~given.isin(SIDES)]
    if len(odd):
        near = names.near(str(odd.iloc[0]), SIDES)
        raise DataError(
            f"{whose}: {len(odd)} clips have the split '{odd.iloc[0]}'; it is one of "
            f"{', '.join(SIDES)}, the number of a fold from 1 to 9999, or empty. The "
            f"first is {place_of(odd.index[0])}."
            + (f" Did you mean '{near[0]}'?" if near else "")
        )
    if fold.any() and not fold.all():
        raise DataError(
            f"{whose} mixes folds, such as '{given[fold].iloc[0]}', with "
            f"'{given[~fold].iloc[0]}': its splits are numbers of folds, or sides."
        )


def with_names_on_disk(clip_list: ClipList, folder: Path) -> ClipList:
    """Return a clip list in which clips are unusable whose files have no UTF-8 name.

    Parameters
    ----------
    clip_list : ClipList
        As `tidy` returns it; paths as `names.printable` returns them.
    folder : Path
        Folder that they are relative to.

    Returns
    -------
    ClipList
        The same otherwise.
    """
    clips = clip_list.clips
    odd = clips.loc[clips["path"].str.contains(names.ESCAPED), ["clip_id", "path"]]
    why = {
        clip_id: "the name of its file, or of a folder above, is not UTF-8; rename it"
        for clip_id, path in odd.itertuples(index=False)
        if _exists(folder / names.on_disk(path)) and not _exists(folder / path)
    }
    return replace(clip_list, unusable={**clip_list.unusable, **why})


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # as of a name that is too long
        return False


#: More clips than this, each a recording of its own, are worth a warning.
FEW_CLIPS = 20


def warnings(clip_list: ClipList) -> list[str]:
    """Return what is probably wrong with a clip list, though it keeps all rules.

    Parameters
    ----------
    clip_list : ClipList
        As `tidy` returns it.

    Returns
    -------
    list of str
        One sentence or two each, for the log, the audit and the report.
    """
    clips = clip_list.clips
    if len(clips) > FEW_CLIPS and clips["recording"].is_unique:
        return [
            "every clip is a recording of its own: if clips were cut from common "
            "recordings, give these one name in 'recording', or they sit on both "
            "sides of a split"
        ]
    return []
