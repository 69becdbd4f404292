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

Labels are present, absent or unknown, never assumed absent when unknown. Every class
that the dataset can have gets a column, even where no clip has it, under the dataset's
own name for it: making names of several datasets agree is not an adapter's work.

A plugin may define ``recordings``, a word for what its names of recordings are, such as
``freesound`` for ids of Freesound. Datasets with the same word have a recording in
common where they have a name in common. The option `recordings` of a dataset goes
first.

Two more are for data without audio, whose embeddings are imported: a plugin whose clips
are known by their audio files alone says ``list_without_audio = None``, or defines it
as a function like ``list_clips``.

A plugin that defines ``of(argument)`` in place of all these makes a plugin of each
``<plugin>:<argument>``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from earshift import registry
from earshift.errors import ConfigError, DataError, did_you_mean

#: Prefix of the columns of a clip table that hold a class's labels.
LABEL = "label:"

#: Columns every adapter fills; the stage adds those that come from the audio.
COLUMNS = ("clip_id", "path", "recording", "subgroup", "split")

#: Column of an adapter whose clips the protocol ``paper`` puts in other subgroups.
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
        relative to the dataset's folder. There may be a column `PAPER_SUBGROUP`.
    skipped : mapping, default={}
        Files, or rows of a label file, left out -> the reason, for the audit. A clip
        that a label file lists stays in `clips` even if its file is missing: stage 1
        says so, and an incomplete copy of a dataset does not pass for a small one.
    noted : mapping, default={}
        Ids of clips that are used, though something is missing -> what, for the audit.
    """

    clips: pd.DataFrame
    skipped: Mapping[str, str] = field(default_factory=dict)
    noted: Mapping[str, str] = field(default_factory=dict)


def has_audio(entry: Mapping[str, Any]) -> bool:
    """Say whether the audio of a config entry is at hand: its option `audio`."""
    return bool(entry.get("audio", True))


def options(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a config entry says to its adapter: not what all have in common."""
    own = registry.own_options(entry)
    return {k: v for k, v in own.items() if k not in ("audio", "recordings")}


def namespace(entry: Mapping[str, Any]) -> str | None:
    """Return what the names of a dataset's recordings are, if other datasets have them.

    Parameters
    ----------
    entry : mapping
        Config entry: its option `recordings`, or else what its plugin says.

    Returns
    -------
    str or None
        Such as ``freesound``; None if the names mean nothing elsewhere.
    """
    plugin = registry.load("datasets", entry["plugin"])
    found: str | None = entry.get("recordings", getattr(plugin, "recordings", None))
    return found


def lister(plugin: ModuleType, entry: Mapping[str, Any]) -> Callable[..., ClipList]:
    """Return the function that lists the clips of a config entry.

    Parameters
    ----------
    plugin : module
        Its adapter.
    entry : mapping
        The entry.

    Returns
    -------
    callable
        Called as ``list_clips``.

    Raises
    ------
    ConfigError
        If there is no audio, and the adapter needs the files to know the clips.
    """
    found: Callable[..., ClipList] | None = plugin.list_clips
    if not has_audio(entry):
        found = getattr(plugin, "list_without_audio", found)
    if found is None:
        raise ConfigError(
            f"the clips of '{entry['plugin']}' are known by their audio files alone: "
            "it cannot have 'audio: false'. List them in a CSV file and use the plugin "
            "'table' (docs/your_data.md)."
        )
    return found


def classes(clips: pd.DataFrame) -> list[str]:
    """Return the classes of a clip table, sorted."""
    return sorted(c[len(LABEL) :] for c in clips.columns if c.startswith(LABEL))


def one_label_per_clip(
    clips: pd.DataFrame, labels: Sequence[str], known: Collection[str] | None = None
) -> pd.DataFrame:
    """Return `clips` with a column per class: the named one present, others absent.

    Parameters
    ----------
    clips : DataFrame
        One row per clip.
    labels : sequence of str
        The one class of each clip.
    known : collection of str, optional
        All classes of the dataset; by default those in `labels`.

    Returns
    -------
    DataFrame
        With nullable boolean columns ``label:<class>``.

    Raises
    ------
    DataError
        If a label is not among the `known` classes.
    """
    return labels_per_clip(clips, [{label} for label in labels], known)


def labels_per_clip(
    clips: pd.DataFrame,
    labels: Sequence[Collection[str]],
    known: Collection[str] | None = None,
) -> pd.DataFrame:
    """Return `clips` with a column per class: the named ones present, others absent.

    Parameters
    ----------
    clips : DataFrame
        One row per clip.
    labels : sequence of collections of str
        The classes of each clip.
    known : collection of str, optional
        All classes of the dataset; by default those in `labels`.

    Returns
    -------
    DataFrame
        With nullable boolean columns ``label:<class>``.

    Raises
    ------
    DataError
        If a label is not among the `known` classes.
    """
    found = set().union(*labels)
    if known is not None and (odd := found - set(known)):
        raise DataError(
            f"'{min(odd)}' is no class of this dataset {did_you_mean(min(odd), known)}"
        )
    columns = {
        LABEL + c: pd.array([c in own for own in labels], dtype="boolean")
        for c in sorted(known or found)
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
        If there is no clip or class, a column is missing, two clips share an id, a clip
        has no recording, or a split is none of those that `SIDES` describes.
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
    _check_splits(clips["split"].dropna(), name)


def _check_splits(given: pd.Series[str], name: str) -> None:
    fold = given.map(lambda s: bool(re.fullmatch("[1-9][0-9]*", str(s)))).astype(bool)
    odd = given[~fold & ~given.isin(SIDES)]
    if len(odd):
        raise DataError(
            f"dataset '{name}': {len(odd)} clips have the split '{odd.iloc[0]}'; it is "
            f"one of {', '.join(SIDES)}, the number of a fold from 1 on, or empty."
        )
    if fold.any() and not fold.all():
        raise DataError(
            f"dataset '{name}' mixes folds, such as '{given[fold].iloc[0]}', with "
            f"'{given[~fold].iloc[0]}': its splits are numbers of folds, or sides."
        )
