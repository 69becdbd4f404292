"""OpenMIC-2018: joined by key, partial labels, and maps of genres to subgroups."""

import json
import pickle

import numpy as np
import pandas as pd
import pytest

from earshift import datasets
from earshift.datasets import openmic
from earshift.errors import ConfigError, DataError
from tests.helpers.reference import SHARED


@pytest.fixture
def openmic_folder(tmp_path):
    keys = ["000046_3840", "000135_483840", "000139_119040"]
    index = {"cello": 0, "voice": 1}
    order = [2, 0, 1]  # rows of the npz are in no order
    likelihood = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.6]])
    mask = np.array([[True, True], [True, False], [False, True]])
    np.savez(
        tmp_path / "openmic-2018.npz",
        Y_true=likelihood[order],
        Y_mask=mask[order],
        sample_key=np.array(keys, dtype=object)[order],
    )
    (tmp_path / "class-map.json").write_text(json.dumps(index))
    rows = [
        (keys[2], "[{'genre_id': '1', 'genre_title': 'Freak-Folk'}]"),
        (keys[0], "[{'genre_title': 'Noise'}, {'genre_title': 'Blues'}]"),
    ]
    pd.DataFrame(rows, columns=["sample_key", "track_genres"]).to_csv(
        tmp_path / "openmic-2018-metadata.csv", index=False
    )
    (tmp_path / "partitions").mkdir()
    (tmp_path / "partitions/split01_train.csv").write_text("\n".join(keys[:2]))
    (tmp_path / "partitions/split01_test.csv").write_text(keys[2] + "\n")
    return tmp_path


def test_openmic_is_joined_by_key(openmic_folder):
    found = openmic.list_clips(openmic_folder).clips.set_index("clip_id")
    assert found.loc["000046_3840", "label:cello"]
    assert not found.loc["000046_3840", "label:voice"]
    assert found.loc["000135_483840", "label:cello"]  # a likelihood of 0.5 is present
    assert found.loc["000135_483840", "label:voice"] is pd.NA
    assert found.loc["000139_119040", "label:cello"] is pd.NA
    assert found.loc["000139_119040", "label:voice"]
    assert found["split"].to_list() == ["train", "train", "test"]
    assert found.loc["000046_3840", "subgroup"] == "jazz_blue"
    assert found.loc["000139_119040", "subgroup"] == "country_folk"
    assert pd.isna(found.loc["000135_483840", "subgroup"])
    assert found.loc["000046_3840", "path"] == "audio/000/000046_3840.ogg"
    assert found.loc["000046_3840", "recording"] == "000046"


def titles(*names):
    return str([{"genre_title": name} for name in names])


def subgroups(folder, genres_of_keys, **options):
    keys = ["000046_3840", "000135_483840", "000139_119040"]
    rows = zip(keys, genres_of_keys, strict=False)
    pd.DataFrame(rows, columns=["sample_key", "track_genres"]).to_csv(
        folder / "openmic-2018-metadata.csv", index=False
    )
    found = openmic.list_clips(folder, **options).clips
    return [s if isinstance(s, str) else None for s in found["subgroup"]]


def test_the_maps_of_openmic_genres_differ_where_the_study_missed_some(openmic_folder):
    rows = [titles("Blues"), titles("Opera"), titles("Space-Rock", "Jazz")]
    assert subgroups(openmic_folder, rows) == ["jazz_blue", "classical", "pop_rock"]
    # By its words, Blues is not jazz_blue, and an opera is nothing.
    assert subgroups(openmic_folder, rows, genres="paper") == [None, None, "pop_rock"]


def test_the_genres_of_the_study_are_there_whatever_the_options(openmic_folder):
    rows = [titles("Blues", "Rock"), titles("Opera"), titles("Folk", "Jazz", "Jazz")]
    subgroups(openmic_folder, rows)
    options = {"genres": "corrected", "genre_choice": "majority"}
    found = openmic.list_clips(openmic_folder, **options).clips
    assert found["subgroup"].tolist() == ["jazz_blue", "classical", "jazz_blue"]
    paper = found[datasets.PAPER_SUBGROUP]
    assert paper[[0, 2]].tolist() == ["pop_rock", "country_folk"]
    assert paper.isna().tolist() == [False, True, False]
    files = [file.name for file in openmic.label_files(openmic_folder)]
    assert {"openmic_corrected.yaml", "openmic_paper.yaml"} < set(files)


def test_metadata_out_of_order_are_joined_by_key_and_noted(openmic_folder, caplog):
    rows = [titles("Rock"), titles("Jazz"), titles("Folk")]
    subgroups(openmic_folder, rows)
    wanted = openmic.list_clips(openmic_folder)
    assert wanted.noted == {}
    assert caplog.text == ""
    file = openmic_folder / "openmic-2018-metadata.csv"
    pd.read_csv(file).iloc[[0, 2, 1]].to_csv(file, index=False)
    found = openmic.list_clips(openmic_folder)
    pd.testing.assert_frame_equal(found.clips, wanted.clips)
    assert list(found.noted) == ["000135_483840"]
    assert "not sorted by key" in found.noted["000135_483840"]
    assert "from '000135_483840' on" in caplog.text


def test_the_studys_own_lists_take_the_place_of_the_partitions(openmic_folder):
    wanted = openmic.list_clips(openmic_folder).clips
    for side in ("train", "test"):
        official = openmic_folder / "partitions" / f"split01_{side}.csv"
        keys = [key for key in official.read_text().split() for _ in range(10)]
        own = openmic_folder / f"openmic2018_{side}.csv"
        own.write_text("\n".join(keys) + "\n")
        official.unlink()
    (openmic_folder / "partitions").rmdir()
    found = openmic.list_clips(openmic_folder)
    pd.testing.assert_frame_equal(found.clips, wanted)
    names = {file.name for file in openmic.label_files(openmic_folder)}
    assert {"openmic2018_train.csv", "openmic2018_test.csv"} < names
    own.write_text("000139_119040\n000046_3840\n")
    with pytest.raises(DataError, match="'000046_3840' is in both"):
        openmic.list_clips(openmic_folder)
    own.unlink()
    with pytest.raises(DataError, match=r"needs '.*openmic2018_test.csv'"):
        openmic.list_clips(openmic_folder)


def test_a_clip_of_several_genres_is_decided_by_the_choice(openmic_folder):
    rows = [titles("Noise", "Jazz", "Rock", "Punk"), titles("Folk", "Jazz")]
    rows.append(titles("Metal", "Noise"))
    for choice, wanted in {
        "first": ["jazz_blue", "country_folk", "pop_rock"],
        "majority": ["pop_rock", "country_folk", "pop_rock"],
        "drop_ambiguous": [None, None, "pop_rock"],
    }.items():
        assert subgroups(openmic_folder, rows, genre_choice=choice) == wanted
    with pytest.raises(ConfigError, match=r"no genre_choice 'first_one'.*mean 'first'"):
        openmic.list_clips(openmic_folder, genre_choice="first_one")


def test_a_genre_map_of_ones_own_is_a_file(openmic_folder, tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text("match: title\nsubgroups: {loud: [Noise], soft: [Folk]}\n")
    rows = [titles("noise"), titles("Folk"), titles("Rock")]
    assert subgroups(openmic_folder, rows, genres=str(own)) == ["loud", "soft", None]
    assert own in openmic.label_files(openmic_folder, genres=str(own))
    for text, message in (
        ("subgroups: {}", "has the keys match, subgroups"),
        ("match: exact\nsubgroups: {}", "must be title or word"),
        ("match: word\nsubgroups: {a: [x], b: [X]}", "'x' is listed 2 times"),
        ("match: word\nsubgroups: {a: x}", "must map each subgroup to a list"),
        ("match: word\nsubgroups:\n\ta: [x]", r"own.yaml' cannot be read: line 3: "),
    ):
        own.write_text(text)
        with pytest.raises(ConfigError, match=message):
            openmic.list_clips(openmic_folder, genres=str(own))
    with pytest.raises(ConfigError, match=r"no map of genres 'papr'.*mean 'paper'"):
        openmic.list_clips(openmic_folder, genres="papr")


def test_genres_that_are_no_list_are_refused(openmic_folder):
    for text in ("rock", "[{'title': 'Rock'}]", "[1]"):
        with pytest.raises(
            DataError, match=r"track_genres of '000046_3840' is no list"
        ):
            subgroups(openmic_folder, [text])


LISTS = SHARED / "reference" / "study" / "data" / "openmic-2018"


@pytest.mark.skipif(not LISTS.is_dir(), reason=f"no lists of OpenMIC keys in {SHARED}")
def test_the_partition_of_openmic_has_the_counts_of_the_study(tmp_path):
    listed = [(LISTS / f"openmic2018_{s}.csv").read_text() for s in ("train", "test")]
    sides = {"train": set(listed[0].split()), "test": set(listed[1].split())}
    keys = sorted(sides["train"] | sides["test"])
    (tmp_path / "partitions").mkdir()
    for side, own in sides.items():
        file = tmp_path / "partitions" / f"split01_{side}.csv"
        file.write_text("\n".join(sorted(own)))
    np.savez(
        tmp_path / "openmic-2018.npz",
        Y_true=np.full((len(keys), 1), 0.7),
        Y_mask=np.ones((len(keys), 1), bool),
        sample_key=np.array(keys, dtype=object),
    )
    (tmp_path / "class-map.json").write_text('{"cello": 0}')
    pd.DataFrame(columns=["sample_key", "track_genres"]).to_csv(
        tmp_path / "openmic-2018-metadata.csv", index=False
    )
    found = openmic.list_clips(tmp_path).clips
    assert found["split"].value_counts().to_dict() == {"train": 14915, "test": 5085}
    assert (found.groupby("recording")["split"].nunique() == 1).all()


@pytest.mark.parametrize(
    "name", ["openmic-2018.npz", "class-map.json", "partitions/split01_test.csv"]
)
def test_a_missing_openmic_file_is_named(openmic_folder, name):
    (openmic_folder / name).unlink()
    with pytest.raises(DataError, match=name.replace(".", r"\.")):
        openmic.list_clips(openmic_folder)


def test_an_openmic_key_on_no_side_or_on_both_is_refused(openmic_folder):
    test = openmic_folder / "partitions/split01_test.csv"
    test.write_text("")
    with pytest.raises(DataError, match="'000139_119040' is in no partition"):
        openmic.list_clips(openmic_folder)
    test.write_text("000139_119040\n000046_3840\n")
    with pytest.raises(DataError, match="'000046_3840' is in both"):
        openmic.list_clips(openmic_folder)
    test.write_text("000139_119040\n000139_119040\n")
    with pytest.raises(DataError, match="'000139_119040' is in test twice"):
        openmic.list_clips(openmic_folder)


def test_what_openmic_files_say_of_one_another_but_do_not_have_is_counted(
    openmic_folder,
):
    extra = openmic_folder / "audio/000/000999_0.ogg"
    extra.parent.mkdir(parents=True)
    extra.touch()
    with (openmic_folder / "partitions/split01_test.csv").open("a") as file:
        file.write("000777_0\n")
    found = openmic.list_clips(openmic_folder)
    assert len(found.clips) == 3
    assert set(found.skipped) == {
        "audio/000/000999_0.ogg",
        "split01_test.csv: 000777_0",
    }
    assert set(found.noted) == {"000046_3840", "000135_483840"}
    assert "has no row of it" in found.noted["000135_483840"]


def test_marks_and_endings_change_nothing_in_openmic(openmic_folder):
    before = openmic.list_clips(openmic_folder)
    for file in openmic.label_files(openmic_folder)[1:5]:
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    found = openmic.list_clips(openmic_folder)
    pd.testing.assert_frame_equal(found.clips, before.clips)
    assert (found.skipped, found.noted) == (before.skipped, before.noted)
    test = openmic_folder / "partitions/split01_test.csv"
    test.write_text("000139_119040.ogg\n")
    pd.testing.assert_frame_equal(openmic.list_clips(openmic_folder).clips, found.clips)


@pytest.mark.parametrize("content", ["[]", '{"cello": 2}', '{"cello": "0"}', "{"])
def test_a_class_map_that_is_none_is_refused(openmic_folder, content):
    (openmic_folder / "class-map.json").write_text(content)
    with pytest.raises(DataError, match=r"class-map\.json'"):
        openmic.list_clips(openmic_folder)


class _Evil:
    def __reduce__(self):
        return (print, ("code ran",))


def test_pickled_code_in_an_npz_is_refused_and_not_run(openmic_folder, capsys):
    with np.load(openmic_folder / "openmic-2018.npz") as arrays:
        Y_true, Y_mask = arrays["Y_true"], arrays["Y_mask"]
    keys = np.array([_Evil(), "b", "c"], dtype=object)
    assert b"print" in pickle.dumps(keys)
    np.savez(
        openmic_folder / "openmic-2018.npz",
        Y_true=Y_true,
        Y_mask=Y_mask,
        sample_key=keys,
    )
    with pytest.raises(DataError, match="not only strings"):
        openmic.list_clips(openmic_folder)
    assert "code ran" not in capsys.readouterr().out
