import os
import re
from pathlib import Path

import pandas as pd
import pytest

from earshift import datasets
from earshift.datasets import irmas, irmas_test, table
from earshift.errors import DataError
from earshift.stages.clips import listing
from tests.helpers import stage2
from tests.helpers.places import ROOT


def edit_table(folder, change):
    rows = pd.read_csv(folder / "clips.csv")
    change(rows).to_csv(folder / "clips.csv", index=False)


def test_a_table_becomes_clips_with_present_and_absent_labels(table_dataset):
    found = table.list_clips(table_dataset).clips
    assert len(found) == 24
    assert datasets.classes(found) == ["bass", "treble"]
    assert found["label:bass"].sum() == 12
    assert (found["label:bass"] == ~found["label:treble"]).all()
    assert found["recording"].nunique() == 12


def test_a_table_may_leave_labels_unknown(table_dataset):
    edit_table(
        table_dataset,
        lambda r: r.drop(columns="label").assign(
            **{"label:a": [1, 0, ""] * 8, "label:b": [""] * 23 + [1]}
        ),
    )
    found = table.list_clips(table_dataset).clips
    assert found["label:a"].value_counts(dropna=False).to_list() == [8, 8, 8]
    assert found["label:b"].isna().sum() == 23


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.drop(columns="recording"), "no column 'recording'"),
        (lambda r: r.drop(columns="label"), "no column 'label'.*label_column"),
        (lambda r: r.assign(recordng=1), "'recordng' that means nothing here"),
        (lambda r: r.drop(columns="label").assign(**{"label:a": 2}), "got '2'"),
    ],
)
def test_a_wrong_table_is_refused(table_dataset, change, message):
    edit_table(table_dataset, change)
    with pytest.raises(DataError, match=message):
        table.list_clips(table_dataset)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: pd.concat([r, r.iloc[:1]]), "1 clip ids more than once"),
        (lambda r: r.assign(recording=None), "24 clips have no recording"),
        (lambda r: r.iloc[:0], "has no clips"),
        (
            lambda r: r.assign(split="dev"),
            "24 clips have the split 'dev'; it is one of train",
        ),
        (lambda r: r.assign(split="0"), "the split '0'"),
        (lambda r: r.assign(split=["1", "train"] * 12), "mixes folds, such as '1'"),
    ],
)
def test_a_list_that_breaks_a_rule_is_refused(table_dataset, change, message):
    edit_table(table_dataset, change)
    with pytest.raises(DataError, match=message):
        datasets.check(table.list_clips(table_dataset), "dataset 'd'")


@pytest.mark.parametrize(
    "split", [["train", "test", "validation"], ["1", "2", "10"], ["test", "", "train"]]
)
def test_a_split_is_a_side_or_a_fold_or_nothing(table_dataset, split):
    edit_table(table_dataset, lambda r: r.assign(split=split * 8))
    found = table.list_clips(table_dataset)
    datasets.check(found, "d")
    assert found.clips["split"].fillna("").tolist() == split * 8


def test_every_class_gets_a_column_and_no_other_does():
    rows = pd.DataFrame({"clip_id": ["x", "y"]})
    found = datasets.one_label_per_clip(rows, ["a", "b"], ["c", "b", "a"])
    assert datasets.classes(found) == ["a", "b", "c"]
    assert found["label:c"].tolist() == [False, False]
    with pytest.raises(DataError, match=r"'dog' is no class.*Did you mean 'dogs'"):
        datasets.one_label_per_clip(rows, ["dog", "dogs"], ["dogs", "cats"])


def test_a_blank_label_is_not_taken_for_absence(table_dataset):
    edit_table(table_dataset, lambda r: r.assign(label=["", *r["label"][1:]]))
    with pytest.raises(DataError, match=r"row 2: no 'label'.*label:<class>"):
        table.list_clips(table_dataset)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no CSV table"),
        ("path,label,recording\na.wav,caf\xe9,r\n".encode("latin-1"), "UTF-8"),
        (
            b"path,label,recording\na.wav,x,r,\n",
            "row 2: 4 cells where the header has 3",
        ),
        (b"path,label,recording\na.wav,x\n", "row 2: 2 cells"),
    ],
)
def test_a_file_that_is_no_table_is_refused(table_dataset, content, message):
    (table_dataset / "clips.csv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        table.list_clips(table_dataset)


def test_numeric_class_names_stay_as_written(table_dataset):
    edit_table(
        table_dataset,
        lambda r: r.assign(label=r["label"].map({"bass": "02", "treble": "10"})),
    )
    assert datasets.classes(table.list_clips(table_dataset).clips) == ["02", "10"]


def test_a_missing_folder_and_table_are_named(tmp_path):
    with pytest.raises(DataError, match="nowhere' does not exist"):
        table.list_clips(tmp_path / "nowhere")
    with pytest.raises(DataError, match="there is no table"):
        table.list_clips(tmp_path)


IRMAS_NAMES = (
    "cel/[cel][cla]0001__1.wav",
    "cel/[cel][cla]0001__2.wav",
    "gac/001__[gac][nod][cou_fol]0829__1.wav",
    "gel/[gel][---][pop_roc]0830__3.wav",
    "voi/052__[voi][dru][lat_sou]0831__1.wav",
)


def irmas_folder(tmp_path, names=IRMAS_NAMES):
    for name in names:
        file = tmp_path / "IRMAS-TrainingData" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return tmp_path


def test_irmas_names_give_class_genre_and_recording(tmp_path):
    found = irmas.list_clips(irmas_folder(tmp_path)).clips.set_index("clip_id")
    assert datasets.classes(found) == sorted(irmas.INSTRUMENTS.values())
    present = found.filter(like="label:").sum()
    assert present[present > 0].to_dict() == {
        "label:acoustic_guitar": 1,
        "label:cello": 2,
        "label:electric_guitar": 1,
        "label:voice": 1,
    }
    clip = found.loc["001__[gac][nod][cou_fol]0829__1"]
    assert clip["recording"] == "0829"
    assert clip["subgroup"] == "country_folk"
    assert not clip["label:cello"]
    assert found["recording"].nunique() == 4


def test_the_split_of_irmas_has_the_counts_of_the_study(tmp_path):
    listed = pd.read_csv(ROOT / "resources" / "irmas_split.csv")
    for name in listed["clip"]:
        code = re.search(r"\[(\w{3})\]", name)[1]
        file = tmp_path / "IRMAS-TrainingData" / code / f"{name}.wav"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    found = irmas.list_clips(tmp_path)
    clips = found.clips
    assert found.skipped == {}
    assert len(clips) == 6705
    assert clips["split"].value_counts().to_dict() == {"train": 5039, "test": 1666}
    kept = clips[clips["subgroup"] != "latin_soul"]
    assert len(clips) - len(kept) == 42
    assert kept["split"].value_counts().to_dict() == {"train": 4997, "test": 1666}
    # What Wang, Richard and McFee (2023) report as the support of each instrument.
    present = clips[clips["split"] == "test"].filter(like="label:").sum()
    guitars = [present.pop(f"label:{kind}_guitar") for kind in ("acoustic", "electric")]
    present["label:guitar"] = sum(guitars)
    assert present.to_dict() == {
        "label:cello": 94,
        "label:clarinet": 127,
        "label:flute": 121,
        "label:guitar": 346,
        "label:organ": 174,
        "label:piano": 170,
        "label:saxophone": 150,
        "label:trumpet": 150,
        "label:violin": 143,
        "label:voice": 191,
    }
    # The number in a name is that of its recording: none is on both sides.
    sides = clips.groupby("recording")["split"].nunique()
    assert sides.max() == 1


def test_irmas_is_listed_without_audio(tmp_path):
    with_audio = irmas.list_clips(irmas_folder(tmp_path)).clips
    found = irmas.list_without_audio(tmp_path / "no folder").clips
    assert len(found) == 6705
    # A clip has the same row, but for its split where the study did not list it.
    for listed in (with_audio, found):
        datasets.check(datasets.ClipList(listed), "irmas")
    assert list(found) == list(with_audio)
    path = found.set_index("clip_id")["path"]["[cel][cla]0001__1"]
    assert path == "IRMAS-TrainingData/cel/[cel][cla]0001__1.wav"


def test_an_irmas_name_that_does_not_parse_is_skipped_and_counted(tmp_path):
    names = [*IRMAS_NAMES, "cel/[cel]0001.wav", "cel/[dru][cla]0001__1.wav"]
    found = irmas.list_clips(irmas_folder(tmp_path, names))
    assert len(found.clips) == 5
    assert len(found.skipped) == 2


def test_an_irmas_clip_that_is_there_twice_is_used_once(tmp_path):
    names = [*IRMAS_NAMES, f"copy/{IRMAS_NAMES[0].partition('/')[2]}"]
    found = irmas.list_clips(irmas_folder(tmp_path, names))
    assert len(found.clips) == 5
    first, second = (f"IRMAS-TrainingData/{n}" for n in (names[0], names[-1]))
    assert found.skipped == {second: f"'{first}' has the same name and is used"}


def write_split(folder, train, test):
    """A split in the study's form: a line per frame, so that names are repeated."""
    for side, names in (("train", train), ("test", test)):
        lines = [f"{name}\n" for name in names for _ in range(3)]
        (folder / f"irmas_{side}.csv").write_text("".join(lines))


def test_a_split_beside_irmas_goes_before_that_of_the_study(tmp_path):
    folder = irmas_folder(tmp_path)
    assert irmas.label_files(folder) == []
    names = [Path(name).stem for name in IRMAS_NAMES]
    write_split(folder, names[2:4], names[:2])
    assert len(irmas.label_files(folder)) == 2
    heard = irmas.list_clips(folder).clips.set_index("clip_id")
    assert heard.loc[names[:4], "split"].tolist() == ["test", "test", "train", "train"]
    assert heard["split"].isna().sum() == 1
    # Without audio, the split says which clips there are, in the order of their names.
    found = irmas.list_without_audio(folder).clips
    assert found["clip_id"].tolist() == sorted(names[:4])
    assert (
        found.set_index("clip_id")
        .loc[names[2], "path"]
        .endswith("gac/" + names[2] + ".wav")
    )
    same = found.set_index("clip_id").sort_index()
    pd.testing.assert_frame_equal(same, heard.loc[same.index].sort_index())


@pytest.mark.parametrize(
    "form", ["\ufeff{}", "{}.wav", '"{}.WAV"', "{}\r", " {}\u200b"]
)
def test_a_split_of_irmas_may_be_written_in_several_ways(tmp_path, form):
    folder = irmas_folder(tmp_path)
    names = [Path(name).stem for name in IRMAS_NAMES]
    write_split(folder, names[2:], names[:2])
    before = irmas.list_clips(folder)
    write_split(folder, map(form.format, names[2:]), map(form.format, names[:2]))
    found = irmas.list_clips(folder)
    pd.testing.assert_frame_equal(found.clips, before.clips)
    assert found.clips["split"].value_counts().to_dict() == {"train": 3, "test": 2}
    assert (found.skipped, found.noted) == ({}, {})


def test_what_a_split_of_irmas_and_its_folder_have_not_in_common_is_counted(tmp_path):
    folder = irmas_folder(tmp_path)
    names = [Path(name).stem for name in IRMAS_NAMES]
    write_split(folder, ["clip", *names[2:4]], names[:2])
    found = irmas.list_clips(folder)
    reason = "no clip of the folder has this name"
    assert found.skipped == {"irmas_train.csv: clip": reason}
    assert found.noted == {
        names[4]: "irmas_train.csv and irmas_test.csv do not list it"
    }
    # Lines with their numbers are no names.
    numbered = [f"{i},{name}" for i, name in enumerate(names[2:])]
    write_split(folder, numbered, names[:2])
    with pytest.raises(
        DataError, match=r"irmas_train.csv': none of 3 entries, such as "
    ):
        irmas.list_clips(folder)


def test_a_split_of_irmas_that_cannot_be_is_refused(tmp_path):
    names = [Path(name).stem for name in IRMAS_NAMES]
    write_split(tmp_path, names[:3], names[2:4])
    with pytest.raises(DataError, match="0829__1' is in both partitions of IRMAS"):
        irmas.list_without_audio(tmp_path)
    write_split(tmp_path, [*names[:2], "odd"], names[2:])
    assert irmas.list_without_audio(tmp_path).skipped == {
        "odd": "the name is not as IRMAS names are"
    }
    write_split(tmp_path, ["odd"], ["too"])
    with pytest.raises(DataError, match=r"no line of .* \(2 others\)"):
        irmas.list_without_audio(tmp_path)
    (tmp_path / "irmas_test.csv").unlink()
    with pytest.raises(DataError, match=r"irmas_test.csv', which holds labels, is not"):
        irmas.list_without_audio(tmp_path)


IRMAS_TEST = {
    "IRMAS-TestingData-Part1/Part1/(02) dont kill the whale-1": "gel\t\nvoi\t\n",
    "IRMAS-TestingData-Part1/Part1/(02) dont kill the whale-13": "gac\ngel\n",
    "IRMAS-TestingData-Part2/IRTestingData-Part2/02 - Nocturne-3": "pia\t",
    "IRMAS-TestingData-Part3/Part3/odd-1": "pia\nkaz\n",
    "IRMAS-TestingData-Part3/Part3/odd-2": "\n",
    "IRMAS-TestingData-Part3/Part3/odd-3": None,
}


def irmas_test_folder(tmp_path):
    for name, codes in IRMAS_TEST.items():
        file = tmp_path / f"{name}.wav"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        if codes is not None:
            file.with_name(f"{file.stem}.txt").write_text(codes)
    return tmp_path


def test_the_test_part_of_irmas_has_several_labels_a_clip_and_songs(tmp_path):
    folder = irmas_test_folder(tmp_path)
    found = irmas_test.list_clips(folder)
    datasets.check(found, "irmas_test")
    clips_ = found.clips.set_index("clip_id")
    assert list(clips_.index) == list(IRMAS_TEST)[:3]
    assert datasets.classes(found.clips) == sorted(irmas.INSTRUMENTS.values())
    labels = clips_.filter(like="label:").astype(bool)
    present = [{c for c in labels if row[c]} for _, row in labels.iterrows()]
    assert present == [
        {"label:electric_guitar", "label:voice"},
        {"label:acoustic_guitar", "label:electric_guitar"},
        {"label:piano"},
    ]
    songs = ["(02) dont kill the whale"] * 2 + ["02 - Nocturne"]
    assert clips_["recording"].tolist() == songs
    assert set(clips_["split"]) == {"test"}
    assert len(irmas_test.label_files(folder)) == 5


def test_clips_of_the_test_part_without_good_labels_are_skipped_with_the_reason(
    tmp_path,
):
    skipped = irmas_test.list_clips(irmas_test_folder(tmp_path)).skipped
    reasons = [skipped[f"{name}.wav"] for name in list(IRMAS_TEST)[3:]]
    assert "unknown code 'kaz'" in reasons[0]
    assert "is empty" in reasons[1]
    assert "cannot be read" in reasons[2]
    assert len(skipped) == 3


def test_labels_of_the_test_part_without_their_clip_are_counted(tmp_path):
    folder = irmas_test_folder(tmp_path)
    gone = f"{next(iter(IRMAS_TEST))}.wav"
    (folder / gone).unlink()
    (folder / "readme.txt").write_text("Please cite")
    found = irmas_test.list_clips(folder)
    assert len(found.clips) == 2
    assert "the file itself is not" in found.skipped[gone]
    assert len(found.skipped) == 4


def test_labels_of_the_test_part_may_have_a_mark_and_must_be_utf8(tmp_path):
    folder = irmas_test_folder(tmp_path)
    before = irmas_test.list_clips(folder)
    first, second, _ = (folder / f"{name}.txt" for name in list(IRMAS_TEST)[:3])
    first.write_bytes(b"\xef\xbb\xbf" + first.read_bytes())
    found = irmas_test.list_clips(folder)
    pd.testing.assert_frame_equal(found.clips, before.clips)
    second.write_bytes(b"gac\ncaf\xe9\n")
    (folder / "readme.txt").write_bytes(b"caf\xe9")
    found = irmas_test.list_clips(folder)
    assert len(found.clips) == 2
    assert "line 2: the byte 0xe9" in found.skipped[f"{list(IRMAS_TEST)[1]}.wav"]
    assert len(found.skipped) == 4


def test_a_clip_of_the_test_part_whose_name_is_not_utf8_is_unusable(tmp_path):
    folder = irmas_test_folder(tmp_path)
    odd = folder / os.fsdecode(b"caf\xe9-1.wav")
    odd.touch()
    odd.with_suffix(".txt").write_text("pia\n")
    entry = {"plugin": "irmas_test", "folder": str(folder)}
    found = datasets.find_clips("d", entry)
    assert len(found.clips) == 4
    assert list(found.unusable) == ["caf\\xe9-1"]
    odd.with_suffix(".txt").write_bytes(b"\xe9")
    found = datasets.find_clips("d", entry)
    assert "not UTF-8" in found.skipped["caf\\xe9-1.wav"]
    assert found.skipped["caf\\xe9-1.wav"].encode()


def test_a_folder_without_labels_of_the_test_part_is_refused(tmp_path):
    (tmp_path / "a.wav").touch()
    with pytest.raises(DataError, match=r"no WAV file .* has beside it .*1 without"):
        irmas_test.list_clips(tmp_path)
    with pytest.raises(DataError, match="does not exist"):
        irmas_test.list_clips(tmp_path / "nowhere")


def test_a_folder_without_irmas_names_is_refused(tmp_path):
    with pytest.raises(DataError, match="no file under"):
        irmas.list_clips(irmas_folder(tmp_path, ["a/b.wav"]))


def write(folder, tmp_path, limit):
    return listing.read(stage2.list_clips(folder, tmp_path, max_bad_clips=limit))


def test_bad_clips_are_recorded_with_their_reason(table_dataset, tmp_path):
    audio = sorted((table_dataset / "audio").glob("*.wav"))
    audio[0].write_bytes(b"")
    audio[1].write_bytes(b"no audio at all")
    audio[2].unlink()
    found = write(table_dataset, tmp_path, 3).set_index("clip_id")
    assert found["status"].value_counts().to_dict() == {
        "ok": 21,
        "empty": 1,
        "unreadable": 1,
        "missing": 1,
    }
    audit = pd.read_csv(tmp_path / "audit.csv")
    assert len(audit) == 3
    assert audit["reason"].notna().all()
    good = found[found["status"] == "ok"]
    assert good["duration_s"].between(1.19, 1.21).all()
    assert good["level_db"].between(-40, 0).all()


@pytest.mark.parametrize("limit", [0.0, 0.05, 2])
def test_too_many_bad_clips_stop_the_run_and_leave_their_list(
    table_dataset, tmp_path, limit
):
    for file in sorted((table_dataset / "audio").glob("*.wav"))[:3]:
        file.write_bytes(b"")
    with pytest.raises(DataError, match=r"3 of 24 clips cannot be used.*3 empty"):
        write(table_dataset, tmp_path, limit)
    assert len(pd.read_csv(tmp_path / "audit.rejected.csv")) == 3
    assert not (tmp_path / "audit.csv").exists()
    assert not (tmp_path / "out.parquet").exists()
