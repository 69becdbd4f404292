"""Which correction is chosen without labels of the target, and what that costs."""

import zlib

import numpy as np
import pandas as pd
import pytest

from earshift.debias import Method
from earshift.numerics.estimates import Curve
from earshift.stages.statistics import gate
from earshift.stages.statistics.resampling import Group
from earshift.tables import GATE

METHODS = Method.of_all(
    {
        **{name: {"plugin": name} for name in ("none", "coral", "adapt")},
        "oracle": {"plugin": "shuffle_within_class"},
    }
)
DATASETS = ("a", "b", "c")
CLIPS = pd.DataFrame(
    columns=["protocol", "sample", "scope", "method", "train", "test", "class"]
)


def group(method, train, test, value, se=0.01):
    """Scores of one class whose ROC-AUC has a standard error against that of none."""
    rng = np.random.default_rng(zlib.crc32(f"{method} {train} {test}".encode()))
    noise = 0.0 if method == "none" else se * rng.standard_normal(400)
    drawn = np.r_[value, np.full(400, value) + noise][None]
    curve = Curve(drawn, np.full((1, 2), value), np.empty((1, 0)), 80)
    named = {"protocol": "fixed", "model": "m", "condition": "clean"}
    named |= {"method": method, "scope": "global", "train": train, "test": test}
    named |= {"sample": "all", "partner": test if train != test else "other"}
    return Group(named, ["c"], dict.fromkeys(gate.METRICS, curve), {}, 0, 1)


def groups(gains, datasets=DATASETS, se=0.01):
    """Of all directions: `none` at .7, others above by what they gain on a target."""
    pairs = [(s, t) for s in datasets for t in datasets]
    plain = [group("none", s, t, 0.7) for s, t in pairs]
    return plain + [
        group(method, s, t, 0.7 + (gain[t] if isinstance(gain, dict) else gain), se)
        for method, gain in gains.items()
        for s, t in pairs
    ]


def chosen(found, train, test):
    rows = found[found["decides"] & found["metric"].eq("roc_auc")]
    return rows.set_index(["train", "test"]).loc[(train, test)]


def rows(all_groups, clips=CLIPS):
    found = pd.DataFrame(gate.rows(all_groups, clips, METHODS, 0.05))
    return found.reindex(columns=GATE.names)


def test_what_helps_elsewhere_is_taken_whatever_it_does_on_the_target(tmp_path):
    # Onto c `adapt` does harm, which nobody knows who has no labels of c.
    gains = {
        "adapt": {"a": 0.1, "b": 0.1, "c": -0.1},
        "coral": 0.04,
    }
    found = rows(groups(gains))
    onto_c = chosen(found, "a", "c")
    assert (onto_c["chosen"], onto_c["candidate"], onto_c["best"]) == (
        *("adapt", "adapt"),
        "coral",
    )
    assert onto_c["expected"] == pytest.approx(0.1)
    assert onto_c["change"] == pytest.approx(-0.1)
    assert onto_c["regret"] == pytest.approx(0.14)
    assert onto_c["n_directions"] == 2
    # Onto a: of b and c alone, where `adapt` gains 0 in the mean and `coral` .04.
    onto_a = chosen(found, "b", "a")
    assert onto_a["chosen"] == "coral"
    assert onto_a["regret"] == pytest.approx(0.06)
    GATE.write(found, tmp_path / "gate.csv")


def test_nothing_is_taken_whose_gain_elsewhere_may_be_chance():
    found = rows(groups({"adapt": 0.03}, se=0.05))
    taken = chosen(found, "a", "b")
    assert (taken["chosen"], taken["candidate"]) == ("none", "adapt")
    assert taken["expected_low"] < 0 < taken["expected_high"]
    assert taken["change"] == 0
    assert taken["regret"] == pytest.approx(0.03)
    sure = chosen(rows(groups({"adapt": 0.03}, se=0.005)), "a", "b")
    assert sure["chosen"] == "adapt"


def test_the_more_candidates_the_surer_it_must_be():
    def low(n):
        gains = {"adapt": 0.03, "coral": 0.0}
        some = dict(list(gains.items())[:n])
        return chosen(rows(groups(some)), "a", "b")["expected_low"]

    assert low(2) < low(1) - 0.001


def test_two_datasets_tell_nothing_and_controls_are_no_candidates():
    assert rows(groups({"adapt": 0.1}, ("a", "b"))).empty
    found = rows(groups({"oracle": 0.2, "adapt": 0.05}))
    assert set(found["chosen"]) == {"adapt"}
    assert set(found["best"]) == {"adapt"}


def scores(log_odds, present, dataset="t"):
    """Rows of clips of two classes."""
    n = len(log_odds)
    return pd.concat(
        pd.DataFrame(
            {
                "clip_id": [f"{dataset}{i}" for i in range(n)],
                "class": str(c),
                "score": np.asarray(log_odds, float)[:, c],
                "present": np.asarray(present, bool)[:, c],
                "repeat": 0,
                "fold": 0,
            }
        )
        for c in range(2)
    )


def test_scores_without_labels_are_what_their_papers_say():
    rng = np.random.default_rng(0)
    y = np.eye(2)[rng.integers(0, 2, 40)]
    sure, unsure = scores(8 * (2 * y - 1), y), scores(0.5 * (2 * y - 1), y)
    assert gate.SCORES["entropy"](sure, sure) > gate.SCORES["entropy"](sure, unsure)
    at_zero = scores(np.zeros((40, 2)), y)
    assert gate.SCORES["entropy"](sure, at_zero) == pytest.approx(-np.log(2))
    # A quarter of the source is wrong, the least sure one: as much of an equal target
    # is taken to be.
    values = np.linspace(1, 2, 40)[:, None] * (2 * y - 1)
    values[:10] *= -1
    source = scores(values, y)
    confidence = gate.SCORES["average thresholded confidence"]
    assert confidence(source, source) == pytest.approx(0.75, abs=0.03)
    assert confidence(source, scores(values / 2, y)) < 0.2
    # Two tight groups: the neighbours of a clip are the other clips of its group.
    density = gate.SCORES["soft neighbourhood density"]
    n = y.sum(axis=0)
    assert density(sure, sure) == pytest.approx(
        (n * np.log(n - 1)).sum() / 40, abs=0.01
    )
    assert density(sure, scores(rng.normal(0, 5, (40, 2)), y)) < density(sure, sure)


def test_rules_without_labels_choose_but_do_not_decide():
    rng = np.random.default_rng(1)
    y = np.eye(2)[rng.integers(0, 2, 30)]
    parts = []
    for method, strength in (("none", 1.0), ("adapt", 3.0)):
        for train in DATASETS:
            for test in DATASETS:
                own = scores(strength * (2 * y - 1), y, test)
                named = {"protocol": "fixed", "sample": "all", "scope": "global"}
                named |= {"method": method, "train": train, "test": test}
                partner = test if train != test else ""
                parts.append(own.assign(**named, partner=partner))
    found = rows(groups({"adapt": -0.05}), pd.concat(parts))
    entropy = found[found["rule"] == "entropy"]
    assert len(entropy) == 2 * 6
    assert set(entropy["chosen"]) == {"adapt"}  # the surer, and the worse
    assert entropy["regret"].to_numpy() == pytest.approx(0.05)
    assert not entropy["decides"].any()
    assert set(found.loc[found["decides"], "chosen"]) == {"none"}


def test_of_many_clips_the_density_compares_some():
    """All pairs of 50,000 clips would take 20 GB."""
    y = np.eye(2)[np.arange(50_000) % 2]
    many = scores(8 * (2 * y - 1), y)
    few = scores(8 * (2 * y[:2000] - 1), y[:2000])
    density = gate.SCORES["soft neighbourhood density"]
    assert density(few, few) == pytest.approx(np.log(999), abs=0.01)
    assert density(many, many) == pytest.approx(np.log(999), abs=0.05)
