"""Stage 6 compares equal numbers of clips, says how many, and calls chance chance."""

import logging

import numpy as np
import pandas as pd
import pytest

from earshift.numerics.inference import AT_CHANCE
from earshift.stages.discrepancy import curves, halves
from earshift.stages.discrepancy.pair import Side, measure_pair
from earshift.stages.discrepancy.sizes import sizes
from earshift.stages.splits import classes
from tests.helpers.two_domains import (
    MEASURES,
    SHIFT,
    discrepancy_table,
    measure,
    write_domain,
)

NONE = {"none": {"plugin": "none"}}


def written(folder, shifts, numbers, methods=NONE, fit="pair"):
    """Write datasets a, b, ...; return what stages 6 and 7 make of them."""
    folder.mkdir()
    names = "abc"[: len(shifts)]
    entries = [
        write_domain(folder, name, shift, i, n)
        for i, (name, shift, n) in enumerate(zip(names, shifts, numbers, strict=True))
    ]
    classes.choose_classes(entries, [], folder / "classes.csv", n_inner_folds=3)
    rows = measure(folder, entries, methods, fit=fit)
    table = discrepancy_table(folder, methods)
    curve, null = (pd.read_csv(folder / f"{name}.csv") for name in ("curve", "null"))
    return rows, table.set_index(["method", "a", "b"]), curve, null


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Datasets with a small shift, of 60 and 90 recordings with two clips each."""
    folder = tmp_path_factory.mktemp("sizes") / "two"
    return written(folder, [0.0, 0.3], [60, 90])


def test_each_pair_is_measured_with_the_clips_of_the_smallest_half(two):
    rows, table, _, _ = two
    counts = rows.groupby(["repeat", "fold", "dataset"])["clip_id"].nunique().unstack()
    assert counts["a"].eq(counts["b"]).all()
    n = int(table["n_a"].iloc[0])
    assert set(counts["a"]) == {n}
    assert 54 <= n <= 60
    assert table["n_b"].tolist() == [n]
    # Recordings are drawn whole, but for the last.
    of_b = rows[rows["dataset"].eq("b")].groupby(["repeat", "fold"])
    recordings = of_b["recording"].nunique()
    assert recordings.le((n + 1) // 2).all()
    assert int(table["n_recordings_b"].iloc[0]) == round(recordings.mean())


def of_pair(rows):
    """Those between a and b, or of one of them."""
    rows = rows.reset_index()
    if "dataset" in rows and "a" not in rows:
        rows = rows[rows["dataset"].isin(["a", "b"])]
    else:
        rows = rows[rows["a"].eq("a") & rows["b"].eq("b")]
    return rows.drop(columns="index", errors="ignore").reset_index(drop=True)


def test_a_third_large_dataset_changes_nothing_of_a_pair_unless_asked(tmp_path):
    methods = NONE | {
        name: {"plugin": name}
        for name in ("lda", "shuffle_within_class", "random_projection")
    }
    pair = written(tmp_path / "two", [0.0, 0.3], [60, 90], methods)
    datasets = ([0.0, 0.3, SHIFT], [60, 90, 150], methods)
    three = written(tmp_path / "three", *datasets)
    assert len(three[1]) == 3 * len(pair[1]) == 12
    for before, after in zip(pair, three, strict=True):
        pd.testing.assert_frame_equal(of_pair(before), of_pair(after), check_exact=True)
    together = written(tmp_path / "all", *datasets, fit="all")
    assert len(together[1]) == 12
    before, after = (
        t[1].loc[("lda", "a", "b"), "value"].astype(float) for t in (pair, together)
    )
    assert abs(before - after) > 0.001


def test_a_small_dataset_sets_the_number_and_the_log_says_so(tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        _, table, _, _ = written(tmp_path / "c", [0.0, 0.3, 0.3], [60, 90, 20])
    n = int(table["n_a"].iloc[0])
    assert 16 <= n <= 20
    assert set(table["n_a"]) == set(table["n_b"]) == {n}
    text = " ".join(caplog.text.split())
    said = f"m / clean: discrepancy: {n} clips of each dataset are measured, as many as"
    assert f"{said} the smaller half of 'c' has" in text
    warned = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert any("'c' has far fewer clips than the other datasets" in w for w in warned)
    assert any(f"with {n} clips of each dataset (fewer than 100)" in w for w in warned)


def test_large_datasets_of_one_size_are_not_warned_of(caplog, monkeypatch):
    monkeypatch.setattr(halves, "MAX_CLIPS", 20)
    monkeypatch.setattr(halves, "USEFUL_CLIPS", 10)
    some = [domain(name, np.zeros((60, 2)), 30) for name in "ab"]
    with caplog.at_level(logging.INFO):
        assert halves.clips_per_side([some], 0, "it") == 20
    assert "it: 20 clips of each dataset are measured, the most" in caplog.text
    assert not any(r.levelname == "WARNING" for r in caplog.records)


def domain(name, X, n_recordings):
    """A dataset with one class, whose clips are spread over recordings."""
    n = len(X)
    return halves.Domain(
        name=name,
        X=X,
        clip_id=np.array([f"{name}{i}" for i in range(n)]),
        recording=np.array([f"{name}r{i % n_recordings}" for i in range(n)]),
        subgroup=np.full(n, None),
        labels=(np.arange(n) % 2)[:, None].astype(np.int8),
        folds=np.zeros((1, n), np.int64),
        left_out=np.zeros((1, 1, n), bool),
    )


def test_fewer_clips_are_among_more_and_recordings_are_drawn_whole():
    one = domain("a", np.zeros((120, 2)), 30)
    own = halves.halve([one], 0, 0)
    (many,), (few,), (other,) = (
        halves.draw_clips([one], own, (0, 0, half), n)
        for half, n in ((0, 40), (0, 14), (1, 1000))
    )
    assert (many.sum(), few.sum()) == (40, 14)
    assert not (few & ~many).any()
    assert len(np.unique(one.recording[few])) == 4  # of four clips each
    np.testing.assert_array_equal(other, own[0] == 1)


def test_a_curve_rises_with_the_clips_and_ends_at_the_value_of_the_table(two):
    _, table, curve, _ = two
    row = table.loc[("none", "a", "b")]
    n = int(row["n_a"])
    assert curve["n"].tolist() == [*sizes(n), n] == [n // 4, n // 2, n]
    assert set(curve["measure"]) == set(MEASURES)
    last = curve.iloc[-1]
    for column in ("value", "low", "high"):
        assert last[column] == pytest.approx(float(row[column]), abs=2e-6)
    assert last["value"] > curve["value"].iloc[0] + 0.03
    assert (curve["low"] < curve["value"]).all()
    assert (curve["value"] < curve["high"]).all()


def test_a_curve_has_no_point_of_too_few_clips():
    assert sizes(1000) == [125, 250, 500]
    assert sizes(45) == [11, 22]
    assert sizes(19) == []


def test_two_halves_of_a_dataset_are_measured_with_as_many_clips(two):
    _, table, _, null = two
    assert null["dataset"].tolist() == ["a", "b"]
    assert set(null["n"]) == set(table["n_a"].astype(int))
    # The standard error of the mean of three halvings is 0.04.
    assert null["value"].between(0.4, 0.6).all()
    assert (null["low"] < null["value"]).all()
    assert (null["value"] < null["high"]).all()


def pair_of(X, n_recordings, seed):
    """The curve of one measurement between the halves of `X`."""
    half = len(X) // 2
    sides = []
    for name, part in (("a", X[:half]), ("b", X[half:])):
        one = domain(name, part, n_recordings)
        sides.append(Side.of(one, np.ones(half, bool), part))
    key = {"measure": "it", "a": "a", "b": "b"}
    entry, rng = MEASURES["domain_auc_linear"], np.random.default_rng(seed)
    rows = measure_pair(entry, *sides, rng, key).assign(repeat=0, fold=0)
    rows = rows.assign(model="m", condition="clean", method="none")
    ((_, found),) = curves.curves(rows, 199, seed)
    return found


def detected(shift, n_cases=60):
    rng = np.random.default_rng(5)
    out = []
    for seed in range(n_cases):
        X = rng.standard_normal((60, 30))
        X[30:] += shift
        p = pair_of(X, 30, seed).p_value("lower", 0.5)
        out.append(curves.is_detected(p, 0.95))
    return np.mean(out)


def test_halves_of_one_distribution_are_detected_as_rarely_as_the_level_says():
    # Of 60 cases 5 % are three, and more than seven are unlikely (1 %).
    assert detected(0.0) <= 7 / 60
    assert detected(0.5, 10) == 1.0


def test_a_value_below_chance_is_no_difference():
    rng = np.random.default_rng(0)
    draws = 0.4 + 0.02 * rng.standard_normal(199)
    below = curves.Curve(np.r_[0.4, draws][np.newaxis])
    assert below.interval(0.95)[1] < 0.5
    assert below.p_value("lower", 0.5) == 1.0
    assert not curves.is_detected(below.p_value("lower", 0.5), 0.95)
    # Of a similarity, it is one.
    assert curves.is_detected(below.p_value("higher", 0.5), 0.95)


@pytest.mark.parametrize(("n_below", "found"), [(9, True), (10, False)])
def test_the_p_value_is_at_most_5_percent_where_the_bound_lies_above(n_below, found):
    """Of 199 resamples the bound at 95 % is the tenth."""
    draws = np.r_[np.full(n_below, 0.5), np.linspace(0.51, 0.7, 199 - n_below)]
    curve = curves.Curve(np.r_[0.6, draws][np.newaxis])
    assert curve.p_value("lower", 0.5) == pytest.approx((n_below + 1) / 200)
    assert (np.sort(draws)[9] > 0.5) == found
    assert curves.is_detected(curve.p_value("lower", 0.5), 0.95) == found


def test_resamples_of_scores_are_widened_where_it_is_decided_and_not_in_intervals():
    draws = np.linspace(0.52, 0.68, 199)
    values = np.r_[0.6, draws][np.newaxis]
    plain, scored = curves.Curve(values), curves.Curve(values, spread=AT_CHANCE)
    assert plain.interval(0.95) == scored.interval(0.95)
    assert plain.p_value("lower", 0.5) == 1 / 200
    # Chance is 0.1 below the value, or 0.0707 of the spread of the resamples.
    n = int((draws <= 0.6 - 0.1 / np.sqrt(2)).sum())
    assert n > 0
    assert scored.p_value("lower", 0.5) == (n + 1) / 200


def test_a_value_that_is_not_known_is_not_detected():
    unknown = curves.Curve(np.full((1, 20), np.nan))
    assert np.isnan(unknown.p_value("lower", 0.5))
    assert not curves.is_detected(float("nan"), 0.95)
