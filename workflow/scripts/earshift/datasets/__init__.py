"""Datasets: one adapter a file. An adapter reads a folder and lists its clips.

A dataset plugin defines

``version``
    An integer that is raised whenever the clip table changes.
``licence``, ``citation``
    Of the recordings and labels.
``label_files(folder, **options)``
    Paths of the files that hold labels, so that an edit of one re-runs stage 1.
``list_clips(folder, **options)``
    Return the clips as a `ClipList`; every option is keyword-only.

Labels are present, absent or unknown, never assumed absent when unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from earshift.errors import DataError

#: Prefix of the columns of a clip table that hold a class's labels.
LABEL = "label:"

#: Columns every adapter fills; the stage adds those that come from the audio.
COLUMNS = ("clip_id", "path", "recording", "subgroup", "split")


@dataclass
class ClipList:
    """What an adapter found.

    Parameters
    ----------
    clips : DataFrame
        One row per clip with the columns `COLUMNS` and one nullable boolean column
        ``label:<class>`` per class (True present, False absent, NA unknown). `path` is
        relative to the dataset's folder.
    skipped : mapping, default={}
        Clips or rows left out -> the reason, for the audit.
    """

    clips: pd.DataFrame
    skipped: Mapping[str, str] = field(default_factory=dict)


def classes(clips: pd.DataFrame) -> list[str]:
    """Return the classes of a clip table, sorted."""
    return sorted(c[len(LABEL) :] for c in clips.columns if c.startswith(LABEL))


def one_label_per_clip(clips: pd.DataFrame, labels: Sequence[str]) -> pd.DataFrame:
    """Return `clips` with a column per class: the named one present, others absent.

    Parameters
    ----------
    clips : DataFrame
        One row per clip.
    labels : sequence of str
        The one class of each clip.

    Returns
    -------
    DataFrame
        With nullable boolean columns ``label:<class>``.
    """
    named = np.asarray(labels, dtype=str)
    columns = {
        LABEL + c: pd.array(named == c, dtype="boolean") for c in np.unique(named)
    }
    return clips.assign(**columns)


def need_folder(folder: Path, what: str) -> None:
    """Raise `DataError` unless `folder` exists.

    Parameters
    ----------
    folder : Path
        Where the dataset should be.
    what : str
        What should be in it.

    Raises
    ------
    DataError
        With the path looked for.
    """
    if not folder.is_dir():
        raise DataError(
            f"the folder '{folder}' does not exist; {what} is expected there. Set "
            "'folder' of this dataset in the config."
        )


def check(found: ClipList, name: str) -> None:
    """Raise `DataError` unless a clip list keeps the rules of every dataset.

    Parameters
    ----------
    found : ClipList
        As an adapter returns it.
    name : str
        Name of the dataset, for the message.

    Raises
    ------
    DataError
        If there is no clip or class, a column is missing, two clips share an id, or a
        clip has no recording.
    """
    clips = found.clips
    missing = [c for c in COLUMNS if c not in clips.columns]
    if missing:
        raise DataError(f"the adapter of '{name}' gave no column '{missing[0]}'.")
    if clips.empty:
        raise DataError(f"dataset '{name}' has no clips: is its folder the right one?")
    if not classes(clips):
        raise DataError(f"dataset '{name}' has no labels.")
    twice = clips.loc[clips["clip_id"].duplicated(), "clip_id"]
    if len(twice):
        raise DataError(
            f"dataset '{name}' has {len(twice)} clip ids more than once, the first is "
            f"'{twice.iloc[0]}'. Each clip needs an id of its own."
        )
    without = clips.loc[clips["recording"].isna(), "clip_id"]
    if len(without):
        raise DataError(
            f"dataset '{name}': {len(without)} clips have no recording, the first is "
            f"'{without.iloc[0]}'. Clips of one recording must share a name there, so "
            "that they never sit on both sides of a split."
        )
