"""IRMAS, training part: 3 s excerpts, each labelled with its predominant instrument.

Layout: ``IRMAS-TrainingData/<code>/<name>.wav``, where the name holds the instrument in
its first brackets, the genre in its last, then the recording's number and the clip's:
``001__[gel][dru][pop_roc]0829__1.wav``. Beside it there may be ``irmas_train.csv`` and
``irmas_test.csv``, a split in the form of Wang, Richard and McFee (2023): one
clip name per line, with ``.wav`` or without; repetitions do no harm. Otherwise theirs,
which ships, is used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from earshift import resources, text
from earshift.datasets import ClipList, need_folder, one_label_per_clip
from earshift.datasets._files import audio_files, named_files, sides, unmatched
from earshift.errors import DataError

version = 4
recordings = "irmas"
licence = "CC BY-NC-SA 3.0"
citation = (
    "Bosch, Janer, Fuhrmann, Herrera (2012). A comparison of sound segregation "
    "techniques for predominant instrument recognition in musical audio signals. ISMIR."
)

#: Instrument code -> class.
INSTRUMENTS = {
    "cel": "cello",
    "cla": "clarinet",
    "flu": "flute",
    "gac": "acoustic_guitar",
    "gel": "electric_guitar",
    "org": "organ",
    "pia": "piano",
    "sax": "saxophone",
    "tru": "trumpet",
    "vio": "violin",
    "voi": "voice",
}

CLASSES = tuple(INSTRUMENTS.values())

#: Genre code -> subgroup.
GENRES = {
    "cla": "classical",
    "cou_fol": "country_folk",
    "jaz_blu": "jazz_blue",
    "lat_sou": "latin_soul",
    "pop_roc": "pop_rock",
}

NAME = re.compile(
    r"(?:\d+__)?"
    rf"\[(?P<instrument>{'|'.join(INSTRUMENTS)})\]"
    r"(?:\[(?:dru|nod|---)\])?"
    rf"\[(?P<genre>{'|'.join(GENRES)})\]"
    r"(?P<recording>\d{4})__(?P<clip>\d+)"
)


def label_files(folder: Path) -> list[Path]:
    """Return the files of the split, where the folder has its own."""
    return [file for file in _split_files(folder).values() if file.is_file()]


def list_without_audio(folder: Path) -> ClipList:
    """List the clips of the split by their names alone: the 6705 of that which ships.

    Parameters
    ----------
    folder : Path
        May hold a split of its own.

    Returns
    -------
    ClipList
        As of `list_clips`.
    """
    rows, skipped = [], {}
    for clip_id, side in _split(folder).items():
        match = _parse(Path(f"{clip_id}.wav"))
        if isinstance(match, str):
            skipped[clip_id] = match
            continue
        path = f"IRMAS-TrainingData/{match['instrument']}/{clip_id}.wav"
        rows.append(_row(match, path, side))
    if not rows:
        raise DataError(
            f"no line of '{folder}/irmas_train.csv' and 'irmas_test.csv' is a name as "
            f"in IRMAS, such as [cel][cla]0001__1 ({len(skipped)} others)."
        )
    return _listed(rows, skipped, {})


def list_clips(folder: Path) -> ClipList:
    """List the clips of an IRMAS training folder.

    Parameters
    ----------
    folder : Path
        The folder that holds ``IRMAS-TrainingData``, or that folder itself.

    Returns
    -------
    ClipList
        Class: the predominant instrument present, all others absent. Recording: the
        four-digit number. Subgroup: the genre. Split: that of the folder, or of Wang,
        Richard and McFee (2023), by recording; none for a clip that it does not list.
        Names that do not parse, and files of one name after the first, are skipped;
        so are lines of the folder's own split that name no clip, and clips that it does
        not list are noted.

    Raises
    ------
    DataError
        If the folder is missing or no name in it parses, or a file of its split names
        no clip at all.
    """
    inner = folder / "IRMAS-TrainingData"
    root = inner if inner.is_dir() else folder
    need_folder(root, "the IRMAS training part (IRMAS-TrainingData)")
    split = _split(folder)
    files = audio_files(root, "*/*", ".wav")
    parsed, skipped = named_files(folder, files, _parse)
    rows = [
        _row(match, path, split.get(name)) for name, (path, match) in parsed.items()
    ]
    if not rows:
        raise DataError(
            f"no file under '{root}' is named as in IRMAS, such as "
            f"cel/[cel][cla]0001__1.wav ({len(skipped)} other WAV files)."
        )
    noted = {}
    if label_files(folder):
        lists = _split_files(folder)
        for entry in unmatched(split, lists, parsed):
            skipped[entry] = "no clip of the folder has this name"
        both = " and ".join(file.name for file in lists.values())
        noted = {name: f"{both} do not list it" for name in parsed if name not in split}
    return _listed(rows, skipped, noted)


def _split_files(folder: Path) -> dict[str, Path]:
    return {side: folder / f"irmas_{side}.csv" for side in ("train", "test")}


def _split(folder: Path) -> dict[str, str]:
    """Return the side of each clip that the split lists, by name in sorted order."""
    if label_files(folder):
        side_of, _ = sides(_split_files(folder), "IRMAS", ".wav")
    else:
        table = text.table(resources.resource("irmas_split.csv"), ["clip", "split"])
        side_of = table.set_index("clip")["split"].to_dict()
    return dict(sorted(side_of.items()))


def _parse(file: Path) -> re.Match[str] | str:
    """Return what a name says, or why it is no clip's."""
    return NAME.fullmatch(file.stem) or "the name is not as IRMAS names are"


def _row(match: re.Match[str], path: str, side: str | None) -> dict[str, str | None]:
    return {
        "clip_id": match.string,
        "path": path,
        "recording": match["recording"],
        "subgroup": GENRES[match["genre"]],
        "split": side,
        "class": INSTRUMENTS[match["instrument"]],
    }


def _listed(
    rows: Sequence[Mapping[str, str | None]],
    skipped: Mapping[str, str],
    noted: Mapping[str, str],
) -> ClipList:
    table = pd.DataFrame(rows)
    labels = table.pop("class").tolist()
    clips = one_label_per_clip(table, labels, CLASSES)
    return ClipList(clips, skipped, noted)
