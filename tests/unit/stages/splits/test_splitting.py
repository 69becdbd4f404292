import numpy as np
import pandas as pd
import pytest

from earshift.errors import DataError
from earshift.stages.splits import classes, splitting


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


def files(tmp_path):
    return {"grouped": tmp_path / "groups.parquet", "shared": tmp_path / "shared.csv"}


def make(tmp_path, rows, **options):
    options = {"kind": "grouped", "n_folds": 3, "n_repeats": 2, "seed": 0} | options
    out = tmp_path / "s.parquet"
    splitting.make_splits(
        {"d": table(tmp_path, rows)}, {"d": out}, **options, **files(tmp_path)
    )
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
    options = {"kind": "official", "n_folds": 9, "n_repeats": 1, "seed": 0}
    splitting.make_splits(labels, out, **options, **files(tmp_path))
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


@pytest.mark.parametrize(
    ("sides", "why"),
    [
        (("train",), "none of them tests"),
        (("train", "validation"), "none of them tests"),
        (("test",), "all of them test"),
    ],
)
def test_an_official_split_needs_clips_on_both_sides(tmp_path, sides, why):
    rows = clips()
    for i, row in enumerate(rows):
        row["split"] = sides[i // 3 % len(sides)]
    with pytest.raises(DataError, match=rf"'d' has 90 clips .*, and {why}: "):
        make(tmp_path, rows, kind="official")


def test_an_official_split_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match="Use 'kind: grouped'"):
        make(tmp_path, clips(), kind="official")


def make_several(tmp_path, pairs=None, namespaces=None, kind="grouped", **rows):
    """Splits of datasets, what is shared, and the recording of each clip."""
    labels = {}
    for name, own in rows.items():
        (tmp_path / name).mkdir(exist_ok=True)
        labels[name] = table(tmp_path / name, own)
    out = {name: tmp_path / name / "s.parquet" for name in rows}
    copies = None
    if pairs is not None:
        copies = tmp_path / "duplicates.csv"
        columns = ["dataset_a", "recording_a", "dataset_b", "recording_b"]
        pd.DataFrame(pairs, columns=columns).to_csv(copies, index=False)
    options = {"kind": kind, "n_folds": 3, "n_repeats": 2, "seed": 0}
    options |= {"duplicates": copies, "namespaces": namespaces} | files(tmp_path)
    splitting.make_splits(labels, out, **options)
    found = {name: pd.read_parquet(file) for name, file in out.items()}
    for part in found.values():
        assert tuple(part.columns) == splitting.COLUMNS
    return found, pd.read_csv(options["shared"])


def named(name, numbers, prefix="r", **options):
    """Clips of a dataset whose recordings have these numbers."""
    rows = clips(n_recordings=len(numbers), **options)
    for row in rows:
        r = numbers[int(row["recording"][1:])]
        row["recording"] = f"{prefix}{r}"
        row["clip_id"] = f"{name}{r}-{row['clip_id'].partition('-')[2]}"
    return rows


def fold_of(part, repeat=0):
    """The fold of each recording of a split of `named` clips, by number."""
    part = part[part["repeat"].eq(repeat) & part["tests"]]
    number = part["clip_id"].str.extract(r"(\d+)-")[0].astype(int)
    return part.groupby(number)["fold"].agg(lambda folds: folds.unique().item())


SPACE = {"a": "freesound", "b": "freesound"}


def test_a_recording_that_two_datasets_have_is_in_one_fold_of_both(tmp_path):
    a, b = named("a", range(40)), named("b", range(20, 50), per_recording=2)
    found, shared = make_several(tmp_path, namespaces=SPACE, a=a, b=b)
    for repeat in (0, 1):
        folds = [fold_of(found[name], repeat) for name in "ab"]
        both = folds[0].index.intersection(folds[1].index)
        assert len(both) == 20
        assert (folds[0][both] == folds[1][both]).all()
        assert set(folds[0]) == set(folds[1]) == {0, 1, 2}
    assert all(part["tests"].all() for part in found.values())
    # Of each repeat, all are counted once, and none is left out of training.
    assert set(shared["why"]) == {"recording"}
    assert shared.groupby("repeat")["groups"].sum().tolist() == [20, 20]
    assert shared["tested_a"].sum() == 2 * 20 * 3
    assert shared["tested_b"].sum() == 2 * 20 * 2
    assert shared[["left_out_a", "left_out_b"]].to_numpy().sum() == 0
    # Each dataset is as even as one alone.
    for name, rows in (("a", a), ("b", b)):
        kind = pd.DataFrame(rows).set_index("clip_id")[
            [f"label:c{i}" for i in range(3)]
        ]
        joined = found[name].join(kind, on="clip_id")
        counts = joined.groupby(["repeat", "fold"])[list(kind)].sum()
        assert np.ptp(counts.to_numpy(), axis=0).max() <= 6


def test_equal_names_of_unrelated_datasets_are_not_one_recording(tmp_path):
    a, b = named("a", range(40)), named("b", range(40))
    found, shared = make_several(tmp_path, a=a, b=b)
    folds = [fold_of(found[name]) for name in "ab"]
    assert 5 < (folds[0] == folds[1]).sum() < 25
    assert shared.empty
    # The same as without the other dataset.
    alone, _ = make_several(tmp_path, a=a)
    pd.testing.assert_frame_equal(alone["a"], found["a"])


def test_copies_are_in_one_fold_unless_they_are_kept_apart(tmp_path):
    a, b = named("a", range(40)), named("b", range(40), prefix="s")
    pairs = [("a", f"r{i}", "b", f"s{39 - i}") for i in range(30)]
    pairs += [("a", f"r{i}", "a", f"r{i + 1}") for i in (30, 32, 34)]
    found, shared = make_several(tmp_path, pairs, a=a, b=b)
    folds = [fold_of(found[name]) for name in "ab"]
    assert all(folds[0][i] == folds[1][39 - i] for i in range(30))
    assert all(folds[0][i] == folds[0][i + 1] for i in (30, 32, 34))
    sums = shared.groupby(["a", "b", "why"])["groups"].sum() / 2
    assert sums.to_dict() == {("a", "b", "copy"): 30, ("a", "a", "copy"): 3}
    apart, shared = make_several(tmp_path, None, a=a, b=b)
    folds = [fold_of(apart[name]) for name in "ab"]
    assert not all(folds[0][i] == folds[1][39 - i] for i in range(30))
    assert shared.empty


def test_too_few_groups_are_refused_and_say_what_joins_them(tmp_path):
    pairs = [("a", "r0", "a", f"r{i}") for i in range(1, 5)]
    with pytest.raises(DataError, match=r"'a' has 2 recordings \(copies join 4 others"):
        make_several(tmp_path, pairs, a=named("a", range(6)), b=named("b", range(9)))


def sided(rows, tested):
    for row in rows:
        number = int(row["recording"].lstrip("rs"))
        row["split"] = "test" if number in tested else "train"
    return rows


def test_what_an_official_split_tests_elsewhere_is_left_out_of_training(tmp_path):
    # 20 to 23 test in a and train in b; 25 is the other way round; 22 tests in both.
    a = sided(named("a", range(30)), {20, 21, 22, 23})
    b = sided(named("b", range(20, 50)), {22, 25, 40})
    found, shared = make_several(tmp_path, namespaces=SPACE, kind="official", a=a, b=b)
    left_out = {}
    for name, part in found.items():
        own = part[part["repeat"].eq(1)]
        left_out[name] = set(own.loc[~own["tests"], "clip_id"])
        assert set(own.loc[own["tests"], "clip_id"].str.partition("-")[0]) == (
            {"a20", "a21", "a22", "a23"} if name == "a" else {"b22", "b25", "b40"}
        )
    assert left_out["b"] == {f"b{r}-{k}" for r in (20, 21, 23) for k in range(3)}
    assert left_out["a"] == {f"a25-{k}" for k in range(3)}
    row = shared[shared["repeat"].eq(0)].squeeze()
    assert row[["a", "b", "why", "groups"]].tolist() == ["a", "b", "recording", 5]
    counts = ["tested_a", "tested_b", "left_out_a", "left_out_b"]
    assert row[counts].tolist() == [12, 6, 3, 9]


def test_a_copy_on_the_other_official_side_is_left_out_of_training(tmp_path):
    a = sided(named("a", range(30)), {20, 21})
    b = sided(named("b", range(30), prefix="s"), {7})
    pairs = [("a", "r20", "a", "r3"), ("a", "r3", "b", "s9"), ("a", "r4", "a", "r5")]
    found, shared = make_several(tmp_path, pairs, kind="official", a=a, b=b)
    names = {
        name: set(part.loc[~part["tests"], "clip_id"].str.partition("-")[0])
        for name, part in found.items()
    }
    assert names == {"a": {"a3"}, "b": {"b9"}}
    rows = shared[shared["repeat"].eq(0)].set_index(["a", "b"])
    assert rows.loc[("a", "a"), ["tested_a", "left_out_a"]].tolist() == [3, 3]
    assert rows.loc[("a", "b"), ["left_out_a", "left_out_b"]].tolist() == [3, 3]
    apart, shared = make_several(tmp_path, None, kind="official", a=a, b=b)
    assert all(part["tests"].all() for part in apart.values())


def test_official_folds_leave_out_what_another_dataset_tests_in_them(tmp_path):
    a, b = with_folds(3, "a"), with_folds(3, "b")
    for row in b:
        row["recording"] = f"r{int(row['recording'][1:]) + 1}"
    found, _ = make_several(tmp_path, namespaces=SPACE, kind="official", a=a, b=b)
    recording = {row["clip_id"]: row["recording"] for row in a + b}
    for repeat in (0, 1):
        for fold in range(3):
            parts = [
                part[part["repeat"].eq(repeat) & part["fold"].eq(fold)]
                for part in found.values()
            ]
            tested = {recording[c] for p in parts for c in p.loc[p["tests"], "clip_id"]}
            out = {c for p in parts for c in p["clip_id"]}
            train = {recording[c] for c in recording if c not in out}
            assert len(tested) == 20
            assert len(train) == 31 - 20
            assert not tested & train


def test_a_group_that_trains_where_it_is_tested_is_an_error():
    clips = pd.DataFrame(
        [("a", "x", "a/1", "g"), ("b", "y", "b/1", "g"), ("b", "z", "b/2", "b/2")],
        columns=["dataset", "clip_id", "recording", "group"],
    )
    rows = {
        "a": pd.DataFrame([(0, 0, "x", True)], columns=splitting.COLUMNS),
        "b": pd.DataFrame([(0, 0, "z", True)], columns=splitting.COLUMNS),
    }
    with pytest.raises(DataError, match=r"repeat 0, fold 0: 1 recordings .*'g'"):
        splitting.check_groups(rows, clips)
    rows["b"].loc[1] = (0, 0, "y", False)
    splitting.check_groups(rows, clips)


def test_a_clip_more_moves_few_others(tmp_path):
    rows = clips(n_recordings=100)
    before = make(tmp_path, rows, n_repeats=1).set_index("clip_id")["fold"]
    more = {**rows[0], "clip_id": "100-0", "recording": "r100"}
    after = make(tmp_path, [more, *rows], n_repeats=1).set_index("clip_id")["fold"]
    common = after.drop("100-0")
    assert (common != before[common.index]).mean() < 0.15


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


def test_no_dataset_at_hand_has_no_official_folds():
    """As before the corpora of an experiment are made or fetched."""
    assert splitting.official({}) == {}
