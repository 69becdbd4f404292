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

A plugin whose classes are the same in every copy of the dataset names them all in
``CLASSES``.

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

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from earshift import names, registry
from earshift.datasets._lists import (
    COLUMNS,
    LABEL,
    PAPER_SUBGROUP,
    SIDES,
    ClipList,
    check,
    classes,
    other_subgroups,
    tidy,
    warnings,
    with_names_on_disk,
)
from earshift.errors import ConfigError, DataError, did_you_mean

__all__ = [
    "COLUMNS",
    "LABEL",
    "PAPER_SUBGROUP",
    "SIDES",
    "ClipList",
    "check",
    "classes",
    "find_clips",
    "has_audio",
    "labels_per_clip",
    "lister",
    "namespace",
    "need_folder",
    "one_label_per_clip",
    "options",
    "other_subgroups",
    "tidy",
    "warnings",
]


def has_audio(entry: Mapping[str, Any]) -> bool:
    """Return whether the audio of a config entry is at hand: its option `audio`."""
    return bool(entry.get("audio", True))


def options(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a config entry says to its adapter: not what all have in common."""
    values = registry.own_options(entry)
    return {k: v for k, v in values.items() if k not in ("audio", "recordings")}


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
    recordings: str | None = entry.get(
        "recordings", getattr(plugin, "recordings", None)
    )
    return recordings


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
    function: Callable[..., ClipList] | None = plugin.list_clips
    if not has_audio(entry):
        function = getattr(plugin, "list_without_audio", function)
    if function is None:
        raise ConfigError(
            f"the clips of '{entry['plugin']}' are known by their audio files alone: "
            "it cannot have 'audio: false'. List them in a CSV file and use the plugin "
            "'table' (docs/your_data.md)."
        )
    return function


def find_clips(name: str, entry: Mapping[str, Any]) -> ClipList:
    """List the clips of a config entry; nothing is decoded.

    Parameters
    ----------
    name : str
        Name of the dataset in the experiment.
    entry : mapping
        Its config entry: `plugin`, `folder`, and the adapter's own options.

    Returns
    -------
    ClipList
        As `tidy` returns it, and `check` passes it.

    Raises
    ------
    DataError
        If the adapter cannot list the clips, or the list breaks a rule.
    ConfigError
        If an option of the entry is wrong.
    """
    plugin = registry.load("datasets", entry["plugin"])
    folder = Path(entry["folder"])
    clip_list = tidy(
        lister(plugin, entry)(folder, **options(entry)), f"dataset '{name}'"
    )
    check(clip_list, f"dataset '{name}'")
    return with_names_on_disk(clip_list, folder)


def one_label_per_clip(
    clips: pd.DataFrame,
    labels: Sequence[str],
    known: Collection[str] | None = None,
    file: Path | None = None,
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
    file : Path, optional
        Where the labels are from, for the message.

    Returns
    -------
    DataFrame
        Numbered from 0, with nullable boolean columns ``label:<class>``.

    Raises
    ------
    DataError
        If a label is not among the `known` classes.
    """
    return labels_per_clip(clips, [{label} for label in labels], known, file)


def labels_per_clip(
    clips: pd.DataFrame,
    labels: Sequence[Collection[str]],
    known: Collection[str] | None = None,
    file: Path | None = None,
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
    file : Path, optional
        Where the labels are from, for the message.

    Returns
    -------
    DataFrame
        Numbered from 0, with nullable boolean columns ``label:<class>``.

    Raises
    ------
    DataError
        If a label is not among the `known` classes.
    """
    labels = [{names.clean(label) for label in clip_labels} for clip_labels in labels]
    known = None if known is None else {names.clean(label) for label in known}
    all_labels: set[str] = set().union(*labels)
    if known is not None and (odd := all_labels - known):
        where = f"'{file}': " if file else ""
        raise DataError(
            f"{where}'{min(odd)}' is no class of this dataset "
            f"{did_you_mean(min(odd), known)}"
        )
    columns = {
        LABEL + c: pd.array(
            [c in clip_labels for clip_labels in labels], dtype="boolean"
        )
        for c in sorted(known or all_labels)
    }
    return clips.reset_index(drop=True).assign(**columns)


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
