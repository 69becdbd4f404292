"""Controls in scores and discrepancies: they mark the ends that they should."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from earshift import registry
from earshift.debias import Method
from earshift.evaluation.views import Split
from earshift.stages.scores import inputs
from tests.helpers.two_domains import entries_in, measure, run, write_two_domains

METHODS = {
    name: {"plugin": name}
    for name in (
        "none",
        "shuffle_within_class",
        "shuffle_within_domain",
        "shuffle_all",
        "class_onehot",
        "random_projection",
    )
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two datasets of 180 clips, of which the second is shifted."""
    folder = tmp_path_factory.mktemp("controls")
    write_two_domains(folder, n_recordings=90)
    return folder


@pytest.fixture(scope="module")
def found(folder):
    """Scores of clips, with two draws of training data, and of cells."""
    scopes = ["global", "classwise"]
    entries = entries_in(folder)
    return run(folder, entries, methods=METHODS, scopes=scopes, n_refits=2)


@pytest.fixture(scope="module")
def means(found):
    """Means over classes and repeats, by method, training and test dataset."""
    _, scores = found
    own = scores[scores["scope"].eq("global") & scores["sample"].eq("all")]
    return own.groupby(["method", "train", "test"])[["roc_auc", "accuracy"]].mean()


def gaps(means, method, metric):
    """Within minus across, of either test dataset."""
    own = means.loc[method, metric]
    return np.array([own[t, t] - own[s, t] for s, t in (("a", "b"), ("b", "a"))])


def test_without_domains_there_is_no_gap_and_the_class_is_found(means):
    """The shift moves scores of the other dataset past the threshold."""
    assert gaps(means, "none", "accuracy").min() > 0.1
    # 360 clips in two repeats: an accuracy has a standard error of about 0.015.
    assert np.abs(gaps(means, "shuffle_within_class", "accuracy")).max() < 0.04
    assert np.abs(gaps(means, "shuffle_within_class", "roc_auc")).max() < 0.03
    assert means.loc["shuffle_within_class", "roc_auc"].min() > 0.9
    assert means.loc["shuffle_within_class", "accuracy"].min() > 0.85


@pytest.mark.parametrize("method", ["shuffle_within_domain", "shuffle_all"])
def test_without_classes_scores_are_chance(means, method):
    # 180 clips: at chance an AUC has a standard error of 0.04, the mean of four 0.02.
    assert means.loc[method, "roc_auc"].between(0.4, 0.6).all()
    assert 0.45 < means.loc[method, "roc_auc"].mean() < 0.55


def test_the_oracle_is_never_wrong(found):
    _, scores = found
    own = scores[scores["method"].eq("class_onehot") & scores["sample"].eq("all")]
    # scopes x (train, test) x classes x repeats
    assert len(own) == 2 * 4 * 2 * 2
    assert (own[["roc_auc", "accuracy"]] == 1).all(axis=None)


def test_one_random_direction_of_twelve_costs_little(means):
    lost = means.loc["none", "roc_auc"] - means.loc["random_projection", "roc_auc"]
    assert np.abs(lost).max() < 0.06


def test_scopes_are_the_same(found):
    rows, _ = found
    one, other = (
        rows[rows["scope"] == scope].drop(columns="scope").reset_index(drop=True)
        for scope in ("global", "classwise")
    )
    pd.testing.assert_frame_equal(one, other)


@pytest.mark.parametrize("method", METHODS)
def test_training_data_that_are_drawn_anew_train_controls_too(found, method):
    rows, _ = found
    own = rows[rows["method"].eq(method) & rows["sample"].eq("all")]
    assert own["refit_0"].notna().all()
    moved = own["refit_0"] - own["score"]
    assert (moved != 0).mean() > 0.99
    parts = own.groupby(["train", "test", "class"], observed=True)
    auc = np.array(
        [roc_auc_score(part["present"], part["refit_0"]) for _, part in parts]
    )
    assert len(auc) == 8
    if method in ("shuffle_within_domain", "shuffle_all"):
        # 180 clips: at chance an AUC has a standard error of 0.04.
        assert np.abs(auc - 0.5).max() < 0.2
    else:
        assert auc.min() > 0.75


def test_results_are_the_same_again_and_differ_by_seed(folder, found):
    rows, method = found[0], "shuffle_within_class"
    options = {"methods": {method: METHODS[method]}, "n_refits": 2}
    for file in (folder / "scores" / "parts").iterdir():
        file.unlink()
    again, _ = run(folder, entries_in(folder), **options)
    own = rows[rows["method"].eq(method) & rows["scope"].eq("global")]
    pd.testing.assert_frame_equal(again, own.reset_index(drop=True))
    options["methods"] = {method: {"plugin": method, "seed": 7}}
    other, _ = run(folder, entries_in(folder), **options)
    assert (other["score"] != again["score"]).mean() > 0.9


@pytest.fixture(scope="module")
def measured(folder):
    """Linear domain AUC of held-out clips, by method."""
    rows = measure(folder, entries_in(folder), METHODS)
    return rows.groupby("method").apply(domain_auc, include_groups=False)


def domain_auc(rows):
    """Share of pairs that are in order, of the clips of one fold each."""
    parts = []
    for _, part in rows.groupby(["repeat", "fold", "inner_fold"]):
        a, b = (part.loc[part["dataset"] == d, "score"].to_numpy() for d in "ab")
        parts.append((a[:, None] < b).mean())
    return np.mean(parts)


def test_stage_6_finds_domains_where_they_were_left(measured):
    assert measured["none"] > 0.97
    assert measured["shuffle_within_domain"] > 0.97
    assert measured["random_projection"] > 0.9
    for method in ("shuffle_within_class", "shuffle_all", "class_onehot"):
        # Below one half is chance, with few clips.
        assert measured[method] < 0.6


@pytest.mark.parametrize("present", [0, 1])
@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("shuffle_within_class", 0.4, 0.6),
        ("shuffle_within_domain", 0.95, 1),
        ("shuffle_all", 0.4, 0.6),
        ("class_onehot", 0.4, 0.6),
    ],
)
def test_within_a_class_domains_are_there_or_not(folder, name, low, high, present):
    """Of the clips that train it, as their classifier sees them."""
    split = Split(inputs.load_all(entries_in(folder), ["c0", "c1"]), 0, 0)
    measure_auc = registry.load("discrepancy", "domain_auc_linear").measure
    values = []
    for seed in range(8):
        view = split.view(0, Method.of(name, {"plugin": name, "seed": seed}), 0)
        chosen = [
            t & (d.labels[:, 0] == present)
            for d, t in zip(split.domains, split.train, strict=True)
        ]
        X_a, X_b = (view.space.X[i][split.rows(i, own)] for i, own in enumerate(chosen))
        of_a, of_b = (
            d.recording[own] for d, own in zip(split.domains, chosen, strict=True)
        )
        assert min(len(X_a), len(X_b)) > 25
        rng = np.random.default_rng(0)
        found = measure_auc(X_a, X_b, recordings_a=of_a, recordings_b=of_b, rng=rng)
        values.append(found.value)
    # One value has a standard deviation of 0.1 at chance.
    assert low <= np.mean(values) <= high
