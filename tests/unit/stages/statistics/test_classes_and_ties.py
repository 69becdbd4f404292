"""Classes are drawn towards their mean; the best method may be one of several."""

import numpy as np
import pytest

from earshift.numerics import metrics
from earshift.numerics.estimates import Curve
from earshift.stages.statistics import class_values, comparisons
from earshift.stages.statistics.resampling import GROUP, Group

CLASSES = ["cello", "flute", "organ", "voice"]


def group(values, errors, model="m", method="none", seed=0, clips=1):
    """All metrics of four classes with chosen values and standard errors."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((4, 401)) * np.reshape(errors, (-1, 1))
    noise[:, 0] = 0
    curve = Curve(
        np.reshape(values, (-1, 1)) + noise,
        np.repeat(np.reshape(values, (-1, 1)), 2, axis=1),
        np.empty((4, 0)),
        200,
    )
    named = dict.fromkeys(GROUP, "x")
    named |= {"model": model, "method": method, "sample": "all", "train": "a"}
    curves = {metric.name: curve for metric in metrics.METRICS}
    return Group(named, CLASSES, curves, {}, clips, len(CLASSES))


def test_what_is_known_badly_is_drawn_towards_the_mean_most():
    own = group([0.5, 0.8, 0.8, 0.85], [0.1, 0.02, 0.02, 0.02])
    rows = [r for r in class_values.rows(own, None, 0.05) if r["metric"] == "roc_auc"]
    by_class = {row["class"]: row for row in rows}
    cello, voice = by_class["cello"], by_class["voice"]
    assert cello["value"] == 0.5
    assert cello["value_shrunken"] > 0.6
    assert abs(voice["value_shrunken"] - 0.85) < 0.03
    width = cello["value_shrunken_high"] - cello["value_shrunken_low"]
    assert width < cello["value_high"] - cello["value_low"]
    assert [row["is_worst"] for row in rows] == [True, False, False, False]


def test_an_interval_of_a_class_stays_below_one():
    own = group([0.98, 0.97, 0.99, 0.96], [0.03] * 4)
    rows = [r for r in class_values.rows(own, None, 0.05) if r["metric"] == "roc_auc"]
    for row in rows:
        assert 0 < row["value_low"] < row["value"] < row["value_high"] < 1
        assert row["value_shrunken_high"] < 1


def test_equal_classes_are_drawn_to_one_value_and_odd_errors_do_no_harm():
    values, errors = np.array([0.7, 0.72, 0.69, 0.71]), np.full(4, 0.05)
    drawn, _ = class_values.shrink(values, errors)
    assert np.ptp(drawn) < 1e-9
    assert drawn[0] == pytest.approx(values.mean())
    for odd in (np.nan, 0.0, 1e-17, 1e300):
        some = np.array([odd, 0.05, 0.05, 0.05])
        drawn, kept = class_values.shrink(values, some)
        assert drawn[0] == 0.7
        assert np.isfinite(drawn).all()
        assert (kept[1:] < 0.05).all()
    few, _ = class_values.shrink(values[:2], errors[:2])
    assert (few == values[:2]).all()


def test_a_method_that_is_not_worse_beyond_doubt_may_be_the_best():
    best = group([0.8] * 4, [0.01] * 4, method="one")
    close = group([0.798] * 4, [0.01] * 4, method="two", seed=1)
    worse = group([0.6] * 4, [0.01] * 4, method="three", seed=2)
    rows = [{**g.named, "metric": "roc_auc"} for g in (best, close, worse)]
    comparisons.tie(rows, [best, close, worse], 0.05)
    assert [row["tied_for_best"] for row in rows] == [True, True, False]


def test_models_are_compared_on_the_same_clips_alone(caplog):
    a, b = group([0.8] * 4, [0.01] * 4, "m1"), group([0.7] * 4, [0.01] * 4, "m2")
    rows = comparisons.of_models([a.of_means(), b.of_means()], 0.05)
    row = next(row for row in rows if row["metric"] == "roc_auc")
    assert (row["a"], row["b"], row["model"]) == ("m1", "m2", "")
    assert row["difference"] == pytest.approx(-0.1)
    # The same resamples: what varies alike is no part of the difference.
    assert row["high"] - row["low"] < 1e-9
    other = group([0.7] * 4, [0.01] * 4, "m3", clips=2)
    assert comparisons.of_models([a.of_means(), other.of_means()], 0.05) == []
    assert "m1 and m3: not compared" in caplog.text


def test_corrected_differences_count_the_pairs_of_a_direction():
    methods = [
        group([0.8 - 0.01 * i] * 4, [0.02] * 4, method=f"m{i}", seed=i)
        for i in range(3)
    ]
    table = comparisons.corrected(comparisons.of_methods(methods, 0.05))
    own = table[table["metric"].eq("roc_auc")]
    assert len(own) == 3
    assert own["p_holm"].min() == pytest.approx(3 * own["p_value"].min())
