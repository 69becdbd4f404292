"""RAVDESS, spoken sentences: 1440 clips, 8 emotions, 24 actors.

Layout: ``Actor_<actor>/<name>.wav``, directly or in ``Audio_Speech_Actors_01-24``, or
both, of which one is used. The name is seven two-digit numbers: modality, vocal
channel, emotion, intensity, statement, repetition and actor, such as
``03-01-06-01-02-01-12.wav``.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from earshift.datasets import ClipList, need_folder, one_label_per_clip
from earshift.datasets._files import audio_files, named_files
from earshift.errors import DataError

version = 1
recordings = "ravdess"
licence = "CC BY-NC-SA 4.0"
citation = (
    "Livingstone, Russo (2018). The Ryerson audio-visual database of emotional speech "
    "and song (RAVDESS). PLoS ONE 13(5)."
)

EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fearful",
    "07": "disgust",
    "08": "surprised",
}

CLASSES = tuple(EMOTIONS.values())

NAME = re.compile(
    r"0[1-3]-(?P<channel>0[12])-(?P<emotion>0[1-8])-0[12]-0[12]-0[12]"
    r"-(?P<actor>0[1-9]|1\d|2[0-4])"
)

#: The clips are known by their files.
list_without_audio = None


def label_files(folder: Path) -> list[Path]:
    """Return no file: the labels are in the names."""
    del folder
    return []


def list_clips(folder: Path) -> ClipList:
    """List the spoken clips of a RAVDESS folder.

    Parameters
    ----------
    folder : Path
        The folder that holds ``Actor_01`` to ``Actor_24``, or one around it.

    Returns
    -------
    ClipList
        Class: the emotion present, all others absent. Recording and subgroup: the
        actor. There is no official split. Songs, names that do not parse, and files
        of one name after the first are skipped.

    Raises
    ------
    DataError
        If the folder is missing or no name in it parses.
    """
    need_folder(folder, "RAVDESS (Actor_01 to Actor_24)")
    files = audio_files(folder, "**/Actor_*/*", ".wav")
    parsed, skipped = named_files(folder, files, _parse)
    rows, labels = [], []
    for clip_id, (place, match) in parsed.items():
        actor = f"Actor_{match['actor']}"
        rows.append((clip_id, place, actor, actor, None))
        labels.append(EMOTIONS[match["emotion"]])
    if not rows:
        raise DataError(
            f"no file under '{folder}' is named as speech of RAVDESS is, such as "
            f"Actor_12/03-01-06-01-02-01-12.wav ({len(skipped)} other WAV files)."
        )
    columns = ["clip_id", "path", "recording", "subgroup", "split"]
    clips = pd.DataFrame(rows, columns=columns)
    return ClipList(one_label_per_clip(clips, labels, CLASSES), skipped)


def _parse(file: Path) -> re.Match[str] | str:
    """Return what a name says, or why the file is no clip."""
    match = NAME.fullmatch(file.stem)
    if match is None:
        return "the name is not as RAVDESS names are"
    if match["channel"] == "02":
        return "it is sung; this dataset is the speech"
    return match
