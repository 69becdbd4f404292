import numpy as np
import pandas as pd
import pytest

from earshift import classes, splits
from earshift.errors import DataError


def table(tmp_path, rows):
    frame = pd.DataFrame(rows)
    for column in [c for c in frame if c.startswith("label:")]:
        frame[column] = frame[column].astype("boolean")
    path = tmp_path / "t.parquet"
    frame.to_parquet(path)
    return path


def clips(n_recordings=30, per_recording=3, n_classes=3):
    rows = []
    for r in range(n_recordings):
        for k in range(per_recording):
            row = {"clip_id": f"{r}-{k}", "recording": f"r{r}", "split": None}
            for c in range(n_classes):
                row[f"label:c{c}"] = r % n_classes == c
            rows.append(row)
    return rows


def make(tmp_path, rows, **options):
    options = {"kind": "grouped", "n_folds": 3, "n_repeats": 2, "seed": 0} | options
    out = tmp_path / "s.parquet"
    splits.make_splits({"d": table(tmp_path, rows)}, {"d": out}, **options)
    return pd.read_parquet(out)


def test_every_clip_is_tested_once_per_repeat(tmp_path):
    found = make(tmp_path, clips())
    counts = found.groupby(["repeat", "clip_id"]).size()
    assert (counts == 1).all()
    assert len(counts) == 2 * 90


def test_no_recording_is_in_two_folds(tmp_path):
    found = make(tmp_path, clips())
    recording = found["clip_id"].str.partition("-")[0]
    assert (found.groupby([found["repeat"], recording])["fold"].nunique() == 1).all()


def test_classes_are_spread_evenly(tmp_path):
    found = make(tmp_path, clips())
    kind = found["clip_id"].str.partition("-")[0].astype(int) % 3
    counts = found.groupby(["repeat", "fold", kind]).size()
    # 10 recordings of 3 clips a class over 3 folds: 3 or 4 recordings each.
    assert counts.min() >= 9
    assert counts.max() <= 12


def test_the_seed_decides_and_repeats_differ(tmp_path):
    one, two = make(tmp_path, clips()), make(tmp_path, clips())
    pd.testing.assert_frame_equal(one, two)
    other = make(tmp_path, clips(), seed=1)
    assert not one["fold"].equals(other["fold"])
    folds = [part["fold"].to_numpy() for _, part in one.groupby("repeat")]
    assert not np.array_equal(*folds)


def test_too_few_recordings_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"2 recordings, too few for 3 folds"):
        make(tmp_path, clips(n_recordings=2))


def test_the_official_split_is_taken_as_it_is(tmp_path):
    rows = clips()
    for row in rows:
        row["split"] = "test" if row["recording"] in ("r1", "r2") else "train"
    found = make(tmp_path, rows, kind="official", n_repeats=1)
    assert set(found["clip_id"].str.partition("-")[0]) == {"1", "2"}
    assert found[["repeat", "fold"]].eq(0).all(axis=None)


def test_validation_clips_train(tmp_path):
    rows = clips()
    sides = {"r1": "test", "r2": "validation"}
    for row in rows:
        row["split"] = sides.get(row["recording"], "train")
    found = make(tmp_path, rows, kind="official", n_repeats=1)
    assert set(found["clip_id"].str.partition("-")[0]) == {"1"}


def with_folds(n_folds, name="d", **options):
    """Clips of 30 recordings; recording r is of the official fold r % n_folds + 1."""
    rows = clips(**options)
    for row in rows:
        row["clip_id"] = f"{name}{row['clip_id']}"
        row["split"] = str(int(row["recording"][1:]) % n_folds + 1)
    return rows


def make_official(tmp_path, **rows):
    labels = {}
    for name, own in rows.items():
        (tmp_path / name).mkdir()
        labels[name] = table(tmp_path / name, own)
    out = {name: tmp_path / name / "s.parquet" for name in rows}
    splits.make_splits(labels, out, kind="official", n_folds=9, n_repeats=1, seed=0)
    return {name: pd.read_parquet(file) for name, file in out.items()}


def test_official_folds_are_taken_as_they_are(tmp_path):
    found = make_official(tmp_path, d=with_folds(5))["d"]
    assert len(found) == 90
    recording = found["clip_id"].str.removeprefix("d").str.partition("-")[0].astype(int)
    assert (found["fold"] == recording % 5).all()


def test_official_folds_in_different_numbers_are_merged(tmp_path):
    found = make_official(tmp_path, a=with_folds(5), b=with_folds(10, "b"))
    assert found["a"].groupby("fold")["clip_id"].count().to_dict() == {
        0: 18,
        1: 18,
        2: 18,
        3: 18,
        4: 18,
    }
    b = found["b"]
    assert len(b) == 90
    recording = b["clip_id"].str.removeprefix("b").str.partition("-")[0].astype(int)
    assert (b["fold"] == recording % 10 % 5).all()


def test_beside_a_single_split_only_the_first_official_fold_is_tested(tmp_path, caplog):
    single = clips()
    for row in single:
        row["split"] = "test" if row["recording"] == "r1" else "train"
    found = make_official(tmp_path, a=single, b=with_folds(5, "b"))
    assert set(found["a"]["clip_id"]) == {"1-0", "1-1", "1-2"}
    assert set(found["b"]["fold"]) == {0}
    assert len(found["b"]) == 18
    assert "b: only the first of 5 official folds is tested" in caplog.text


def test_a_recording_in_two_official_folds_is_refused(tmp_path):
    rows = with_folds(5)
    rows[0]["split"] = "3"
    with pytest.raises(DataError, match=r"1 recordings are on both sides.*'r0'"):
        make_official(tmp_path, d=rows)


def test_merging_official_folds_is_checked_for_recordings_too(tmp_path):
    # Folds 1 and 6 of ten become one of five: a recording in both is on one side then.
    rows = with_folds(10)
    rows[0]["split"] = "6"
    found = make_official(tmp_path, d=rows, e=with_folds(5, "e"))
    assert found["d"].set_index("clip_id")["fold"]["d0-0"] == 0


def test_folds_beside_named_sides_are_refused(tmp_path):
    rows = with_folds(5)
    rows[0]["split"] = "train"
    with pytest.raises(DataError, match="the official split of 17 clips is '1'"):
        make_official(tmp_path, d=rows)


def test_a_single_official_fold_is_refused(tmp_path):
    with pytest.raises(DataError, match="only clips of one official fold"):
        make_official(tmp_path, d=with_folds(1))


def test_a_recording_on_both_official_sides_is_refused(tmp_path):
    rows = clips()
    for i, row in enumerate(rows):
        row["split"] = "test" if i == 1 else "train"
    with pytest.raises(
        DataError, match="1 recordings are on both sides of the split, such as 'r0'"
    ):
        make(tmp_path, rows, kind="official")


def test_an_official_split_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match="Use 'kind: grouped'"):
        make(tmp_path, clips(), kind="official")


def entry(tmp_path, rows):
    make(tmp_path, rows)
    return {
        "name": "d",
        "labels": str(tmp_path / "t.parquet"),
        "splits": str(tmp_path / "s.parquet"),
    }


def choose(tmp_path, rows, asked=()):
    out = tmp_path / "classes.csv"
    classes.choose_classes([entry(tmp_path, rows)], asked, out, n_inner_folds=3)
    return pd.read_csv(out).set_index("class")


def test_a_class_with_one_label_only_is_left_out_with_its_reason(tmp_path):
    rows = clips()
    for row in rows:
        row["label:always"] = True
    found = choose(tmp_path, rows)
    assert not found.loc["always", "used"]
    assert found.loc["always", "reason"] == "no clip is known to lack it"
    assert found.loc[["c0", "c1", "c2"], "used"].all()
    assert found.loc["c0", ["n_present", "n_absent", "n_unknown"]].tolist() == [
        30,
        60,
        0,
    ]


def test_a_class_that_was_asked_for_must_be_usable(tmp_path):
    rows = clips()
    for row in rows:
        row["label:always"] = True
    with pytest.raises(DataError, match="class 'always' of dataset 'd' cannot be used"):
        choose(tmp_path, rows, ["c0", "always"])
    with pytest.raises(DataError, match="class 'c9' is not labelled"):
        choose(tmp_path, rows, ["c9"])


def test_unknown_labels_count_as_neither(tmp_path):
    rows = clips()
    for row in rows:
        row["label:some"] = {0: True, 1: False}.get(int(row["recording"][1:]) % 5)
    found = choose(tmp_path, rows)
    assert found.loc["some", ["n_present", "n_absent", "n_unknown"]].tolist() == [
        18,
        18,
        54,
    ]


def test_names_of_classes_stay_as_written(tmp_path):
    rows = clips()
    for row in rows:
        row["label:02"], row["label:None"] = row["label:c0"], row["label:c1"]
    out = tmp_path / "classes.csv"
    classes.choose_classes([entry(tmp_path, rows)], [], out, n_inner_folds=3)
    assert classes.read_classes(out) == ["02", "None", "c0", "c1", "c2"]


def test_no_usable_class_is_said_with_reasons(tmp_path):
    rows = clips()
    for row in rows:
        row.update({"label:c0": True, "label:c1": True, "label:c2": None})
    message = (
        r"c0 \(d: 90 clips\), c1 \(d: 90 clips\): no clip is known to lack it \(d\).\n"
        r"c2: no clip has it \(d\)"
    )
    with pytest.raises(DataError, match=message):
        choose(tmp_path, rows)
