"""ESC-50: 2000 clips of 5 s, 50 classes of environmental sound, 5 folds.

Layout: ``meta/esc50.csv`` (filename, fold, target, category, esc10, src_file, take) and
``audio/<fold>-<Freesound id>-<take>-<target>.wav``. Clips of one Freesound recording,
told apart by the letter of their take, are in one fold.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from earshift.datasets import ClipList, need_folder, one_label_per_clip
from earshift.datasets._files import (
    audio_files,
    fold_numbers,
    read_csv,
    truth,
    unlisted,
    unpacked,
)
from earshift.errors import ConfigError

version = 2
recordings = "freesound"
licence = "CC BY-NC 3.0; ESC-10: CC BY 3.0"
citation = (
    "Piczak (2015). ESC: dataset for environmental sound classification. ACM "
    "Multimedia."
)

CLASSES = """
    airplane breathing brushing_teeth can_opening car_horn cat chainsaw chirping_birds
    church_bells clapping clock_alarm clock_tick coughing cow crackling_fire crickets
    crow crying_baby dog door_wood_creaks door_wood_knock drinking_sipping engine
    fireworks footsteps frog glass_breaking hand_saw helicopter hen insects
    keyboard_typing laughing mouse_click pig pouring_water rain rooster sea_waves sheep
    siren sneezing snoring thunderstorm toilet_flush train vacuum_cleaner
    washing_machine water_drops wind
""".split()

ESC10 = """
    chainsaw clock_tick crackling_fire crying_baby dog helicopter rain rooster sea_waves
    sneezing
""".split()

N_FOLDS = 5


def label_files(folder: Path, **_: str) -> list[Path]:
    """Return the path of the table."""
    return [unpacked(folder, "ESC-50-master") / "meta" / "esc50.csv"]


def list_clips(folder: Path, *, subset: str | None = None) -> ClipList:
    """List the clips of an ESC-50 folder.

    Parameters
    ----------
    folder : Path
        The folder that holds ``meta/esc50.csv``, or the one that holds
        ``ESC-50-master``.
    subset : {None, "esc10"}, default=None
        All 50 classes, or the ten of ESC-10.

    Returns
    -------
    ClipList
        Class: the category present, all others absent. Recording: the Freesound id.
        There are no subgroups. Split: the official fold.

    Raises
    ------
    ConfigError
        For another subset.
    DataError
        If the folder, the table or a column is missing, or a fold or a category is
        not official.
    """
    if subset not in (None, "esc10"):
        raise ConfigError(f"'subset' of esc50 is esc10 or left out, got '{subset}'.")
    need_folder(folder, "ESC-50 (meta/esc50.csv and audio/)")
    (file,) = label_files(folder)
    rows = read_csv(file, ("filename", "fold", "category", "esc10", "src_file"))
    audio = file.parents[1] / "audio"
    prefix = audio.relative_to(folder)
    rows["path"] = [str(prefix / name) for name in rows["filename"]]
    sounds = audio_files(audio, "*", ".wav")
    skipped = unlisted(folder, sounds, rows["path"], file.name)
    known = CLASSES
    if subset:
        rows, known = rows[truth(file, rows["esc10"])], ESC10
    clips = pd.DataFrame(
        {
            "clip_id": rows["filename"].str.removesuffix(".wav"),
            "path": rows["path"],
            "recording": rows["src_file"],
            "subgroup": None,
            "split": fold_numbers(file, rows["fold"], N_FOLDS),
        }
    )
    labels = rows["category"].tolist()
    return ClipList(one_label_per_clip(clips, labels, known, file), skipped)
