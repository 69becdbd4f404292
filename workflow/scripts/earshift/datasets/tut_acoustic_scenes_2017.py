"""TUT Acoustic Scenes 2017: clips of 10 s, 15 acoustic scenes.

Layout: ``TUT-acoustic-scenes-2017-development/`` (4680 clips) and ``-evaluation/``
(1620), each with ``audio/`` and ``meta.txt``, which has a line with path, scene and
recording per clip, with tabs between. The development part has 4 folds,
``evaluation_setup/fold<k>_evaluate.txt``, and ``error.txt``, which lists clips with a
failing microphone or the noise of a mobile phone.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from earshift import names, text
from earshift.datasets import ClipList, need_folder, one_label_per_clip
from earshift.datasets._files import audio_files, need_file, unlisted, unpacked
from earshift.errors import ConfigError, DataError, did_you_mean

version = 2
recordings = "tut_acoustic_scenes_2017"
licence = "free for research and other non-commercial use (EULA of the dataset)"
citation = (
    "Mesaros, Heittola, Virtanen (2016). TUT database for acoustic scene "
    "classification and sound event detection. EUSIPCO."
)

CLASSES = """
    beach bus cafe/restaurant car city_center forest_path grocery_store home library
    metro_station office park residential_area train tram
""".split()

#: Option `part` -> the parts of the dataset.
PARTS = {
    "development": ("development",),
    "evaluation": ("evaluation",),
    "both": ("development", "evaluation"),
}

N_FOLDS = 4


def label_files(folder: Path, *, part: str = "development", **_: bool) -> list[Path]:
    """Return the files with scenes, folds and errors."""
    files = []
    for each in PARTS[_known(part)]:
        root = _root(folder, each)
        files.append(root / "meta.txt")
        if each == "development":
            files += [_fold_file(root, fold) for fold in range(1, N_FOLDS + 1)]
            files.append(root / "error.txt")
    return files


def list_clips(
    folder: Path, *, part: str = "development", faulty: bool = False
) -> ClipList:
    """List the clips of one part, or of both.

    Parameters
    ----------
    folder : Path
        The folder that holds ``TUT-acoustic-scenes-2017-development`` and the other,
        or, for a single part, that part's folder.
    part : {"development", "evaluation", "both"}, default="development"
        Which part. The development part alone is split by its folds; with both, it
        trains and the other tests.
    faulty : bool, default=False
        Whether clips that ``error.txt`` lists are used; otherwise they are skipped.

    Returns
    -------
    ClipList
        Class: the scene present, all others absent. Recording: as ``meta.txt`` says,
        such as ``b020``; a clip of which it says none counts as its own. There are no
        subgroups.

    Raises
    ------
    ConfigError
        For another part.
    DataError
        If the folder or a file is missing, a scene is not official, or the folds list a
        clip twice.
    """
    need_folder(folder, "TUT Acoustic Scenes 2017 (meta.txt and audio/ of each part)")
    tables: list[pd.DataFrame] = []
    skipped: dict[str, str] = {}
    for each in PARTS[_known(part)]:
        table, left_out = _read_part(folder, _root(folder, each))
        if each == "evaluation":
            table["split"] = "test"
        elif part == "both":
            table["split"] = "train"
        else:
            table["split"], unknown = _folds(_root(folder, each), table)
            left_out |= unknown
        if each == "development" and not faulty:
            errors = _errors(_root(folder, each), left_out)
            left_out |= {
                f"error.txt: {listed}": "meta.txt does not list it"
                for listed in sorted(errors.keys() - set(table["listed"]))
            }
            bad = table["listed"].isin(errors)
            left_out |= {
                row.path: f"error.txt lists it: {errors[row.listed]}"
                for row in table[bad].itertuples()
            }
            table = table[~bad]
        tables.append(table)
        skipped |= left_out
    clips = pd.concat(tables, ignore_index=True)
    labels = clips.pop("scene").tolist()
    clips = clips.drop(columns="listed")
    alone = clips.loc[clips["split"].isna(), "clip_id"]
    noted = dict.fromkeys(alone, "no file of evaluation_setup/ lists it")
    return ClipList(one_label_per_clip(clips, labels, CLASSES), skipped, noted)


def _known(part: str) -> str:
    if part not in PARTS:
        raise ConfigError(
            f"'part' of tut_acoustic_scenes_2017: '{part}' {did_you_mean(part, PARTS)}"
        )
    return part


def _root(folder: Path, part: str) -> Path:
    return unpacked(folder, f"TUT-acoustic-scenes-2017-{part}")


def _fold_file(root: Path, fold: int) -> Path:
    return root / "evaluation_setup" / f"fold{fold}_evaluate.txt"


def _lines(file: Path) -> list[tuple[int, list[str]]]:
    """Return the number and the cells of each line of a file with tabs."""
    need_file(file)
    return [
        (number, [names.trim(cell) for cell in line.split("\t")])
        for number, line in text.lines(file)
    ]


def _read_part(folder: Path, root: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the clips of one part, without splits, and what is to be counted."""
    file = root / "meta.txt"
    rows = []
    alone = 0
    for number, cells in _lines(file):
        if len(cells) < 2:
            raise DataError(
                f"'{file}', line {number}: a path, a scene and a recording with tabs "
                f"between are needed, got '{cells[0]}'."
            )
        if names.clean(cells[1]) not in CLASSES:
            raise DataError(
                f"'{file}', line {number}: '{cells[1]}' is no class of this dataset "
                f"{did_you_mean(cells[1], CLASSES)}"
            )
        name = Path(cells[0]).stem
        recording = cells[2] if len(cells) > 2 and cells[2] else name
        alone += recording == name
        place = str((root / cells[0]).relative_to(folder))
        rows.append((name, place, recording, None, cells[0], cells[1]))
    if not rows:
        raise DataError(f"'{file}' lists no clip. Is it the official file?")
    columns = ["clip_id", "path", "recording", "subgroup", "listed", "scene"]
    table = pd.DataFrame(rows, columns=columns)
    sounds = audio_files(root, "audio/*", ".wav")
    skipped = unlisted(folder, sounds, table["path"], file.name)
    if alone:
        skipped[str(file.relative_to(folder))] = (
            f"it names no recording of {alone} clips: each counts as its own"
        )
    return table, skipped


def _folds(root: Path, table: pd.DataFrame) -> tuple[list[str | None], dict[str, str]]:
    """Return the fold that tests each clip, and what the folds list beside them."""
    fold_of: dict[str, str] = {}
    skipped = {}
    known = set(table["listed"])
    for fold in range(1, N_FOLDS + 1):
        file = _fold_file(root, fold)
        for _, (listed, *_) in _lines(file):
            if listed in fold_of:
                raise DataError(
                    f"'{file}' lists '{listed}', which fold {fold_of[listed]} lists "
                    "already: each clip is tested once. Is it the official file?"
                )
            fold_of[listed] = str(fold)
            if listed not in known:
                skipped[f"{file.name}: {listed}"] = "meta.txt does not list it"
    return [fold_of.get(listed) for listed in table["listed"]], skipped


def _errors(root: Path, skipped: dict[str, str]) -> dict[str, str]:
    """Return the clips that ``error.txt`` lists -> what it says of them."""
    file = root / "error.txt"
    rows = _lines(file) if file.is_file() else []
    if not rows:
        state = "empty" if file.is_file() else "not there"
        skipped[file.name] = f"it is {state}: clips with faults are not known"
    return {cells[0]: " ".join(cells[1:]) for _, cells in rows}
