"""Medley-solos-DB: 21,571 clips of 3 s, 8 instruments playing alone.

Layout: ``Medley-solos-DB_metadata.csv`` (subset, instrument, instrument_id, song_id,
uuid4) and ``Medley-solos-DB_<subset>-<instrument_id>_<uuid4>.wav``, here or in
``Medley-solos-DB/``, or in ``annotation/`` and ``audio/`` as mirdata unpacks them.
Older releases have the column track_id in place of song_id, and names that end in
``.wav.wav``.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from earshift.datasets import ClipList, need_folder, one_label_per_clip
from earshift.datasets._files import audio_files, read_csv, unlisted, unpacked
from earshift.errors import DataError

version = 2
recordings = "medley_solos_db"
licence = "CC BY 4.0"
citation = (
    "Lostanlen, Cella (2016). Deep convolutional networks on the pitch spiral for "
    "musical instrument recognition. ISMIR."
)

CLASSES = (
    "clarinet",
    "distorted electric guitar",
    "female singer",
    "flute",
    "piano",
    "tenor saxophone",
    "trumpet",
    "violin",
)

#: Official name of a subset -> split.
SUBSETS = {"training": "train", "validation": "validation", "test": "test"}

TABLE = "Medley-solos-DB_metadata.csv"


def label_files(folder: Path) -> list[Path]:
    """Return the path of the table."""
    return [unpacked(folder, "annotation") / TABLE]


def list_clips(folder: Path) -> ClipList:
    """List the clips of a Medley-solos-DB folder.

    Parameters
    ----------
    folder : Path
        The folder that holds the table, or that of mirdata.

    Returns
    -------
    ClipList
        Class: the instrument present, all others absent. Recording: the song. There
        are no subgroups. Split: the official subset.

    Raises
    ------
    DataError
        If the folder, the table or a column is missing, or a subset or an instrument is
        not official.
    """
    need_folder(folder, f"Medley-solos-DB ({TABLE} and the audio)")
    (file,) = label_files(folder)
    needed = ("subset", "instrument", "instrument_id", "song_id", "uuid4")
    rows = read_csv(file, needed, older={"track_id": "song_id"})
    odd = rows[~rows["subset"].isin(SUBSETS)]
    if len(odd):
        raise DataError(
            f"'{file}', row {odd.index[0]}: a subset is one of "
            f"{', '.join(SUBSETS)}, got '{odd['subset'].iloc[0]}'."
        )
    audio = unpacked(folder, "Medley-solos-DB", "audio")
    there = audio_files(audio, "*", ".wav")
    by_stem = {file.name.partition(".")[0]: file.name for file in sorted(there)}
    stems = [
        f"Medley-solos-DB_{row.subset}-{row.instrument_id}_{row.uuid4}"
        for row in rows.itertuples()
    ]
    prefix = audio.relative_to(folder)
    clips = pd.DataFrame(
        {
            "clip_id": rows["uuid4"],
            "path": [str(prefix / by_stem.get(s, f"{s}.wav")) for s in stems],
            "recording": rows["song_id"],
            "subgroup": None,
            "split": [SUBSETS[subset] for subset in rows["subset"]],
        }
    )
    skipped = unlisted(folder, there, clips["path"], TABLE)
    labels = rows["instrument"].tolist()
    return ClipList(one_label_per_clip(clips, labels, CLASSES, file), skipped)
