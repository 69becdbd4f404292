"""IRMAS, test part: excerpts of 5 to 20 s, labelled with every predominant instrument.

Layout: ``IRMAS-TestingData-Part<n>/<folder>/<song>-<number>.wav``, and beside each a
text file of the same name with one instrument code a line.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from earshift import names, text
from earshift.datasets import ClipList, labels_per_clip, need_folder
from earshift.datasets._files import relative
from earshift.datasets.irmas import INSTRUMENTS, citation, licence
from earshift.errors import DataError

__all__ = ["citation", "label_files", "licence", "list_clips", "version"]

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
    rows, labels, skipped = [], [], {}
    for file in sorted(folder.rglob("*.wav")):
        place = relative(folder, file)
        try:
            codes = _codes(file.with_suffix(".txt"))
        except DataError as error:
            skipped[place] = f"its labels cannot be read: {names.printable(str(error))}"
            continue
        unknown = sorted(codes - INSTRUMENTS.keys())
        if unknown or not codes:
            what = f"has the unknown code '{unknown[0]}'" if unknown else "is empty"
            skipped[place] = f"its label file {what}"
            continue
        rows.append(
            {
                "clip_id": place.removesuffix(".wav"),
                "path": place,
                "recording": names.printable(re.sub(r"-\d+$", "", file.stem)),
                "subgroup": None,
                "split": "test",
            }
        )
        labels.append({INSTRUMENTS[code] for code in codes})
    if not rows:
        raise DataError(
            f"no WAV file under '{folder}' has beside it a text file with instrument "
            f"codes, as in the IRMAS test part ({len(skipped)} without)."
        )
    for file in label_files(folder):
        sound = file.with_suffix(".wav")
        if not sound.is_file() and _holds_codes(file):
            skipped[relative(folder, sound)] = (
                "its labels are there, the file itself is not"
            )
    clips = labels_per_clip(pd.DataFrame(rows), labels, INSTRUMENTS.values())
    return ClipList(clips, skipped)


def _codes(file: Path) -> set[str]:
    """Return the words of a label file."""
    return {names.clean(word) for word in text.read(file).split()} - {""}


def _holds_codes(file: Path) -> bool:
    try:
        return _codes(file) <= INSTRUMENTS.keys()
    except DataError:
        return False
