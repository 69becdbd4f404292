"""IRMAS, test part: excerpts of 5 to 20 s, labelled with every predominant instrument.

Layout: ``IRMAS-TestingData-Part<n>/<folder>/<song>-<number>.wav``, and beside each a
text file of the same name with one instrument code a line.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pandas as pd

from earshift import names, text
from earshift.datasets import ClipList, labels_per_clip, need_folder
from earshift.datasets._files import audio_files, relative
from earshift.datasets.irmas import CLASSES, INSTRUMENTS, citation, licence
from earshift.errors import DataError

__all__ = ["CLASSES", "citation", "label_files", "licence", "list_clips", "version"]

version = 3
recordings = "irmas_test"

#: The clips are known by their files.
list_without_audio = None


def label_files(folder: Path) -> list[Path]:
    """Return the text files that hold the labels."""
    return sorted(folder.rglob("*.txt"))


def list_clips(folder: Path) -> ClipList:
    """List the clips of an IRMAS test folder.

    Parameters
    ----------
    folder : Path
        The folder that holds ``IRMAS-TestingData-Part1`` to ``3``, or one of these.

    Returns
    -------
    ClipList
        Classes: each listed instrument present, all others absent. Recording: the song,
        which is the name without its last number. There are no subgroups; every clip is
        of the split ``test``. Clips without a label file, with an empty one, or with an
        unknown code are skipped, and so are label files without a clip.

    Raises
    ------
    DataError
        If the folder is missing or no clip in it has labels.
    """
    need_folder(folder, "the IRMAS test part (IRMAS-TestingData-Part1 to 3)")
    labels: dict[str, set[str]] = {}
    rows, skipped = [], {}
    files = audio_files(folder, "**/*", ".wav")
    for file in files:
        place = relative(folder, file)
        clip_id = unicodedata.normalize("NFC", place[: -len(".wav")])
        codes = _known_codes(file.with_suffix(".txt"))
        if clip_id in labels:
            skipped[place] = "a file of the same name is used"
        elif isinstance(codes, str):
            skipped[place] = codes
        else:
            labels[clip_id] = {INSTRUMENTS[code] for code in codes}
            song = names.printable(re.sub(r"-\d+$", "", file.stem))
            rows.append((clip_id, place, song, None, "test"))
    if not rows:
        raise DataError(
            f"no WAV file under '{folder}' has beside it a text file with instrument "
            f"codes, as in the IRMAS test part ({len(skipped)} without)."
        )
    there = {file.with_suffix("") for file in files}
    for file in label_files(folder):
        if file.with_suffix("") not in there and _holds_codes(file):
            skipped[relative(folder, file.with_suffix(".wav"))] = (
                "its labels are there, the file itself is not"
            )
    columns = ["clip_id", "path", "recording", "subgroup", "split"]
    clips = pd.DataFrame(rows, columns=columns)
    return ClipList(labels_per_clip(clips, [*labels.values()], CLASSES), skipped)


def _known_codes(file: Path) -> set[str] | str:
    """Return the instrument codes of a label file, or why it cannot be used."""
    try:
        codes = _codes(file)
    except DataError as error:
        return f"its labels cannot be read: {names.printable(str(error))}"
    if not codes:
        return "its label file is empty"
    unknown = sorted(codes - INSTRUMENTS.keys())
    return f"its label file has the unknown code '{unknown[0]}'" if unknown else codes


def _codes(file: Path) -> set[str]:
    """Return the words of a label file."""
    return {names.clean(word) for word in text.read(file).split()} - {""}


def _holds_codes(file: Path) -> bool:
    try:
        return _codes(file) <= INSTRUMENTS.keys()
    except DataError:
        return False
