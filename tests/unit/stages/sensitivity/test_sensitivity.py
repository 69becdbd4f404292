"""Stage 6, sensitivity: on a dataset whose clips are changed in a known way."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from earshift import store
from earshift.errors import DataError
from earshift.numerics.estimates import Estimate, crossing
from earshift.numerics.grouped_folds import hashed
from earshift.stages.scores import inputs
from earshift.stages.sensitivity import movement, robustness, scoring, summary
from earshift.stages.splits import classes
from earshift.tables import ROBUSTNESS, SENSITIVITY, SENSITIVITY_SCORES
from tests.helpers.two_domains import write_domain

FAMILY = {"plugin": "noise", "strengths": [40, 20, 0]}
STEPS = {"noise_40": 0.0, "noise_20": 1.0, "noise_0": 3.0}
METHODS = {name: {"plugin": name} for name in ("none", "standardise")}
CLASSIFIER = {"plugin": "logistic", "C": [0.01, 1.0], "n_inner_folds": 3}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A dataset, and its clips moved along the direction of the class c0."""
    folder = tmp_path_factory.mktemp("sensitivity")
    entry = write_domain(folder, "a", np.zeros(12), 1)
    classes.choose_classes([entry, entry], [], folder / "classes.csv", n_inner_folds=3)
    X, ids = store.read_features(folder / "a.zarr")
    for name, step in STEPS.items():
        moved = X + np.float32(step) * np.eye(1, 12, dtype=np.float32)
        store.write_features(folder / f"{name}.zarr", [moved], ids, 12, {})
    return folder


@pytest.fixture(scope="module")
def features(folder):
    named = {"clean": "a", **{name: name for name in STEPS}}
    return {name: str(folder / f"{file}.zarr") for name, file in named.items()}


def scored(folder, features, name="scores", **changes):
    options = {
        "dataset": "a",
        "model": "m",
        "family": "noise",
        "features": features,
        "labels": str(folder / "a.parquet"),
        "splits": str(folder / "a.splits.parquet"),
        "classes": folder / "classes.csv",
        "methods": METHODS,
        "classifier": CLASSIFIER,
        "n_refits": 12,
        "seed": 0,
        "n_workers": 0,
        "parts": folder / "parts",
        "clip_scores": folder / f"{name}.parquet",
    }
    scoring.score_sensitivity(**options | changes)
    return pd.read_parquet(folder / f"{name}.parquet")


@pytest.fixture(scope="module")
def rows(folder, features):
    return scored(folder, features)


def measured(folder, features, name="moved", **changes):
    options = {
        "dataset": "a",
        "model": "m",
        "family": "noise",
        "features": features,
        "strengths": {"noise_40": 40.0, "noise_20": 20.0, "noise_0": 0.0},
        "labels": folder / "a.parquet",
        "measures": ["frechet", "domain_auc_linear"],
        "n_resamples": 199,
        "confidence": 0.95,
        "seed": 0,
        "out": folder / f"{name}.parquet",
    }
    movement.measure_sensitivity(**options | changes)
    return pd.read_parquet(folder / f"{name}.parquet")


@pytest.fixture(scope="module")
def tables(folder, features, rows):
    measured(folder, features)
    del rows
    out = {name: folder / f"{name}.csv" for name in ("moved", "scores", "robust")}
    summary.summarise_sensitivity(
        *([folder / "moved.parquet"], [folder / "scores.parquet"], {"noise": FAMILY}),
        n_resamples=499,
        confidence=0.95,
        rope=0.01,
        seed=0,
        out=out["moved"],
        out_scores=out["scores"],
        out_robustness=out["robust"],
    )
    return (
        SENSITIVITY.read(out["moved"]),
        SENSITIVITY_SCORES.read(out["scores"]),
        ROBUSTNESS.read(out["robust"]),
    )


def test_held_out_clips_are_scored_in_every_pair_with_clean(rows):
    pairs = {tuple(pair) for pair in rows[["train", "test"]].drop_duplicates().values}
    changed = {*STEPS, "random"}
    assert pairs == {("clean", "clean")} | {
        pair for c in changed for pair in (("clean", c), (c, "clean"), (c, c))
    }
    key = ["method", "partner", "train", "test", "class", "repeat"]
    clips = rows.groupby(key)["clip_id"].agg(["size", "nunique"])
    assert (clips["size"] == clips["nunique"]).all()
    assert rows["sample"].eq("all").all()


def test_what_changes_nothing_has_the_same_scores_to_the_last_bit(rows):
    key = ["method", "class", "repeat", "clip_id"]
    own = rows[rows["partner"].isin(["noise_40", "clean"])]
    pairs = [("clean", "noise_40"), ("noise_40", "clean"), ("noise_40", "noise_40")]
    plain = own[own["test"].eq("clean") & own["train"].eq("clean")]
    plain = plain[plain["partner"].eq("noise_40")].set_index(key).sort_index()
    numbers = ["score", "refit_0", "refit_1"]
    for train, test in pairs:
        there = own[own["train"].eq(train) & own["test"].eq(test)]
        there = there.set_index(key).sort_index()
        assert_allclose(there[numbers], plain[numbers], rtol=1e-9, err_msg=train)


def test_each_clip_is_in_one_strength_at_random(folder, features):
    paths = [features[name] for name in STEPS]
    entry = {"labels": str(folder / "a.parquet")}
    entry |= {"splits": str(folder / "a.splits.parquet"), "name": "random"}
    mixed = inputs.load(entry | {"features": paths}, ["c0", "c1"])
    clean = inputs.load(entry | {"features": features["clean"]}, ["c0", "c1"])
    assert list(mixed.clip_id) == list(clean.clip_id)
    moved = (mixed.X - clean.X)[:, 0]
    place = hashed(mixed.clip_id, b"one of several")
    steps = np.array(list(STEPS.values()))[(place * 3).astype(int)]
    assert_allclose(moved, steps, atol=1e-6)
    assert {*np.round(moved)} == {0, 1, 3}


def test_loss_is_that_of_the_decisions_and_standardising_wins_it_back(tables):
    _, table, _ = tables
    table = table[table["setting"].eq("clean to changed")]
    table = table.set_index(["method", "condition", "metric"])
    strong = table.loc[("none", "noise_0", "balanced_accuracy")]
    assert strong["loss"] > 0.1
    assert strong["loss_low"] > 0
    assert strong["verdict"] == "harmful"
    assert strong["p_holm"] >= strong["p_value"]
    # One constant added to all clips leaves their order as it was.
    assert_allclose(table.loc[("none", "noise_0", "roc_auc"), "loss"], 0, atol=1e-9)
    again = table.loc[("standardise", "noise_0", "balanced_accuracy")]
    assert abs(again["loss"]) < 1e-9
    assert_allclose(again["change"], strong["loss"])
    assert again["p_change_holm"] < 0.05
    same = table.loc[("none", "noise_40", "balanced_accuracy")]
    assert same[["loss", "loss_low", "loss_high"]].tolist() == [0, 0, 0]
    assert same["verdict"] == "practically equivalent"


def test_rows_of_unchanged_clips_have_no_loss(tables):
    _, table, _ = tables
    plain = table[table["setting"].eq("clean to clean")]
    assert plain[["loss", "p_value", "p_holm"]].isna().all().all()
    assert plain["verdict"].isna().all() or plain["verdict"].fillna("").eq("").all()
    assert table["n_test"].nunique() == 1
    assert table["n_classes"].eq(2).all()
    random = table[table["condition"].eq("random")]
    assert set(random["strength"]) == {"random"}


def test_movement_is_what_was_done(tables):
    table, _, _ = tables
    found = table[table["condition"].eq("noise_0")].set_index("measure")
    assert_allclose(found.loc["direction_consistency", "value"], 1)
    assert found.loc["frechet", "value"] > found.loc["frechet", "reference"]
    assert found.loc["domain_auc_linear", "value"] > 0.8
    assert found["n_clips"].eq(80).all()
    assert found["n_recordings"].eq(40).all()
    still = table[table["condition"].eq("noise_40")].set_index("measure")
    assert still.loc["relative_distance", "value"] == 0
    assert_allclose(still.loc["frechet", "value"], 0, atol=1e-6)
    (order,) = table[table["measure"].eq("monotonicity")].to_dict("records")
    assert abs(order["value"]) > 0.99  # the lower, the further
    assert order["p_value"] == pytest.approx(1 / 3)  # of six orders, two are as good


def test_falls_are_found_between_the_strengths(tables):
    _, scores, table = tables
    table = table[table["method"].eq("none") & table["metric"].eq("balanced_accuracy")]
    falls = table.set_index("fall")["strength"]
    assert list(falls.index) == list(robustness.FALLS)
    assert (falls.diff().dropna() <= 0).all()  # noise is stronger at lower numbers
    assert falls.between(0, 40).all()
    assert table["side"].eq("lower").all()
    own = scores[scores["method"].eq("none") & scores["metric"].eq("balanced_accuracy")]
    own = own[own["setting"].eq("clean to changed")].set_index("condition")
    clean = own["value"] + own["loss"]
    drops = (own["loss"] / clean)[["noise_40", "noise_20", "noise_0"]]
    expected = np.interp(0.1, drops, [40, 20, 0])
    assert_allclose(falls[0.1], expected, rtol=1e-4)


def test_clips_that_one_condition_lacks_are_compared_in_none(folder, features, caplog):
    X, ids = store.read_features(folder / "noise_20.zarr")
    fewer = folder / "fewer.zarr"
    store.write_features(fewer, [X[:-2]], ids[:-2], 12, {})
    changed = features | {"noise_20": str(fewer)}
    table = measured(folder, changed, "fewer", measures=[])
    assert table["n_clips"].eq(78).all()
    assert "78 clips are compared, which all conditions have" in caplog.text
    rows = scored(folder, changed, "fewer_scores", methods={"none": METHODS["none"]})
    out = {name: folder / f"fewer_{name}.csv" for name in ("a", "b", "c")}
    summary.summarise_sensitivity(
        *([folder / "fewer.parquet"], [folder / "fewer_scores.parquet"]),
        {"noise": FAMILY},
        n_resamples=199,
        confidence=0.95,
        rope=0.01,
        seed=0,
        out=out["a"],
        out_scores=out["b"],
        out_robustness=out["c"],
    )
    compared = SENSITIVITY_SCORES.read(out["b"])
    everywhere = set.intersection(
        *(set(own["clip_id"]) for _, own in rows.groupby("test"))
    )
    assert compared["n_test"].max() == len(everywhere)


def test_no_clip_in_common_is_an_error(folder, features):
    X, ids = store.read_features(folder / "noise_0.zarr")
    other = folder / "other.zarr"
    store.write_features(other, [X], [f"other {name}" for name in ids], 12, {})
    with pytest.raises(DataError, match="no clip has features in all of 4 conditions"):
        measured(folder, features | {"noise_0": str(other)}, "other")


def test_a_long_recording_leaves_room_for_the_others(folder):
    rng = np.random.default_rng(0)
    sizes = [2100, *[1] * 50]
    ids = [f"{r}.{k}" for r, n in enumerate(sizes) for k in range(n)]
    recordings = [name.split(".")[0] for name in ids]
    X = rng.standard_normal((len(ids), 4)).astype(np.float32)
    paths = {}
    for name, step in (("clean", 0), ("noise_0", 1)):
        paths[name] = str(folder / f"long_{name}.zarr")
        store.write_features(folder / f"long_{name}.zarr", [X + step], ids, 4, {})
    labels = folder / "long.parquet"
    pd.DataFrame({"clip_id": ids, "recording": recordings}).to_parquet(labels)
    table = measured(
        *(folder, paths, "long"),
        strengths={"noise_0": 0.0},
        labels=labels,
        measures=["mmd"],
    )
    assert table["n_clips"].eq(2000).all()
    assert table["n_recordings"].eq(51).all()
    mmd = table[table["measure"].eq("mmd")].iloc[0]
    assert mmd["p_value"] == 0.01
    assert mmd["low"] < mmd["value"] < mmd["high"]


def test_an_unknown_loss_has_no_verdict(tables):
    _, table, _ = tables
    row = table[table["setting"].eq("clean to changed")].iloc[[0]]
    row = row[row["metric"].eq("roc_auc")].copy()
    row[["loss", "p_value", "p_equivalent"]] = np.nan
    (word,) = summary.corrected(row, summary.Options(0.95, 0.01))["verdict"]
    assert word == ""


def estimate(value, se=0.01):
    return Estimate(value, [(se**2, 1000)])


def test_the_interval_of_a_fall_is_where_it_may_be_and_where_it_is_certain():
    left = {0.0: -0.1, 10.0: -0.05, 20.0: 0.05, 30.0: 0.2}
    estimates = {s: estimate(v, 0.02) for s, v in left.items()}
    value, low, high = crossing(estimates, 0.05)
    assert value == 15
    half = 1.9623 * 0.02
    assert_allclose(low, 10 + 10 * (0.05 - half) / 0.1, rtol=1e-3)
    assert_allclose(high, 10 + 10 * (0.05 + half) / 0.1, rtol=1e-3)


def test_a_fall_that_is_not_reached_has_no_strength():
    never = {0.0: estimate(-0.1), 5.0: estimate(-0.09)}
    assert crossing(never, 0.05) == (np.inf, np.inf, np.inf)
    perhaps = {0.0: estimate(-0.1), 5.0: estimate(-0.01, 0.02)}
    value, low, high = crossing(perhaps, 0.05)
    assert (value, high) == (np.inf, np.inf)
    assert 0 < low < 5
    unknown = {0.0: estimate(-0.1), 5.0: estimate(np.nan)}
    assert np.isnan(crossing(unknown, 0.05)).all()


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (
            {"plugin": "gain", "strengths": [6, -6, -12, 0]},
            {"lower": [-6, -12], "higher": [6]},
        ),
        ({"plugin": "noise", "strengths": [0, 20, "none"]}, {"lower": [20, 0]}),
        ({"plugin": "reverb", "strengths": [1, 0.2]}, {"higher": [0.2, 1]}),
        ({"plugin": "crop", "strengths": [50, 100]}, {"lower": [50]}),
    ],
)
def test_strengths_are_sorted_away_from_what_changes_nothing(entry, expected):
    found = robustness.sides("f", entry)
    assert {s: [v for _, v in items] for s, items in found.items()} == expected
