"""Stage 1 keeps what it measured on each file, and says what is odd about a clip."""

import numpy as np
import pandas as pd
import pytest
import soundfile

from earshift import layout, versions
from earshift.audio import fingerprint, meter
from earshift.stages.clips import inspection, listing
from tests.helpers import stage2
from tests.helpers.tones import tone


def list_clips(folder, out):
    return stage2.list_clips(folder, out, max_bad_clips=3)


@pytest.fixture
def decoded(monkeypatch):
    """The names of the files that are decoded from now on."""
    names = []
    inspect = inspection.inspect_file

    def note(path, state):
        names.append(path.rsplit("/", 1)[-1])
        return inspect(path, state)

    monkeypatch.setattr(inspection, "inspect_file", note)
    return names


def contents(table):
    files = (
        table,
        layout.beside(table, layout.CLIPS, layout.MEASURES),
        table.with_name("audit.csv"),
    )
    files = (*files, layout.beside(table, layout.CLIPS, layout.EXCERPTS))
    return [file.read_bytes() for file in files]


def test_the_measures_stand_beside_the_clip_table(table_dataset, tmp_path):
    table = list_clips(table_dataset, tmp_path)
    found = listing.read(table)
    measured = pd.read_parquet(layout.beside(table, layout.CLIPS, layout.MEASURES))
    assert set(meter.COLUMNS).isdisjoint(found.columns)
    assert list(measured["clip_id"]) == list(found["clip_id"])
    assert set(measured.columns) == {"clip_id", *meter.COLUMNS, "sketch"}
    assert measured["content_hash"].is_unique
    excerpts = np.load(
        layout.beside(table, layout.CLIPS, layout.EXCERPTS), mmap_mode="r"
    )
    assert excerpts.shape == (len(found), fingerprint.EXCERPT)
    sound, rate = soundfile.read(found["path"][5], dtype="float32")
    sketch, excerpt = fingerprint.of_clip(sound, rate)
    np.testing.assert_array_equal(excerpts[5, : len(excerpt)], excerpt)
    np.testing.assert_array_equal(measured["sketch"][5], sketch)


def test_a_changed_label_decodes_nothing_again(table_dataset, tmp_path, decoded):
    list_clips(table_dataset, tmp_path)
    assert len(decoded) == 24
    labels = pd.read_csv(table_dataset / "clips.csv")
    labels["label"] = labels["label"].replace("bass", "low")
    labels[::-1].to_csv(table_dataset / "clips.csv", index=False)
    table = list_clips(table_dataset, tmp_path)
    assert len(decoded) == 24
    # As if everything had been decoded for the new order.
    again = list_clips(table_dataset, tmp_path / "new")
    assert contents(table) == contents(again)


def test_a_changed_or_new_file_is_decoded_alone(table_dataset, tmp_path, decoded):
    list_clips(table_dataset, tmp_path)
    soundfile.write(table_dataset / "audio/bass_0_0.wav", tone(100), 16_000)
    soundfile.write(table_dataset / "audio/new.wav", tone(200), 16_000)
    with (table_dataset / "clips.csv").open("a") as file:
        file.write("audio/new.wav,bass,new,x\n")
    decoded.clear()
    table = list_clips(table_dataset, tmp_path)
    assert sorted(decoded) == ["bass_0_0.wav", "new.wav"]
    assert contents(table) == contents(list_clips(table_dataset, tmp_path / "new"))


def test_a_run_that_was_cut_off_goes_on(
    table_dataset, tmp_path, decoded, monkeypatch, caplog
):
    caplog.set_level("INFO", "earshift")
    monkeypatch.setattr(inspection, "FILES_PER_PART", 5)
    keep = inspection.write_part

    def cut_off(rows, folder):
        keep(rows, folder)
        if len(list(folder.iterdir())) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(inspection, "write_part", cut_off)
    with pytest.raises(KeyboardInterrupt):
        list_clips(table_dataset, tmp_path)
    assert not (tmp_path / "clips.parquet").exists()
    (tmp_path / "clips.parts" / ".half.unfinished.parquet").write_bytes(b"PAR1")
    monkeypatch.setattr(inspection, "write_part", keep)
    decoded.clear()
    table = list_clips(table_dataset, tmp_path)
    assert len(decoded) == 24 - 15
    assert "d: 15 of 24 were decoded before" in caplog.text
    assert not list((tmp_path / "clips.parts").glob(".*"))
    assert contents(table) == contents(list_clips(table_dataset, tmp_path / "new"))


def test_measures_of_another_version_are_not_taken(
    table_dataset, tmp_path, decoded, monkeypatch
):
    list_clips(table_dataset, tmp_path)
    parts = set((tmp_path / "clips.parts").iterdir())
    monkeypatch.setattr(versions, "MEASURES", versions.MEASURES + 1)
    list_clips(table_dataset, tmp_path)
    assert len(decoded) == 2 * 24
    # What no clip uses is gone.
    assert parts.isdisjoint((tmp_path / "clips.parts").iterdir())


def test_what_is_odd_is_listed_and_stays_usable(table_dataset, tmp_path):
    audio = table_dataset / "audio"
    made = {
        "bass_0_0.wav": np.clip(5 * tone(100), -1, 1),
        "bass_1_0.wav": 0.5 * tone(100) + 0.2,
        "bass_2_0.wav": 3e-4 * tone(100),
        "bass_3_0.wav": 0.5 * tone(100, 0.1),
        "bass_5_0.wav": np.stack([tone(100), -0.8 * tone(100)], axis=1),
    }
    for name, samples in made.items():
        soundfile.write(audio / name, samples, 16_000, subtype="FLOAT")
    (audio / "bass_4_0.wav").write_bytes(b"")
    table = list_clips(table_dataset, tmp_path)
    listed = pd.read_csv(tmp_path / "audit.csv").set_index("clip_id")
    found = dict(zip(listed.index.str[6:], listed["status"], strict=True))
    assert found == {
        "bass_4_0.wav": "empty",
        "bass_0_0.wav": "clipped",
        "bass_1_0.wav": "dc_offset",
        "bass_5_0.wav": "out_of_phase",
        "bass_2_0.wav": "quiet",
        "bass_3_0.wav": "very_short",
    }
    assert list(listed["usable"]) == ["no", *["yes"] * 5]
    assert "mean +0.2" in listed["reason"].iloc[2]
    assert listing.read(table)["status"].ne("ok").sum() == 1


def test_a_path_that_no_system_takes_is_one_bad_clip(table_dataset, tmp_path):
    labels = pd.read_csv(table_dataset / "clips.csv")
    long = labels.iloc[[3]].assign(path="audio/" + "\u97f3" * 100 + ".wav")
    pd.concat([labels, long]).to_csv(table_dataset / "clips.csv", index=False)
    table = listing.read(list_clips(table_dataset, tmp_path))
    assert table["status"].value_counts().to_dict() == {"ok": 24, "unreadable": 1}
    assert table["reason"].iloc[-1].endswith("File name too long")


def test_two_clips_of_one_file_share_its_measures(table_dataset, tmp_path):
    labels = pd.read_csv(table_dataset / "clips.csv")
    labels = labels.assign(clip_id=labels["path"])
    twice = labels.iloc[[3]].assign(clip_id="again")
    pd.concat([labels, twice]).to_csv(table_dataset / "clips.csv", index=False)
    table = list_clips(table_dataset, tmp_path)
    measured = pd.read_parquet(
        layout.beside(table, layout.CLIPS, layout.MEASURES)
    ).set_index("clip_id")
    pair = measured["content_hash"].loc[[labels["path"][3], "again"]]
    assert pair.nunique() == 1
    excerpts = np.load(layout.beside(table, layout.CLIPS, layout.EXCERPTS))
    np.testing.assert_array_equal(excerpts[3], excerpts[-1])


#: A table of which the metadata of one clip are incomplete.
INCOMPLETE = """
from earshift.datasets import ClipList, table
version, licence, citation = 1, "", ""
label_files = table.label_files
def list_clips(folder):
    noted = {"audio/bass_0_0.wav": "no genre", "audio/gone.wav": "no such clip"}
    return ClipList(table.list_clips(folder).clips, {"b.wav": "not listed"}, noted)
"""


def test_incomplete_metadata_are_noted_of_a_clip_that_is_used(table_dataset, tmp_path):
    (tmp_path / "own.py").write_text(INCOMPLETE)
    table = stage2.list_clips(table_dataset, tmp_path, str(tmp_path / "own.py"))
    audit = pd.read_csv(tmp_path / "audit.csv").set_index("status")
    assert audit.loc["incomplete", "clip_id"] == "audio/bass_0_0.wav"
    assert audit.loc["incomplete", "reason"] == "no genre"
    assert audit.loc["incomplete", "usable"] == "yes"
    assert audit.loc["not_listed", "usable"] == "no"
    assert "audio/bass_0_0.wav" in listing.usable(table)["clip_id"].array
