"""Adapters of published datasets, on tiny corpora in the official layouts."""

import os
import shutil

import pandas as pd
import pytest

from earshift import datasets, registry
from earshift.errors import ConfigError, DataError
from earshift.stages.clips import listing
from earshift.stages.splits import groups
from tests.helpers import corpora, stage2

WRITERS = {
    "esc50": corpora.write_esc50,
    "gtzan": corpora.write_gtzan,
    "medley_solos_db": corpora.write_medley_solos_db,
    "ravdess": corpora.write_ravdess,
    "tut_acoustic_scenes_2017": corpora.write_tut_acoustic_scenes_2017,
    "urbansound8k": corpora.write_urbansound8k,
}

#: Name of an adapter -> how many classes it has.
N_CLASSES = {
    "esc50": 50,
    "gtzan": 10,
    "medley_solos_db": 8,
    "ravdess": 8,
    "tut_acoustic_scenes_2017": 15,
    "urbansound8k": 10,
}

TABLES = {
    "esc50": "meta/esc50.csv",
    "medley_solos_db": "Medley-solos-DB_metadata.csv",
    "tut_acoustic_scenes_2017": "TUT-acoustic-scenes-2017-development/meta.txt",
    "urbansound8k": "metadata/UrbanSound8K.csv",
}


def listed(name, folder, **options):
    """What an adapter finds, held to the rules of every dataset."""
    entry = {"plugin": name, "folder": str(folder), **options}
    return datasets.find_clips(name, entry)


def columns(found, *names):
    """Columns of the clips, by clip id."""
    rows = found.clips.set_index("clip_id")[list(names)]
    return {i: tuple(row) for i, row in rows.astype(object).iterrows()}


def labels(found):
    """Class of each clip, which must be one."""
    wide = found.clips.set_index("clip_id").filter(like="label:").astype(bool)
    assert (wide.sum(axis=1) == 1).all()
    return wide.idxmax(axis=1).str.removeprefix("label:").to_dict()


@pytest.mark.parametrize("name", WRITERS)
def test_every_class_has_a_column_and_every_clip_its_audio(name, tmp_path):
    folder = WRITERS[name](tmp_path)
    found = listed(name, folder)
    assert len(datasets.classes(found.clips)) == N_CLASSES[name]
    assert set(labels(found).values()) <= set(datasets.classes(found.clips))
    assert all((folder / path).is_file() for path in found.clips["path"])


@pytest.mark.parametrize("name", TABLES)
def test_a_missing_label_file_is_named(name, tmp_path):
    folder = WRITERS[name](tmp_path)
    files = registry.load("datasets", name).label_files(folder)
    assert folder / TABLES[name] in files
    (folder / TABLES[name]).unlink()
    with pytest.raises(DataError, match=r"the file '.*', which holds labels, is not"):
        listed(name, folder)


@pytest.mark.parametrize("name", WRITERS)
def test_a_missing_folder_is_named(name, tmp_path):
    with pytest.raises(DataError, match="nowhere' does not exist"):
        listed(name, tmp_path / "nowhere")
    # Asking for label files is no error yet: a rule may make the folder later.
    registry.load("datasets", name).label_files(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["esc50", "medley_solos_db", "urbansound8k"])
def test_a_missing_column_is_named(name, tmp_path):
    folder = WRITERS[name](tmp_path)
    file = folder / TABLES[name]
    last = {"esc50": "src_file", "medley_solos_db": "song_id", "urbansound8k": "fsID"}
    pd.read_csv(file).drop(columns=last[name]).to_csv(file, index=False)
    with pytest.raises(DataError, match=f"no column '{last[name]}' \\(it has: "):
        listed(name, folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"esc50\.csv' is no CSV table"),
        (b"filename,category\na.wav,caf\xe9\n", r"esc50\.csv', line 2: .* not UTF-8"),
    ],
)
def test_a_table_that_is_none_is_refused(content, message, tmp_path):
    folder = corpora.write_esc50(tmp_path)
    (folder / TABLES["esc50"]).write_bytes(content)
    with pytest.raises(DataError, match=message):
        listed("esc50", folder)


@pytest.mark.parametrize("name", ["esc50", "medley_solos_db", "urbansound8k"])
def test_a_clip_listed_twice_is_refused(name, tmp_path):
    folder = WRITERS[name](tmp_path)
    rows = pd.read_csv(folder / TABLES[name])
    pd.concat([rows, rows[:1]]).to_csv(folder / TABLES[name], index=False)
    with pytest.raises(DataError, match="1 clip ids more than once"):
        listed(name, folder)


@pytest.mark.parametrize(("name", "n_folds"), [("esc50", 5), ("urbansound8k", 10)])
@pytest.mark.parametrize("fold", ["0", "11", "", "a"])
def test_an_unknown_fold_is_refused(name, n_folds, fold, tmp_path):
    folder = WRITERS[name](tmp_path)
    rows = pd.read_csv(folder / TABLES[name], dtype=str)
    rows.loc[1, "fold"] = fold
    rows.to_csv(folder / TABLES[name], index=False)
    with pytest.raises(
        DataError, match=f"row 3: a fold .* 1 to {n_folds}, got '{fold}"
    ):
        listed(name, folder)


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("esc50", "category"),
        ("urbansound8k", "class"),
        ("medley_solos_db", "instrument"),
    ],
)
def test_an_unknown_class_is_refused(name, column, tmp_path):
    folder = WRITERS[name](tmp_path)
    rows = pd.read_csv(folder / TABLES[name])
    rows[column] = rows[column] + "s"
    rows.to_csv(folder / TABLES[name], index=False)
    with pytest.raises(DataError, match=r"is no class of this dataset .*Did you mean"):
        listed(name, folder)


@pytest.mark.parametrize("name", TABLES)
def test_a_file_that_no_table_lists_is_counted_and_one_that_is_missing_is_bad(
    name, tmp_path
):
    folder = WRITERS[name](tmp_path / "data")
    before = listed(name, folder).clips
    first = folder / before["path"][0]
    extra = first.with_name(first.name.replace("0", "9"))
    first.rename(extra)
    found = listed(name, folder)
    assert found.clips["clip_id"].tolist() == before["clip_id"].tolist()
    assert "does not list it" in found.skipped[str(extra.relative_to(folder))]
    table = stage2.list_clips(folder, tmp_path, name, max_bad_clips=1)
    assert (listing.read(table)["status"] == "missing").sum() == 1
    statuses = pd.read_csv(tmp_path / "audit.csv")["status"].value_counts()
    assert statuses["missing"] == 1
    assert statuses["not_listed"] == len(found.skipped)


@pytest.mark.parametrize(
    ("name", "archive"),
    [
        ("esc50", "ESC-50-master"),
        ("urbansound8k", "UrbanSound8K"),
        ("ravdess", "Audio_Speech_Actors_01-24"),
    ],
)
def test_the_folder_may_be_the_one_around_the_archives(name, archive, tmp_path):
    inner = WRITERS[name](tmp_path / archive)
    around, plain = listed(name, tmp_path).clips, listed(name, inner).clips
    assert around["path"].tolist() == [f"{archive}/{path}" for path in plain["path"]]
    rest = [c for c in around if c != "path"]
    pd.testing.assert_frame_equal(around[rest], plain[rest])


def test_esc50_has_folds_and_freesound_recordings(tmp_path):
    found = listed("esc50", corpora.write_esc50(tmp_path))
    assert columns(found, "recording", "split") == {
        "1-100032-A-0": ("100032", "1"),
        "1-100210-A-36": ("100210", "1"),
        "1-100210-B-36": ("100210", "1"),
        "2-101676-A-10": ("101676", "2"),
        "5-9032-A-0": ("9032", "5"),
    }
    assert labels(found)["1-100210-B-36"] == "vacuum_cleaner"
    assert found.clips["subgroup"].isna().all()


def test_a_freesound_id_is_one_recording_in_all_datasets_that_have_it(tmp_path):
    entries = {
        "esc": {"plugin": "esc50", "folder": corpora.write_esc50(tmp_path / "esc")},
        "urban": {
            "plugin": "urbansound8k",
            "folder": corpora.write_urbansound8k(tmp_path / "urban"),
        },
    }
    tables = {n: listed(e["plugin"], e["folder"]).clips for n, e in entries.items()}
    spaces = {name: datasets.namespace(entry) for name, entry in entries.items()}
    clips = groups.find(tables, spaces, None)
    assert groups.in_common(clips) == {
        ("esc", "urban", "recording"): ["freesound:100032"]
    }


def test_published_datasets_say_what_their_names_of_recordings_are():
    spaces = {
        name: datasets.namespace({"plugin": name})
        for name in registry.names("datasets")
        if name != "table"
    }
    other = {"esc50": "freesound", "urbansound8k": "freesound", "openmic": "fma"}
    assert spaces == {name: other.get(name, name) for name in spaces}
    assert datasets.namespace({"plugin": "table"}) is None


def test_esc10_is_a_subset_with_ten_classes(tmp_path):
    found = listed("esc50", corpora.write_esc50(tmp_path), subset="esc10")
    expected = {"1-100032-A-0": "dog", "2-101676-A-10": "rain", "5-9032-A-0": "dog"}
    assert labels(found) == expected
    assert len(datasets.classes(found.clips)) == 10
    assert found.skipped == {}
    with pytest.raises(ConfigError, match="esc10 or left out, got 'esc20'"):
        listed("esc50", tmp_path, subset="esc20")


def test_urbansound8k_has_folds_recordings_and_salience(tmp_path):
    found = listed("urbansound8k", corpora.write_urbansound8k(tmp_path))
    assert columns(found, "recording", "subgroup", "split") == {
        "100032-3-0-0": ("100032", "foreground", "5"),
        "100263-2-0-117": ("100263", "foreground", "5"),
        "100263-2-0-121": ("100263", "background", "5"),
        "99812-1-0-0": ("99812", "background", "10"),
    }
    assert labels(found)["99812-1-0-0"] == "car_horn"


@pytest.mark.parametrize(
    "layout",
    [
        {},
        {"ending": ".wav"},
        {"audio": "Medley-solos-DB", "ending": ".wav"},
        {"annotation": "annotation", "audio": "audio"},
    ],
)
def test_medley_solos_db_has_songs_and_three_subsets(layout, tmp_path):
    folder = corpora.write_medley_solos_db(tmp_path, **layout)
    found = listed("medley_solos_db", folder)
    assert found.skipped == {}
    assert [(r, s) for r, s in columns(found, "recording", "split").values()] == [
        ("0", "test"),
        ("0", "test"),
        ("139", "train"),
        ("200", "validation"),
    ]
    assert list(labels(found).values())[2:] == ["violin", "female singer"]
    assert all((folder / path).is_file() for path in found.clips["path"])


def test_an_unknown_subset_of_medley_solos_db_is_refused(tmp_path):
    folder = corpora.write_medley_solos_db(tmp_path)
    file = folder / TABLES["medley_solos_db"]
    file.write_text(file.read_text().replace("validation", "valid"))
    with pytest.raises(DataError, match="row 5: a subset is one of training"):
        listed("medley_solos_db", folder)


DEVELOPMENT = "TUT-acoustic-scenes-2017-development"


def test_the_development_part_of_tut_has_folds_recordings_and_errors(tmp_path):
    folder = corpora.write_tut_acoustic_scenes_2017(tmp_path)
    found = listed("tut_acoustic_scenes_2017", folder)
    assert columns(found, "recording", "split") == {
        "b020_90_100": ("b020", "1"),
        "b020_110_120": ("b020", "1"),
        "a001_0_10": ("a001", "2"),
        "b003_40_50": ("b003", "3"),
    }
    assert labels(found)["b003_40_50"] == "cafe/restaurant"
    faulty = f"{DEVELOPMENT}/audio/a124_10_20.wav"
    assert found.skipped == {faulty: "error.txt lists it: 1.5 2.0 radio"}
    kept = listed("tut_acoustic_scenes_2017", folder, faulty=True)
    assert columns(kept, "split")["a124_10_20"] == ("4",)
    alone = listed("tut_acoustic_scenes_2017", folder / DEVELOPMENT)
    assert alone.clips["path"][0] == "audio/b020_90_100.wav"


def test_the_evaluation_part_of_tut_tests_what_the_development_part_trains(tmp_path):
    folder = corpora.write_tut_acoustic_scenes_2017(tmp_path)
    found = listed("tut_acoustic_scenes_2017", folder, part="evaluation")
    expected = {"1": ("b900", "test"), "2": ("b901", "test")}
    assert columns(found, "recording", "split") == expected
    both = listed("tut_acoustic_scenes_2017", folder, part="both").clips
    assert both["split"].tolist() == ["train"] * 4 + ["test"] * 2
    with pytest.raises(ConfigError, match="Did you mean 'evaluation'"):
        listed("tut_acoustic_scenes_2017", folder, part="evaluate")
    plugin = registry.load("datasets", "tut_acoustic_scenes_2017")
    assert len(plugin.label_files(folder, part="both")) == 7


def test_a_part_of_tut_without_recordings_or_errors_says_so(tmp_path):
    folder = corpora.write_tut_acoustic_scenes_2017(tmp_path)
    meta = folder / "TUT-acoustic-scenes-2017-evaluation" / "meta.txt"
    meta.write_text("audio/1.wav\tbeach\naudio/2.wav\ttram\n")
    (folder / DEVELOPMENT / "error.txt").unlink()
    found = listed("tut_acoustic_scenes_2017", folder, part="both")
    assert columns(found, "recording")["2"] == ("2",)
    assert "no recording of 2 clips" in found.skipped[str(meta.relative_to(folder))]
    assert "not known" in found.skipped["error.txt"]


def test_folds_of_tut_that_list_a_clip_twice_or_an_unknown_one(tmp_path):
    folder = corpora.write_tut_acoustic_scenes_2017(tmp_path)
    file = folder / DEVELOPMENT / "evaluation_setup" / "fold3_evaluate.txt"
    file.write_text(file.read_text() + "audio/x_0_10.wav\tbeach\n")
    found = listed("tut_acoustic_scenes_2017", folder)
    expected = "meta.txt does not list it"
    assert found.skipped["fold3_evaluate.txt: audio/x_0_10.wav"] == expected
    file.write_text(file.read_text() + "audio/a001_0_10.wav\tresidential_area\n")
    with pytest.raises(DataError, match=r"a001_0_10\.wav', which fold 2 lists already"):
        listed("tut_acoustic_scenes_2017", folder)
    file.unlink()
    with pytest.raises(DataError, match="fold3_evaluate"):
        listed("tut_acoustic_scenes_2017", folder)
    (folder / DEVELOPMENT / "meta.txt").write_text("audio/a001_0_10.wav beach\n")
    with pytest.raises(DataError, match=r"line 1: a path, a scene and a recording"):
        listed("tut_acoustic_scenes_2017", folder)


@pytest.mark.parametrize("ending", [".wav", ".au"])
def test_gtzan_has_artists_and_the_filtered_split(ending, tmp_path):
    folder = corpora.write_gtzan(tmp_path, ending)
    found = listed("gtzan", folder)
    assert columns(found, "recording", "split") == {
        "blues.00000": ("John Lee Hooker", "validation"),
        "blues.00001": ("John Lee Hooker", "validation"),
        "blues.00012": ("Robert Johnson", "test"),
        "country.00002": ("country.00002", "validation"),
        "jazz.00054": ("jazz.00054", "train"),
        "jazz.00055": ("Coleman Hawkins", "train"),
    }


def test_the_corrupt_clip_of_gtzan_is_a_bad_clip_like_any_other(tmp_path):
    folder = corpora.write_gtzan(tmp_path / "data")
    (folder / "genres/jazz/jazz.00054.wav").write_bytes(b"no audio at all")
    table = stage2.list_clips(folder, tmp_path, "gtzan", max_bad_clips=1)
    bad = listing.read(table).query("status != 'ok'")
    assert bad["clip_id"].tolist() == ["jazz.00054"]
    assert bad["status"].tolist() == ["unreadable"]


def test_the_whole_filtered_split_of_gtzan(tmp_path):
    for genre in registry.load("datasets", "gtzan").CLASSES:
        (tmp_path / "genres" / genre).mkdir(parents=True)
        for i in range(100):
            (tmp_path / "genres" / genre / f"{genre}.{i:05d}.wav").touch()
    rows = listed("gtzan", tmp_path).clips
    assert len(rows) == 1000
    counts = rows["split"].value_counts().to_dict()
    assert counts == {"train": 443, "test": 290, "validation": 197}
    sides = rows.dropna(subset="split").groupby("recording")["split"].nunique()
    assert sides.max() == 1
    named = rows["recording"] != rows["clip_id"]
    assert named.sum() == 919
    assert rows.loc[named, "recording"].nunique() == 243


def test_ravdess_names_give_emotion_and_actor(tmp_path):
    found = listed("ravdess", corpora.write_ravdess(tmp_path))
    assert labels(found) == {
        "03-01-01-01-01-01-01": "neutral",
        "03-01-05-02-01-01-01": "angry",
        "03-01-06-01-02-01-12": "fearful",
    }
    actors = columns(found, "recording", "subgroup")
    assert actors["03-01-06-01-02-01-12"] == ("Actor_12", "Actor_12")
    assert found.clips["split"].isna().all()


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("ravdess", "Actor_01/03-02-01-01-01-01-01.wav"),  # sung
        ("ravdess", "Actor_01/03-01-09-01-01-01-01.wav"),
        ("ravdess", "Actor_25/03-01-01-01-01-01-25.wav"),
        ("gtzan", "genres/blues/blues.1.wav"),
        ("gtzan", "genres/blues/rock.00001.wav"),
    ],
)
def test_a_name_that_is_none_of_the_datasets_is_skipped_and_counted(
    name, place, tmp_path
):
    folder = WRITERS[name](tmp_path)
    before = len(listed(name, folder).clips)
    corpora.write_sound(folder / place)
    found = listed(name, folder)
    assert len(found.clips) == before
    assert list(found.skipped) == [place]


@pytest.mark.parametrize("name", ["ravdess", "gtzan"])
def test_a_folder_without_names_of_the_dataset_is_refused(name, tmp_path):
    corpora.write_sound(tmp_path / "Actor_01" / "a.wav")
    with pytest.raises(DataError, match=r"no file under .*1 other"):
        listed(name, tmp_path)


def copied(folder, part, target):
    """Copy a part of a folder into it, under another name."""
    shutil.copytree(folder / part, folder / target / part)


@pytest.mark.parametrize(
    ("name", "twice"),
    [
        # As the archive is most often passed on: every actor is there twice.
        ("ravdess", lambda d: shutil.copytree(d, d / "audio_speech_actors_01-24")),
        ("ravdess", lambda d: copied(d, "Actor_12", "copy")),
        ("gtzan", lambda d: corpora.write_gtzan(d, ".au")),
    ],
)
def test_files_of_one_name_are_used_once_and_counted(name, twice, tmp_path):
    folder = WRITERS[name](tmp_path)
    n_before = len(listed(name, folder).clips)
    before = {str(f.relative_to(folder)) for f in folder.rglob("*.*")}
    twice(folder)
    found = listed(name, folder)
    assert len(found.clips) == n_before
    added = {str(f.relative_to(folder)) for f in folder.rglob("*.*")} - before
    # Of each pair, the one that comes first by its path is used.
    assert len(found.skipped) == len(added)
    assert set(found.skipped).isdisjoint(found.clips["path"])
    assert set(found.skipped) | set(found.clips["path"]) == before | added
    first = found.clips.sort_values("clip_id")["path"].to_list()
    for path, reason in found.skipped.items():
        (used,) = [p for p in first if reason.startswith(f"'{p}'")]
        assert reason == f"'{used}' has the same name and is used"
        assert used < path


@pytest.mark.parametrize("name", WRITERS)
def test_a_stray_file_whose_name_is_not_utf8_loses_no_dataset(name, tmp_path):
    folder = WRITERS[name](tmp_path / "data")
    before = listed(name, folder)
    first = folder / before.clips["path"][0]
    stray = first.with_name(os.fsdecode(b"Medley-solos-DB_caf\xe9.wav"))
    shutil.copy(first, stray)
    table = stage2.list_clips(folder, tmp_path, name)
    assert listing.read(table)["clip_id"].tolist() == before.clips["clip_id"].tolist()
    audit = pd.read_csv(tmp_path / "audit.csv").query("status == 'not_listed'")
    place = str(stray.relative_to(folder).with_name("Medley-solos-DB_caf\\xe9.wav"))
    assert set(audit["path"]) == {*before.skipped, place}


def test_a_clip_in_a_folder_whose_name_is_not_utf8_is_one_bad_clip(tmp_path):
    folder = corpora.write_ravdess(tmp_path / "data")
    (folder / "Actor_12").rename(folder / "moved")
    odd = folder / os.fsdecode(b"caf\xe9") / "Actor_12"
    odd.parent.mkdir()
    (folder / "moved").rename(odd)
    found = listing.read(
        stage2.list_clips(folder, tmp_path, "ravdess", max_bad_clips=1)
    ).set_index("clip_id")
    bad = found.loc["03-01-06-01-02-01-12"]
    assert bad["path"].endswith("caf\\xe9/Actor_12/03-01-06-01-02-01-12.wav")
    assert bad["status"] == "unreadable"
    assert "is not UTF-8; rename it" in bad["reason"]
    assert found["status"].value_counts().to_dict() == {"ok": 2, "unreadable": 1}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("how", ["mark", "wide", "returns"])
def test_however_text_was_saved_it_says_the_same(name, how, tmp_path):
    folder = WRITERS[name](tmp_path)
    before = listed(name, folder)
    files = registry.load("datasets", name).label_files(folder)
    for file in files:
        content = file.read_text(encoding="utf-8")
        if how == "returns":
            content = content.replace("\n", "\r\n")
        encoding = {"mark": "utf-8-sig", "wide": "utf-16"}.get(how, "utf-8")
        file.write_bytes(content.encode(encoding))
    found = listed(name, folder)
    pd.testing.assert_frame_equal(found.clips, before.clips)
    assert found.skipped == before.skipped


def test_esc50_may_have_been_saved_by_a_spreadsheet(tmp_path):
    folder = corpora.write_esc50(tmp_path)
    expected = [listed("esc50", folder, subset=subset) for subset in (None, "esc10")]
    rows = pd.read_csv(folder / TABLES["esc50"], dtype=str)
    rows["esc10"] = rows["esc10"].str.upper()
    rows["fold"] += ".0"
    rows.to_csv(folder / TABLES["esc50"], sep=";")  # with a column of row numbers
    for subset, before in zip((None, "esc10"), expected, strict=True):
        found = listed("esc50", folder, subset=subset)
        pd.testing.assert_frame_equal(found.clips, before.clips)
    rows.loc[2, "esc10"] = "maybe"
    rows.to_csv(folder / TABLES["esc50"], index=False)
    with pytest.raises(DataError, match=r"'esc10', row 4: .* or FALSE, got 'maybe'"):
        listed("esc50", folder, subset="esc10")


def test_the_table_of_older_medley_solos_db_releases_is_read(tmp_path):
    folder = corpora.write_medley_solos_db(tmp_path)
    before = listed("medley_solos_db", folder)
    file = folder / TABLES["medley_solos_db"]
    file.write_text(file.read_text().replace("song_id", "track_id"))
    found = listed("medley_solos_db", folder)
    pd.testing.assert_frame_equal(found.clips, before.clips)
    assert found.clips["recording"].tolist() == ["0", "0", "139", "200"]


def test_faults_that_tut_lists_of_no_clip_are_counted(tmp_path):
    folder = corpora.write_tut_acoustic_scenes_2017(tmp_path)
    file = folder / DEVELOPMENT / "error.txt"
    odd = [f"{name}_0_10.wav" for name in "zyx"]
    file.write_text(file.read_text() + "".join(f"{name}\t1.0\n" for name in odd))
    found = listed("tut_acoustic_scenes_2017", folder)
    places = [f"error.txt: {name}" for name in sorted(odd)]
    assert [place for place in found.skipped if place.startswith("error")] == places
    assert {found.skipped[p] for p in places} == {"meta.txt does not list it"}
    kept = listed("tut_acoustic_scenes_2017", folder, faulty=True)
    assert kept.skipped == {}
