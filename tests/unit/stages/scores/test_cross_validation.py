from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from earshift import datasets, store
from earshift.errors import DataError
from earshift.stages.discrepancy import halves as stage_6
from earshift.stages.scores import cross_validation
from earshift.stages.scores.score_tables import SIZES
from earshift.stages.splits import classes
from earshift.stages.statistics import resampling
from earshift.tables import SCORES
from tests.helpers.two_domains import (
    METHODS,
    balanced,
    discrepancy_table,
    measure,
    run,
    summarised,
    write_two_domains,
)


@pytest.fixture
def entries(tmp_path):
    return write_two_domains(tmp_path)


def test_every_cell_is_there_once_with_its_counts(tmp_path, entries):
    rows, scores = run(tmp_path, entries)
    assert list(scores.columns) == SCORES.names
    # methods x (train, test) x classes x repeats
    assert len(scores) == 3 * 4 * 2 * 2
    assert not scores.duplicated(list(cross_validation.CELL)).any()
    for cell in scores.itertuples():
        table = pd.read_parquet(tmp_path / f"{cell.test}.parquet")
        labels = table[f"label:{cell._asdict()['_10']}"]
        assert cell.n_positive == labels.eq(True).sum()
        assert cell.n_test == labels.notna().sum()
    assert not rows.duplicated([*cross_validation.CELL, "clip_id"]).any()


def test_a_class_with_signal_is_found_and_the_shift_hurts_across(tmp_path, entries):
    _, scores = run(tmp_path, entries)
    plain = scores[scores["method"] == "none"].groupby(["train", "test"])
    auc, accuracy = plain["roc_auc"].mean(), plain["accuracy"].mean()
    assert auc[("a", "a")] > 0.85
    assert auc[("b", "b")] > 0.85
    # A shift along a class's direction moves all scores: the ranking within the other
    # dataset survives, the threshold does not.
    assert accuracy[("a", "b")] < accuracy[("b", "b")] - 0.1


def test_a_method_that_removes_the_shift_mends_the_threshold(tmp_path, entries):
    _, scores = run(tmp_path, entries)
    across = scores[(scores["train"] == "a") & (scores["test"] == "b")]
    accuracy = across.groupby("method")["accuracy"].mean()
    assert accuracy["mean_projection"] > accuracy["none"] + 0.05


def test_labels_without_signal_score_at_chance(tmp_path, entries):
    for entry in entries:
        table = pd.read_parquet(entry["labels"])
        rng = np.random.default_rng(5)
        drawn = rng.random(len(table)) < 0.4
        table["label:c0"] = pd.array(drawn, dtype="boolean")
        table.to_parquet(entry["labels"])
    _, scores = run(tmp_path, entries)
    chance = scores[scores["class"] == "c0"]["roc_auc"]
    # 80 clips: an AUC has a standard error of 0.065 at chance.
    assert chance.between(0.3, 0.7).all()
    assert 0.42 < chance.mean() < 0.58


def test_two_workers_write_the_same_bytes_as_none(tmp_path, entries):
    run(tmp_path, entries, scopes=["global", "classwise"])
    names = ("scores.csv", "clips.parquet")
    serial = [(tmp_path / "scores" / name).read_bytes() for name in names]
    for file in (tmp_path / "scores" / "parts").iterdir():
        file.unlink()
    run(tmp_path, entries, n_workers=2, scopes=["global", "classwise"])
    parallel = [(tmp_path / "scores" / name).read_bytes() for name in names]
    assert serial == parallel


def test_an_added_method_leaves_the_others_as_they_were(tmp_path, entries):
    _, before = run(tmp_path, entries)
    parts = set((tmp_path / "scores" / "parts").iterdir())
    more = METHODS | {"mlda": {"plugin": "mlda"}}
    _, after = run(tmp_path, entries, methods=more)
    assert parts < set((tmp_path / "scores" / "parts").iterdir())
    kept = after[after["method"] != "mlda"].reset_index(drop=True)
    pd.testing.assert_frame_equal(before, kept)


def test_a_class_the_training_clips_lack_is_named(tmp_path, entries):
    table = pd.read_parquet(entries[1]["labels"])
    table["label:c1"] = pd.array(np.zeros(len(table), bool), dtype="boolean")
    table.to_parquet(entries[1]["labels"])
    with pytest.raises(DataError, match=r"dataset 'b', class 'c1'.*lack it"):
        run(tmp_path, entries)


def test_summaries_hold_means_intervals_changes_and_gaps(tmp_path, entries):
    _, scores = run(tmp_path, entries)
    tables = summarised(tmp_path)
    table = tables["summary"][tables["summary"]["metric"].eq("roc_auc")]
    keys = ["method", "train", "test"]
    means = scores.groupby(keys)["roc_auc"].mean()
    found = table.set_index(keys)["value"].rename("roc_auc")
    pd.testing.assert_series_equal(found.sort_index(), means, atol=2e-6)
    assert (table["low"] < table["value"]).all()
    assert (table["value"] < table["high"]).all()
    plain = table["method"] == "none"
    assert table.loc[plain, ["change", "p_value"]].isna().all(axis=None)
    assert table.loc[plain, "verdict"].eq("").all()
    assert table.loc[~plain, ["change", "p_holm"]].notna().all(axis=None)
    assert table.loc[~plain, "verdict"].ne("").all()
    assert (table["p_holm"].dropna() >= table["p_value"].dropna()).all()
    accesses = table.groupby("method")["access"].first()
    assert accesses["none"] == "none"
    assert accesses["lda"] == "target_unlabelled"
    gaps = tables["gaps"][tables["gaps"]["metric"].eq("roc_auc")]
    assert len(gaps) == 6
    np.testing.assert_allclose(gaps["gap"], gaps["within"] - gaps["across"], atol=2e-6)


def test_the_order_of_the_methods_does_not_matter(tmp_path, entries):
    tables = []
    for order in (["none", "lda"], ["lda", "none"]):
        run(tmp_path, entries, methods={name: METHODS[name] for name in order})
        rows = summarised(tmp_path)["summary"]
        keys = ["method", "train", "test", "metric"]
        tables.append(rows.sort_values(keys, ignore_index=True))
    pd.testing.assert_frame_equal(*tables)


@pytest.mark.parametrize("scope", ["global", "classwise"])
def test_only_drawn_clips_train_when_training_is_balanced(tmp_path, entries, scope):
    """Features of a training clip that was not drawn may be anything."""
    out = balanced(tmp_path, entries)
    before, _ = run(tmp_path, entries, draws=out, scopes=[scope])
    drawn = pd.read_parquet(out)
    # Drawn for no class in repeat 1, fold 0, though they may train there.
    now = drawn["repeat"].eq(1) & drawn["fold"].eq(0)
    splits_a = pd.read_parquet(entries[0]["splits"])
    tests = splits_a[splits_a["repeat"].eq(1) & splits_a["fold"].eq(0)]["clip_id"]
    X, ids = store.read_features(Path(entries[0]["features"]))
    idle = ~np.isin(ids, drawn.loc[now, "clip_id"]) & ~np.isin(ids, tests)
    assert idle.sum() >= 3
    table = pd.read_parquet(entries[0]["labels"]).set_index("clip_id")
    labelled = table[[f"{datasets.LABEL}c{c}" for c in (0, 1)]].notna().any(axis=1)
    assert labelled[np.array(ids)[idle]].any()
    X[idle] = 1000.0
    store.write_features(Path(entries[0]["features"]), [X], ids, 12, {})
    after, _ = run(tmp_path, entries, draws=out, scopes=[scope])

    def scores_of_fold(rows, fold):
        own = rows[rows["repeat"].eq(1) & rows["fold"].eq(fold)]
        keys = ["method", "train", "test", "class", "clip_id"]
        return own.set_index(keys)["score"].sort_index()

    pd.testing.assert_series_equal(scores_of_fold(before, 0), scores_of_fold(after, 0))
    assert not scores_of_fold(before, 1).equals(scores_of_fold(after, 1))


def test_directions_and_weights_are_kept(tmp_path, entries):
    run(tmp_path, entries, methods=METHODS | {"klda": {"plugin": "klda"}})
    table = pd.read_parquet(tmp_path / "scores" / "directions.parquet")
    keys = ["method", "train", "class", "repeat", "fold"]
    weights = table[table["kind"] == "class"].set_index(keys)
    assert len(weights) == 4 * 2 * 2 * 2 * 3
    found = table[table["kind"] == "dataset"]
    # Without draws a method is fitted once for all classes.
    assert found["class"].isna().all()
    assert found["C"].isna().all()
    assert (found["n_clips_a"] > 40).all()
    assert found.groupby("method").size().to_dict() == {
        "klda": 2 * 2 * 3,
        "lda": 2 * 2 * 3,
        "mean_projection": 2 * 2 * 2 * 3,
    }
    for row in found.itertuples():
        w = weights.loc[(row.method, row.train, "c0", row.repeat, row.fold), "vector"]
        cosine = w @ row.vector / np.linalg.norm(w) / np.linalg.norm(row.vector)
        assert abs(cosine) < 1e-4


def test_a_skipped_subgroup_is_said(tmp_path, entries):
    for entry, rare in zip(entries, ("x", "y"), strict=True):
        table = pd.read_parquet(entry["labels"])
        table["subgroup"] = np.where(np.arange(len(table)) % 4 == 0, rare, "z")
        table.to_parquet(entry["labels"])
    run(tmp_path, entries, methods={"mlda": {"plugin": "mlda"}})
    table = pd.read_parquet(tmp_path / "scores" / "directions.parquet")
    assert set(table.loc[table["kind"] == "dataset", "subgroup"]) == {"z"}
    skipped = table[table["kind"] == "skipped"]
    assert set(skipped["subgroup"]) == {"x", "y"}
    lacking = {"x": "n_clips_b", "y": "n_clips_a"}
    assert all(row[lacking[row["subgroup"]]] == 0 for _, row in skipped.iterrows())


def test_kernel_methods_score_well(tmp_path, entries):
    methods = {name: {"plugin": name} for name in ("none", "k", "klda", "mklda")}
    _, scores = run(
        tmp_path, entries, methods=methods, draws=balanced(tmp_path, entries)
    )
    within = scores[scores["train"] == scores["test"]]
    assert (within.groupby("method")["roc_auc"].mean() > 0.8).all()


def test_balanced_training_has_scores_of_its_own(tmp_path, entries):
    _, plain = run(tmp_path, entries)
    _, drawn = run(tmp_path, entries, draws=balanced(tmp_path, entries))
    assert len(plain) == len(drawn)
    assert (plain["n_test"] == drawn["n_test"]).all()
    assert not plain["roc_auc"].equals(drawn["roc_auc"])


def test_another_class_does_not_change_the_scores_of_the_others(tmp_path, entries):
    _, both = run(tmp_path, entries)
    out = tmp_path / "classes.csv"
    classes.choose_classes(entries, ["c1"], out, n_inner_folds=3)
    _, one = run(tmp_path, entries)
    kept = both[both["class"] == "c1"].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, one)


@pytest.mark.parametrize("n_present", [1, 3])
def test_a_resample_without_the_class_is_left_out_of_the_interval(n_present):
    rows = pd.DataFrame(
        {
            "clip_id": [f"c{i}" for i in range(24)],
            "recording": [f"r{i}" for i in range(24)],
            "present": [i < n_present for i in range(24)],
            "score": [float(i < n_present) for i in range(24)],
            "threshold": 0.0,
            "fold": 0,
            "class": "x",
            "repeat": 0,
        }
    ).assign(**dict.fromkeys([*resampling.GROUP, *SIZES], 1))
    (group,) = resampling.groups(rows, 500, 0)
    drawn = group.curves["roc_auc"].drawn
    assert drawn.shape == (1, 501)
    # A class of one recording has no stratum of its own.
    assert np.isnan(drawn).any() == (n_present == 1)
    assert np.nanmin(drawn) == 1.0


def test_of_large_datasets_the_same_clips_are_measured_for_every_method(
    tmp_path, entries, monkeypatch
):
    monkeypatch.setattr(stage_6, "MAX_CLIPS", 15)
    rows = measure(tmp_path, entries)
    measured = rows.groupby(["method", "repeat", "fold", "dataset"])["clip_id"]
    assert set(measured.nunique()) == {15}
    sets = measured.agg(frozenset).unstack("method")
    assert all(sets["none"] == sets["mean_projection"])
    halves = sets["none"].unstack("fold")
    assert not any(a & b for a, b in zip(halves[0], halves[1], strict=True))


def test_discrepancy_finds_the_shift_and_its_removal(tmp_path, entries):
    measure(tmp_path, entries)
    table = discrepancy_table(tmp_path).set_index("method")
    table = table.astype(dict.fromkeys(["value", "low", "high"], float))
    assert table.loc["none", "access"] == "none"
    assert table.loc["mean_projection", "access"] == "target_unlabelled"
    assert table.loc["none", "value"] > 0.97
    assert table.loc["mean_projection", "value"] < 0.8
    assert float(table.loc["mean_projection", "change_high"]) < 0
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()
