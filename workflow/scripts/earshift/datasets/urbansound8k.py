"""UrbanSound8K: 8732 slices of up to 4 s, 10 classes of urban sound, 10 folds.

Layout: ``metadata/UrbanSound8K.csv`` (slice_file_name, fsID, start, end, salience,
fold, classID, class) and ``audio/fold<k>/<fsID>-<classID>-<occurrence>-<slice>.wav``.
Slices of one Freesound recording are in one fold.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from earshift import text
from earshift.datasets import ClipList, need_folder, one_label_per_clip
from earshift.datasets._files import (
    audio_files,
    fold_numbers,
    read_csv,
    unlisted,
    unpacked,
)

version = 1
recordings = "freesound"
licence = "CC BY-NC 4.0"
citation = (
    "Salamon, Jacoby, Bello (2014). A dataset and taxonomy for urban sound research. "
    "ACM Multimedia."
)

CLASSES = """
    air_conditioner car_horn children_playing dog_bark drilling engine_idling gun_shot
    jackhammer siren street_music
""".split()

#: How the annotators heard the sound -> subgroup.
SALIENCE = {"1": "foreground", "2": "background"}

N_FOLDS = 10


def label_files(folder: Path) -> list[Path]:
    """Return the path of the table."""
    return [unpacked(folder, "UrbanSound8K") / "metadata" / "UrbanSound8K.csv"]


def list_clips(folder: Path) -> ClipList:
    """List the clips of an UrbanSound8K folder.

    Parameters
    ----------
    folder : Path
        The folder that holds ``metadata/`` and ``audio/``, or the one that holds
        ``UrbanSound8K``.

    Returns
    -------
    ClipList
        Class: the named one present, all others absent. Recording: the Freesound id.
        Subgroup: foreground or background. Split: the official fold.

    Raises
    ------
    DataError
        If the folder, the table or a column is missing, or a fold or a class is not
        official.
    """
    need_folder(folder, "UrbanSound8K (metadata/ and audio/)")
    (file,) = label_files(folder)
    rows = read_csv(file, ("slice_file_name", "fsID", "salience", "fold", "class"))
    audio = file.parents[1] / "audio"
    prefix = audio.relative_to(folder)
    folds = fold_numbers(file, rows["fold"], N_FOLDS)
    names = rows["slice_file_name"]
    clips = pd.DataFrame(
        {
            "clip_id": names.str.removesuffix(".wav"),
            "path": [
                str(prefix / f"fold{k}" / name)
                for k, name in zip(folds, names, strict=True)
            ],
            "recording": rows["fsID"],
            "subgroup": [SALIENCE.get(text.whole(s)) for s in rows["salience"]],
            "split": folds,
        }
    )
    sounds = audio_files(audio, "fold*/*", ".wav")
    skipped = unlisted(folder, sounds, clips["path"], file.name)
    labels = rows["class"].tolist()
    return ClipList(one_label_per_clip(clips, labels, CLASSES, file), skipped)
