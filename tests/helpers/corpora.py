"""Tiny corpora in the official layouts: real audio files, official names and tables.

``write_<plugin>(folder)`` writes that of a dataset plugin, for its own tests and for
`tests/contract/test_datasets.py`: a few clips, of which two are of one recording, with
all files that the adapter reads. It returns the folder; or the config entry, where the
plugin needs options or takes an argument.
"""

import csv
import json
from hashlib import md5

import numpy as np
import pytest
import soundfile

from tests.helpers.tones import tone


def write_sound(file, seed=0):
    """A real audio file of 0.2 s, at any path."""
    file.parent.mkdir(parents=True, exist_ok=True)
    kind = {"format": "AU"} if file.suffix == ".au" else {}
    soundfile.write(file, tone(200 + 50 * seed, 0.2, seed=seed), 16_000, **kind)


def write_rows(file, header, rows):
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])


ESC50 = [
    ("1-100032-A-0.wav", 1, 0, "dog", "True", 100032, "A"),
    ("1-100210-A-36.wav", 1, 36, "vacuum_cleaner", "False", 100210, "A"),
    ("1-100210-B-36.wav", 1, 36, "vacuum_cleaner", "False", 100210, "B"),
    ("2-101676-A-10.wav", 2, 10, "rain", "True", 101676, "A"),
    ("5-9032-A-0.wav", 5, 0, "dog", "True", 9032, "A"),
]


def write_esc50(folder):
    header = ["filename", "fold", "target", "category", "esc10", "src_file", "take"]
    write_rows(folder / "meta" / "esc50.csv", header, ESC50)
    for seed, row in enumerate(ESC50):
        write_sound(folder / "audio" / row[0], seed)
    return folder


URBANSOUND8K = [
    ("100032-3-0-0.wav", 100032, 0.0, 0.317551, 1, 5, 3, "dog_bark"),
    ("100263-2-0-117.wav", 100263, 58.5, 62.5, 1, 5, 2, "children_playing"),
    ("100263-2-0-121.wav", 100263, 60.5, 64.5, 2, 5, 2, "children_playing"),
    ("99812-1-0-0.wav", 99812, 159.522205, 163.522205, 2, 10, 1, "car_horn"),
]


def write_urbansound8k(folder):
    header = ["slice_file_name", "fsID", "start", "end", "salience", "fold", "classID"]
    table = folder / "metadata" / "UrbanSound8K.csv"
    write_rows(table, [*header, "class"], URBANSOUND8K)
    for seed, row in enumerate(URBANSOUND8K):
        write_sound(folder / "audio" / f"fold{row[5]}" / row[0], seed)
    return folder


MEDLEY = [
    ("test", "clarinet", 0, 0, "0e4371ac-1c6a-51ab-fdb7-f8abd5fbf1a3"),
    ("test", "clarinet", 0, 0, "33383119-fd64-59c1-f596-d1a23e8a0eff"),
    ("training", "violin", 7, 139, "163fd2b1-8e98-515a-f501-4742cc6d066f"),
    ("validation", "female singer", 2, 200, "a8bfed6b-3005-5059-f46d-4f4c5e672850"),
]


def write_medley_solos_db(folder, *, annotation="", audio="", ending=".wav.wav"):
    header = ["subset", "instrument", "instrument_id", "song_id", "uuid4"]
    write_rows(folder / annotation / "Medley-solos-DB_metadata.csv", header, MEDLEY)
    for seed, (subset, _, instrument, _, uuid) in enumerate(MEDLEY):
        name = f"Medley-solos-DB_{subset}-{instrument}_{uuid}{ending}"
        write_sound(folder / audio / name, seed)
    return folder


TUT_DEVELOPMENT = [
    ("audio/b020_90_100.wav", "beach", "b020", 1),
    ("audio/b020_110_120.wav", "beach", "b020", 1),
    ("audio/a001_0_10.wav", "residential_area", "a001", 2),
    ("audio/b003_40_50.wav", "cafe/restaurant", "b003", 3),
    ("audio/a124_10_20.wav", "tram", "a124", 4),
]

TUT_EVALUATION = [
    ("audio/1.wav", "beach", "b900"),
    ("audio/2.wav", "tram", "b901"),
]


def write_tut_acoustic_scenes_2017(folder):
    """Both parts of TUT Acoustic Scenes 2017, beside each other."""
    development = folder / "TUT-acoustic-scenes-2017-development"
    evaluation = folder / "TUT-acoustic-scenes-2017-evaluation"
    for root, rows in ((development, TUT_DEVELOPMENT), (evaluation, TUT_EVALUATION)):
        for seed, row in enumerate(rows):
            write_sound(root / row[0], seed)
        lines = ["\t".join(row[:3]) for row in rows]
        (root / "meta.txt").write_text("\n".join(lines) + "\n")
    setup = development / "evaluation_setup"
    setup.mkdir()
    for fold in range(1, 5):
        tested = [row for row in TUT_DEVELOPMENT if row[3] == fold]
        others = [row for row in TUT_DEVELOPMENT if row[3] != fold]
        for side, rows, width in (
            ("train", others, 2),
            ("test", tested, 1),
            ("evaluate", tested, 2),
        ):
            lines = ["\t".join(row[:width]) for row in rows]
            (setup / f"fold{fold}_{side}.txt").write_text("\n".join(lines) + "\n")
    (development / "error.txt").write_text("audio/a124_10_20.wav\t1.5\t2.0\tradio\n")
    return folder


def write_gtzan(folder, ending=".wav"):
    names = ["blues.00000", "blues.00001", "blues.00012", "country.00002"]
    for seed, name in enumerate([*names, "jazz.00054", "jazz.00055"]):
        genre = name.partition(".")[0]
        write_sound(folder / "genres" / genre / f"{name}{ending}", seed)
    return folder


RAVDESS = [
    "Actor_01/03-01-01-01-01-01-01.wav",
    "Actor_01/03-01-05-02-01-01-01.wav",
    "Actor_12/03-01-06-01-02-01-12.wav",
]


def write_ravdess(folder):
    for seed, name in enumerate(RAVDESS):
        write_sound(folder / name, seed)
    return folder


IRMAS = [
    ("cel/[cel][cla]0001__1.wav", "train"),
    ("cel/[cel][cla]0001__2.wav", "train"),
    ("gac/001__[gac][nod][cou_fol]0829__1.wav", "test"),
    ("voi/052__[voi][dru][lat_sou]0831__1.wav", "test"),
]


def write_irmas(folder):
    """The training part, with a split of its own beside it."""
    for seed, (name, _) in enumerate(IRMAS):
        write_sound(folder / "IRMAS-TrainingData" / name, seed)
    for side in ("train", "test"):
        names = [name.partition("/")[2] for name, own in IRMAS if own == side]
        (folder / f"irmas_{side}.csv").write_text("\n".join(names) + "\n")
    return folder


IRMAS_TEST = {
    "Part1/Part1/(02) dont kill the whale-1": "gel\t\nvoi\t\n",
    "Part1/Part1/(02) dont kill the whale-13": "gac\ngel\n",
    "Part2/IRTestingData-Part2/02 - Nocturne-3": "pia\t",
}


def write_irmas_test(folder):
    for seed, (name, codes) in enumerate(IRMAS_TEST.items()):
        file = folder / f"IRMAS-TestingData-{name}.wav"
        write_sound(file, seed)
        file.with_suffix(".txt").write_text(codes)
    return folder


#: Key -> likelihoods of cello, flute and voice (None is unknown), genre, partition.
OPENMIC = {
    "000046_3840": ((0.9, None, 0.1), "Blues", "train"),
    "000046_46080": ((0.7, 0.2, None), "Blues", "train"),
    "000135_483840": ((0.5, None, None), "Rock", "train"),
    "000139_119040": ((None, 0.1, 0.6), "Freak-Folk", "test"),
    "000140_7680": ((None, None, None), "Freak-Folk", "test"),
}


def write_openmic(folder):
    for seed, key in enumerate(OPENMIC):
        write_sound(folder / "audio" / key[:3] / f"{key}.ogg", seed)
    order = sorted(OPENMIC, reverse=True)  # rows of the npz are in no order
    known = np.array([[p is not None for p in OPENMIC[key][0]] for key in order])
    np.savez(
        folder / "openmic-2018.npz",
        Y_true=np.array([[p or 0.0 for p in OPENMIC[key][0]] for key in order]),
        Y_mask=known,
        sample_key=np.array(order, dtype=object),
    )
    index = {"cello": 0, "flute": 1, "voice": 2}
    (folder / "class-map.json").write_text(json.dumps(index))
    rows = [
        (key, f"[{{'genre_id': '1', 'genre_title': '{genre}'}}]")
        for key, (_, genre, _) in OPENMIC.items()
    ]
    table = folder / "openmic-2018-metadata.csv"
    write_rows(table, ["sample_key", "track_genres"], rows)
    (folder / "partitions").mkdir()
    for side in ("train", "test"):
        keys = [key for key, facts in OPENMIC.items() if facts[2] == side]
        file = folder / "partitions" / f"split01_{side}.csv"
        file.write_text("\n".join(keys) + "\n")
    return folder


#: Path, recording, and whether there is a bass and a treble ("" is unknown).
TABLE = [
    ('low, "a" b.wav', "r1", 1, 0, "train"),
    ("it's low.wav", "r1", 1, "", "train"),
    (".caf\u00e9.wav", "r2", 0, 1, "train"),
    ("deep/cafe\u0301.WAV", "r3", "", 1, "test"),
]


def write_table(folder):
    """A table of clips whose files have names that are hard to write in a table."""
    header = ["clip_id", "path", "recording", "label:bass", "label:treble", "split"]
    rows = [(f"clip {seed}", *row) for seed, row in enumerate(TABLE)]
    write_rows(folder / "clips.csv", header, rows)
    for seed, (path, *_) in enumerate(TABLE):
        write_sound(folder / path, seed)
    return folder


def write_index(file, unit, paths, folder):
    """An index as mirdata and soundata keep it: id -> path and checksum of files."""
    entries = {
        i: {
            kind: [str(p), md5((folder / p).read_bytes()).hexdigest()] if p else [p, p]
            for kind, p in files.items()
        }
        for i, files in paths.items()
    }
    file.write_text(json.dumps({"version": "1.0", f"{unit}s": entries}))
    return str(file)


def write_mirdata(folder):
    """Medley-solos-DB as mirdata unpacks it, with the index beside the folder."""
    pytest.importorskip("mirdata", reason="the extra 'datasets' is not installed")
    write_medley_solos_db(folder, annotation="annotation", audio="audio", ending=".wav")
    paths = {
        uuid: {"audio": f"audio/Medley-solos-DB_{subset}-{number}_{uuid}.wav"}
        for subset, _, number, _, uuid in MEDLEY
    }
    index = folder.with_name("index.json")
    return {
        "plugin": "mirdata:medley_solos_db",
        "folder": str(folder),
        "index": write_index(index, "track", paths, folder),
        "label": "instrument",
        "recording": "song_id",
        "split": {"attribute": "subset", "values": {"training": "train"}},
    }


def write_soundata(folder):
    """ESC-50 for soundata, with the index beside the folder."""
    pytest.importorskip("soundata", reason="the extra 'datasets' is not installed")
    write_esc50(folder)
    paths = {row[0].removesuffix(".wav"): {"audio": f"audio/{row[0]}"} for row in ESC50}
    index = folder.with_name("index.json")
    return {
        "plugin": "soundata:esc50",
        "folder": str(folder),
        "index": write_index(index, "clip", paths, folder),
        "label": "category",
        "recording": "src_file",
        "split": "fold",
    }
