"""GTZAN: 1000 clips of 30 s, 10 genres.

Layout: ``genres/<genre>/<genre>.<five digits>.wav`` or ``.au``. The split is the
fault-filtered one: no artist is on two sides, and 70 clips that repeat others, are
distorted or stand between the sides are on none. `resources/gtzan.csv` holds it, with
the artist of each clip where Sturm's index names one. The archive's jazz.00054.wav
cannot be read; stage 1 says so, as of any other clip.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from earshift import resources, text
from earshift.datasets import ClipList, need_folder, one_label_per_clip
from earshift.datasets._files import audio_files, named_files, unpacked
from earshift.errors import DataError

version = 1
recordings = "gtzan"
licence = "none stated"
citation = (
    "Tzanetakis, Cook (2002). Musical genre classification of audio signals. IEEE "
    "Transactions on Speech and Audio Processing 10(5). Artists: Sturm (2013). The "
    "GTZAN dataset, arXiv:1306.1461. Split: Kereliuk, Sturm, Larsen (2015). Deep "
    "learning and music adversaries. IEEE Transactions on Multimedia 17(11)."
)

CLASSES = """
    blues classical country disco hiphop jazz metal pop reggae rock
""".split()

NAME = re.compile(rf"(?P<genre>{'|'.join(CLASSES)})\.\d{{5}}")

#: The clips are known by their files.
list_without_audio = None


def label_files(folder: Path) -> list[Path]:
    """Return no file: the labels are in the names."""
    del folder
    return []


def list_clips(folder: Path) -> ClipList:
    """List the clips of a GTZAN folder.

    Parameters
    ----------
    folder : Path
        The folder that holds ``genres`` (or ``genres_original``), or that folder.

    Returns
    -------
    ClipList
        Class: the genre present, all others absent. Recording: the artist, or the clip
        where none is known. There are no subgroups. Split: the fault-filtered one;
        none for the 70 clips it leaves out. Names that do not parse, and files of one
        name after the first, are skipped.

    Raises
    ------
    DataError
        If the folder is missing or no name in it parses.
    """
    need_folder(folder, "GTZAN (genres/)")
    root = unpacked(folder, "genres", "genres_original")
    facts = text.table(resources.resource("gtzan.csv"), ["clip"]).set_index("clip")
    files = audio_files(root, "*/*", ".wav", ".au")
    parsed, skipped = named_files(folder, files, _parse)
    rows, labels = [], []
    for clip_id, (place, match) in parsed.items():
        artist, split = facts["artist"].get(clip_id), facts["split"].get(clip_id)
        rows.append((clip_id, place, artist or clip_id, None, split or None))
        labels.append(match["genre"])
    if not rows:
        raise DataError(
            f"no file under '{root}' is named as in GTZAN, such as "
            f"blues/blues.00000.wav ({len(skipped)} other audio files)."
        )
    columns = ["clip_id", "path", "recording", "subgroup", "split"]
    clips = pd.DataFrame(rows, columns=columns)
    return ClipList(one_label_per_clip(clips, labels, CLASSES), skipped)


def _parse(file: Path) -> re.Match[str] | str:
    """Return what a name says, or why the file is no clip."""
    match = NAME.fullmatch(file.stem)
    if match is None or match["genre"] != file.parent.name:
        return "the name is not as GTZAN names are"
    return match
