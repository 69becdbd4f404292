"""Tiny corpora in the official layouts: real audio files, official names and tables."""

import csv

import soundfile

from tests.conftest import tone


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


def write_tut(folder):
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
