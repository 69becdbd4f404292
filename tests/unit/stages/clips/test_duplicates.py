"""Pairs of copies within and across datasets, and the tables of the audit."""

import numpy as np
import pandas as pd
import pytest
import soundfile

from earshift.stages.clips import dataset_audit, duplicates, listing
from earshift.tables import DUPLICATES
from tests.helpers.melodies import melody

RATE = 22_050


def sound(seed):
    return melody(seed, 3.0, RATE)


def dataset(folder, rows):
    """Make a dataset of (name, samples, recording, split, cello, flute) and list it."""
    folder.mkdir()
    columns = ["path", "recording", "split", "subgroup", "label:cello", "label:flute"]
    for name, samples, *_ in rows:
        # As integers: of floats, formats round the last bit each in its own way.
        soundfile.write(folder / name, (samples * 2**15).astype(np.int16), RATE)
    table = pd.DataFrame(
        [(name, *facts[:2], "g", *facts[2:]) for name, _, *facts in rows],
        columns=columns,
    )
    table.to_csv(folder / "clips.csv", index=False)
    out = folder.with_suffix(".parquet")
    listing.list_clips(
        folder.name,
        {"plugin": "table", "folder": str(folder)},
        table=out,
        audit=folder.with_suffix(".audit.csv"),
        max_bad_clips=1,
        n_threads=2,
    )
    return out


@pytest.fixture
def tables(tmp_path):
    """Two datasets with planted faults."""
    one = [
        ("a.wav", sound(0), "r0", "train", 1, 0),
        ("a_again.flac", sound(0), "r0", "test", 1, ""),
        ("b.wav", sound(1), "r1", "train", 1, 0),
        ("b_take.wav", sound(2), "r2", "test", 0, 1),
        ("c.wav", sound(3), "r3", "train", 0, 1),
        ("d.wav", sound(4), "r4", "test", 0, 1),
    ]
    two = [
        ("x.mp3", 0.4 * sound(1)[2000:], "x", "", 0, 1),
        ("y.wav", sound(5), "y", "", 1, 0),
        ("z.wav", sound(6), "r0", "", "", 1),
        ("w.ogg", sound(6), "w", "", 1, 0),
        ("silent.wav", 0 * sound(0), "s", "", 1, 0),
    ]
    return {
        "one": dataset(tmp_path / "one", one),
        "two": dataset(tmp_path / "two", two),
    }


def found(tables, tmp_path):
    out = tmp_path / "duplicates.csv"
    duplicates.find_duplicates(tables, out)
    return pd.read_csv(out, keep_default_na=False)


def test_every_planted_copy_is_found_and_no_other(tables, tmp_path):
    pairs = found(tables, tmp_path)
    assert list(pairs.columns) == DUPLICATES.names
    columns = ["kind", "clip_id_a", "clip_id_b", "same_recording", "splits_differ"]
    assert pairs[[*columns, "label_conflict"]].to_numpy().tolist() == [
        ["exact", "a.wav", "a_again.flac", "yes", "yes", ""],
        ["near", "b.wav", "x.mp3", "no", "no", "cello; flute"],
        ["near", "z.wav", "w.ogg", "no", "no", "flute"],
    ]
    assert pairs["similarity"][0] == 1
    assert pairs["similarity"].between(0.98, 1).all()
    assert list(pairs["dataset_a"]) == ["one", "one", "two"]
    assert list(pairs["dataset_b"]) == ["one", "two", "two"]


def test_the_order_is_the_same_each_time(tables, tmp_path):
    found(tables, tmp_path)
    first = (tmp_path / "duplicates.csv").read_bytes()
    found(tables, tmp_path)
    assert (tmp_path / "duplicates.csv").read_bytes() == first


def test_an_exact_copy_of_a_near_copy_is_listed_too(tables, tmp_path):
    third = dataset(tmp_path / "three", [("b.flac", sound(1), "q", "", 1, 0)])
    pairs = found(tables | {"three": third}, tmp_path)
    near = pairs[pairs["clip_id_a"].eq("x.mp3") | pairs["clip_id_b"].eq("x.mp3")]
    assert set(near["clip_id_a"] + near["clip_id_b"]) == {"b.wavx.mp3", "x.mp3b.flac"}
    exact = pairs[pairs["kind"].eq("exact")]
    assert ["b.wav", "b.flac"] in exact[["clip_id_a", "clip_id_b"]].to_numpy().tolist()


def test_very_many_copies_are_bounded_and_said(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(duplicates, "MAX_COPIES", 3)
    rows = [(f"{i}.wav", sound(0), f"r{i}", "", 1, 0) for i in range(6)]
    pairs = found({"one": dataset(tmp_path / "one", rows)}, tmp_path)
    # All pairs of the first three, and the others with the first: still one group.
    ends = pairs[["clip_id_a", "clip_id_b"]].to_numpy().tolist()
    firsts = [["0.wav", f"{i}.wav"] for i in range(1, 6)]
    assert sorted(ends) == [*firsts, ["1.wav", "2.wav"]]
    assert "the most 6" in caplog.text


def test_datasets_without_copies_give_an_empty_table(tmp_path):
    rows = [(f"{i}.wav", sound(i), f"r{i}", "", i % 2, 1) for i in range(3)]
    pairs = found({"one": dataset(tmp_path / "one", rows)}, tmp_path)
    assert len(pairs) == 0
    assert list(pairs.columns) == DUPLICATES.names


@pytest.fixture
def audited(tables, tmp_path):
    found(tables, tmp_path)
    dataset_audit.audit_datasets(
        tables,
        {name: table.with_suffix(".audit.csv") for name, table in tables.items()},
        tmp_path / "duplicates.csv",
        tmp_path / "out",
        n_resamples=99,
        confidence=0.9,
        seed=0,
    )
    return {
        file.stem: pd.read_csv(file, keep_default_na=False)
        for file in (tmp_path / "out").iterdir()
    }


def test_the_faults_of_each_dataset_are_counted_in_clips(audited):
    faults = audited["audit"].set_index("dataset")
    expected = {
        "clips": (6, 5),
        "usable": (6, 4),
        "silent": (0, 1),
        "exact_copies": (2, 0),
        "near_copies": (0, 2),
        "under_other_recording": (0, 2),
        "in_other_dataset": (1, 1),
        "in_other_split": (2, 0),
        "label_conflicts": (1, 3),
        "recordings_on_both_sides": (1, 0),
    }
    for column, numbers in expected.items():
        assert tuple(faults[column]) == numbers, column


def test_recordings_in_several_official_splits_are_named(audited):
    assert audited["both_sides"].to_numpy().tolist() == [
        ["one", "r0", "test, train", 2]
    ]


@pytest.mark.parametrize("splits", [("1", "10"), ("train", "validation")])
def test_folds_and_validation_count_as_sides(splits):
    own = pd.DataFrame({"recording": ["a", "a", "b"], "split": [*splits, splits[0]]})
    assert dataset_audit.on_both_sides("d", own)["recording"].tolist() == ["a"]


def test_classes_and_subgroups_are_counted_by_split(audited):
    counts = audited["counts"].set_index(["dataset", "split", "name"])
    columns = ["n_present", "n_absent", "n_unknown", "n_recordings"]
    assert counts.loc[("one", "train", "cello"), columns].tolist() == [2, 1, 0, 2]
    assert counts.loc[("one", "test", "flute"), columns].tolist() == [2, 0, 1, 2]
    assert counts.loc[("two", "", "cello"), columns].tolist() == [2, 1, 1, 2]
    assert counts.loc[("one", "test", "g"), columns].tolist() == [3, 0, 0, 3]


def test_formats_spectra_and_percentiles_are_of_usable_clips(audited):
    formats = audited["formats"].set_index(["dataset", "property", "value"])["n_clips"]
    assert formats["one", "sample_rate_hz", RATE] == 6
    assert formats["two", "n_channels", 1] == 4
    assert (
        formats.xs("bandwidth_khz", level="property").groupby("dataset").sum()["two"]
        == 4
    )
    spectra = audited["spectra"]
    assert (spectra["lower_db"] <= spectra["median_db"]).all()
    assert (spectra["median_db"] <= spectra["upper_db"]).all()
    values = audited["distributions"]
    duration = values[values["measure"].eq("duration_s") & values["dataset"].eq("one")]
    np.testing.assert_allclose(duration["value"], 3)


def made(n, bandwidth, seed):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "recording": [f"r{i // 2}" for i in range(n)],
            "sample_rate_hz": 44_100,
            "n_channels": 1,
            "bandwidth_hz": bandwidth + 500 * rng.standard_normal(n),
            "level_db": rng.standard_normal(n),
            "log_duration": rng.standard_normal(n),
        }
    )


def test_a_cue_tells_datasets_apart_only_where_it_differs():
    usable = {"a": made(100, 16_000, 0), "b": made(100, 19_000, 1)}
    cues = dataset_audit.tell_apart(usable, 199, 0.95, 1).set_index("cue")
    assert cues.loc["bandwidth", "auc"] > 0.98
    assert cues.loc[dataset_audit.ALL_CUES, "auc"] > 0.95
    assert cues.loc["sample rate", "auc"] == 0.5
    for cue in ("level", "duration"):
        assert cues.loc[cue, "low"] < 0.5 < cues.loc[cue, "high"]


def test_a_dataset_of_one_recording_has_no_domain_auc():
    one = made(10, 16_000, 0).assign(recording="r")
    cues = dataset_audit.tell_apart({"a": one, "b": made(10, 16_000, 1)}, 19, 0.95, 0)
    assert cues["auc"].isna().all()
