"""What can be said of an experiment's datasets before the first job: from labels alone.

A table that cannot be used stops a run in its first second, not after the job that
reads it; and what the datasets do not share is said before anything is embedded. No
audio is opened.
"""

from __future__ import annotations

import codecs
import re
import tempfile
from collections.abc import Mapping, Sequence
from itertools import count, islice
from math import ceil
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from earshift import datasets, registry
from earshift.datasets import LABEL, ClipList
from earshift.downloads import catalogue
from earshift.errors import DataError, EarshiftError
from earshift.evaluation import protocol
from earshift.stages.splits import alignment, left_out, splitting

#: Tables of more bytes are checked in their first lines alone: a second's worth.
WHOLE_BYTES = 16_000_000
FIRST_LINES = 20_000

#: A quote opens a cell only where the cell starts; the next that is not one of two
#: closes it.
_OPENS = re.compile(rb'(?:^|[,;\t]) *"').search
_CLOSES = re.compile(rb'[^"]*(?:""[^"]*)*"(?!")').match


def look(config: Mapping[str, Any], *, made: Path) -> list[str]:
    """Read the labels of all datasets that are at hand, and say what follows.

    Parameters
    ----------
    config : mapping
        As `settings.resolve` returns it.
    made : Path
        What is wrong in folders in here is no error, for a job makes them, and may not
        have ended; nor is it in those that registered files are unpacked to.

    Returns
    -------
    list of str
        Lines on the classes that the datasets share, and on what is left out. If the
        labels of a dataset are not at hand, nothing can be said of that.

    Raises
    ------
    DataError
        If a table cannot be used, the folds or classes that are asked for cannot be
        had, a recording is on both sides of a split, or no class can be used.
    """
    unpacked = catalogue.dataset_folders(config["downloads"]["register"])
    tables, lines = {}, []
    for name, entry in config["datasets"].items():
        try:
            clips, note = _listed(name, entry)
            if clips is not None:
                tables[name] = _in_use(name, entry, clips, config)
        except EarshiftError:
            folder = Path(entry["folder"])
            if folder.parent != made and folder not in unpacked:
                raise
            note = ""
        lines += [f"{name}: {note}"] if note else []
    is_whole = len(tables) == len(config["datasets"])
    if config["splits"]["kind"] == "official":
        # Folds in a larger number are merged, or not all tested, as the others need.
        splitting.official(
            {n: t for n, t in tables.items() if is_whole or _is_single(t)}
        )
    if not is_whole:
        return lines
    return lines + _classes(tables, config)


def _is_single(table: pd.DataFrame) -> bool:
    """Return True if an official split has one fold, of train and test clips."""
    return bool(table["split"].eq("test").any())


def _listed(name: str, entry: Mapping[str, Any]) -> tuple[pd.DataFrame | None, str]:
    """Return the clips of a dataset, if that is quick, and a note on them."""
    plugin = registry.load("datasets", entry["plugin"])
    folder, options = Path(entry["folder"]), datasets.options(entry)
    if not _is_ours(plugin) or not folder.is_dir():
        return None, ""
    files = [f for f in plugin.label_files(folder, **options) if f.is_file()]
    if sum(file.stat().st_size for file in files) > WHOLE_BYTES:
        if entry["plugin"] != "table":
            return None, ""
        head = _head(files[0])
        if len(head) > 1:
            return None, _check_head(name, entry, files[0], head)
    listed = _find(name, entry)
    return listed.clips, " ".join(datasets.warnings(listed))


def _is_ours(plugin: ModuleType) -> bool:
    """Return True if an adapter ships with us and lists its clips without a loader."""
    spec = plugin.__spec__
    return spec is not None and spec.parent == datasets.__name__


def _find(name: str, entry: Mapping[str, Any]) -> ClipList:
    try:
        return datasets.find_clips(name, entry)
    except EarshiftError:
        raise
    except Exception as error:
        raise DataError(
            f"the labels of dataset '{name}' cannot be read in '{entry['folder']}': "
            f"{type(error).__name__}: {error}"
        ) from error


def _head(file: Path) -> list[bytes]:
    """Return the first lines of a table, up to one that ends a row; perhaps none."""
    with file.open("rb") as lines:
        head = list(islice(lines, FIRST_LINES))
    if head[0].startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return []  # what ends a line is more than a byte
    n_whole, is_open = 0, False
    for i, line in enumerate(head, 1):
        is_open = _ends_within_a_cell(line, is_open)
        n_whole = n_whole if is_open else i
    return head[:n_whole]


def _ends_within_a_cell(line: bytes, is_open: bool) -> bool:
    """Return True if a quoted cell, perhaps open before a line, is open after it."""
    at = 0
    while quote := (_CLOSES if is_open else _OPENS)(line, at):
        is_open, at = not is_open, quote.end()
    return is_open


def _check_head(
    name: str, entry: Mapping[str, Any], file: Path, head: Sequence[bytes]
) -> str:
    """Check the first lines of a large table; return what was done."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / file.name
        copy.write_bytes(b"".join(head))
        try:
            _find(name, {**entry, "folder": folder, "table": file.name})
        except DataError as error:
            raise DataError(str(error).replace(str(copy), str(file))) from error
    return f"only the first {len(head)} lines of {file.name} were checked: it is large."


def _in_use(
    name: str, entry: Mapping[str, Any], clips: pd.DataFrame, config: Mapping[str, Any]
) -> pd.DataFrame:
    """Return the clips in use, with the shared classes; refuse what cannot be split."""
    rules = None
    if config["alignment"]:
        shared = alignment.read(alignment.location(config["alignment"]))
        rules = alignment.rules_of(shared, name, entry["plugin"])
    is_official = config["splits"]["kind"] == "official"
    rows = alignment.in_use(
        clips,
        rules,
        name,
        subgroups=config["subgroups"],
        used_by=protocol.study_of(config["study"]).named(config["protocols"]),
        official=is_official,
    )
    labels = [clips[LABEL + c] for c in datasets.classes(clips)]
    if len(labels) == 1 and not labels[0].eq(False).any():
        raise DataError(
            f"dataset '{name}' has one class only, '{datasets.classes(clips)[0]}', and "
            "no clip without it: a classifier needs both. Add clips of other classes, "
            "or of none."
        )
    if is_official:
        splitting.official_folds(name, rows)
    else:
        n_folds = config["splits"]["n_folds"]
        splitting.check_recordings(
            name, rows["recording"].nunique(), len(rows), n_folds
        )
    return rows


def _classes(
    tables: Mapping[str, pd.DataFrame], config: Mapping[str, Any]
) -> list[str]:
    """Return lines on the classes; refuse an experiment that has none to use."""
    asked = config["classes"]
    shared = left_out.check_shared(tables, asked)
    counted = left_out.survey(tables)
    reasons = {}
    for row in counted[counted["class"].isin(asked or shared)].to_dict("records"):
        if reason := _too_few(row, config):
            reasons[row["class"], row["dataset"]] = reason
            if asked:
                raise DataError(
                    f"class '{row['class']}' of dataset '{row['dataset']}' cannot be "
                    f"used: {reason}. Take it out of 'classes' in the config."
                )
    survey = left_out.survey(tables, reasons, asked)
    left_out.check_any_used(survey, list(tables))
    used = sorted(set(survey.loc[survey["used"], "class"]))
    every = left_out.few(used)
    head = f"classes in all of {', '.join(tables)}: {len(used)} ({every})"
    return [head, *(f"left out: {each}" for each in left_out.sentences(survey))]


def _too_few(row: Mapping[Any, Any], config: Mapping[str, Any]) -> str:
    """Return why no folds can be had of a class in a dataset, or nothing.

    What is said here is sure: how recordings are dealt to folds can only be worse.
    """
    n_folds, inner = config["splits"]["n_folds"], config["classifier"]["n_inner_folds"]
    is_grouped = config["splits"]["kind"] == "grouped"
    for kind, key in (("has", "present"), ("is known to lack", "absent")):
        n = row[f"recordings_{key}"]
        if not n:
            return f"no clip {kind} it"
        if is_grouped and n - ceil(n / n_folds) < inner:
            least = next(k for k in count(inner) if k - ceil(k / n_folds) >= inner)
            side = {"present": "with it", "absent": "known to lack it"}[key]
            return (
                f"{n} recording{'s' * (n != 1)} {side}, and {n_folds} folds with "
                f"{inner} inner folds need {least}"
            )
    return ""
