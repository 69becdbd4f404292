"""Where the loss between two datasets comes from: shifts that were planted."""

import doctest
from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_allclose

from earshift import decompose, decomposition
from earshift.errors import ConfigError, DataError
from tests.helpers import planted

OPTIONS = {"n_labels": 0, "n_folds": 3, "n_repeats": 1, "n_refits": 0}
OPTIONS |= {"n_resamples": 199, "C": [1.0], "metric": "balanced_accuracy"}
#: Truths of many terms are to be in their intervals at once.
SURE = {"n_refits": 6, "confidence": 0.99}
SPLIT = ["x_source", "y_given_x", "x_target"]


@cache
def found(case, methods=("none",), *, by_subgroup=False, **changes):
    """The decomposition of a case."""
    X, y, subgroup, domain = planted.arrays(case, 0)
    return decompose(
        *(X, y, domain),
        source="source",
        target="target",
        methods=methods,
        subgroup=subgroup if by_subgroup else None,
        **OPTIONS | changes,
    )


@pytest.mark.parametrize(
    ("case", "largest"),
    [
        ("translation", "y_given_x"),
        ("scale", "y_given_x"),
        ("rotation", "y_given_x"),
        ("one class", "y_given_x"),
        ("label noise", "y_given_x"),
        ("mixture", "x_target"),
        ("mixture by subgroup", "subgroups"),
        ("label shares", "label_shares"),
    ],
)
def test_what_was_planted_is_found(case, largest):
    case, _, by_subgroup = case.partition(" by ")
    own = found(case, by_subgroup=bool(by_subgroup), **SURE).terms("loss")
    true = planted.truth(case, "balanced_accuracy", by_subgroup=bool(by_subgroup))
    for term in own.index.drop("unsplit"):
        if np.isfinite(own["value"][term]):  # no subgroups are known
            assert own["low"][term] - 1e-9 <= true[term], term
            assert own["high"][term] + 1e-9 >= true[term], term
    assert own["value"].drop("loss").idxmax() == largest
    parts = own["value"].drop("loss").sum()
    assert_allclose(parts, own["value"]["loss"], atol=1e-12)


@pytest.mark.parametrize("case", ["translation", "scale"])
def test_what_standardising_mends_is_no_loss_after_it(case):
    own = found(case, ("none", "standardise"), confidence=0.99)
    before, after = (own.terms("loss", m) for m in ("none", "standardise"))
    assert before["low"]["y_given_x"] > 0.01
    for term in ("loss", "y_given_x"):
        assert after["low"][term] <= 0 <= after["high"][term]
        assert abs(after["value"][term]) < 0.08
    for term in ("x_source", "x_target"):
        assert abs(after["value"][term]) < 0.015
    gap = own.terms("gap")["value"]
    if case == "translation":
        assert gap["standardise"] > 0.7 * gap["gap"]
    assert_allclose(gap.drop("gap").sum(), gap["gap"], atol=1e-12)


def test_a_translation_is_no_loss_of_the_auc():
    own = found("translation", metric="roc_auc").terms("loss")
    assert own["low"]["loss"] <= 0 <= own["high"]["loss"]


def test_no_correction_mends_wrong_labels():
    own = found("label noise", ("none", "standardise", "adapt"), n_labels=5)
    for method in ("none", "standardise", "adapt"):
        assert own.terms("loss", method)["low"]["y_given_x"] > 0.03
    gap = own.terms("gap")["value"]
    # Classifiers of wrong labels are as bad there: it is no gap that could be closed.
    assert abs(gap["gap"]) < 0.1
    assert_allclose(gap.drop("gap").sum(), gap["gap"], atol=1e-12)
    rows = own.table[own.table["class"] == ""]
    by_labels = rows[rows["term"] == "removed_by_labels"]
    assert by_labels["method"].tolist() == ["adapt"]
    assert np.isfinite(by_labels[["value", "low", "high"]]).all(axis=None)


def test_what_labels_alone_mend_is_theirs():
    """Two classes change places: no correction without labels can know."""
    X, y, _, domain = planted.arrays("label noise", 0)
    source = y[domain == "source"]
    target = np.where(X[:, 0] > 0, "a", "b")[domain == "target"]
    own = decompose(
        *(X, np.concatenate([source, target]), domain),
        source="source",
        target="target",
        methods=["none", "standardise"],
        **OPTIONS | {"n_labels": 40},
    )
    gap = own.terms("gap")
    assert gap["value"]["gap"] > 0.6
    assert abs(gap["value"]["standardise"]) < 0.1
    assert gap["low"]["removed_by_labels"] > 0.1
    assert own.terms("loss", "standardise")["value"]["y_given_x"] > 0.6


def test_scores_alone_may_be_what_is_given():
    """Of two classes on one line they tell all: terms are those given the features."""
    own = found("translation", given="scores", **SURE).terms("loss")
    true = planted.truth("translation", "balanced_accuracy")
    for term in SPLIT:
        assert own["low"][term] <= true[term] <= own["high"][term]
    assert own["low"]["y_given_x"] > 0


def test_clips_without_a_score_are_not_given_by_scores():
    X, y, _, domain = planted.arrays("label shares", 0)
    labels = np.where(np.arange(600)[:, None] % 7, y[:, None] == ["a", "b"], np.nan)
    given = {"source": "source", "target": "target", "given": "scores"}
    with pytest.raises(DataError, match="the labels of all clips must be known"):
        decompose(X, labels, domain, **given, **OPTIONS)


def test_datasets_far_apart_are_not_split():
    X, y, _, domain = planted.arrays("translation", 0)
    X = X + 30 * (domain == "target")[:, None]
    given = {"source": "source", "target": "target", "methods": ["none"]}
    own = decompose(X, y, domain, **given, **OPTIONS)
    loss = own.terms("loss")
    assert np.isnan(loss["value"][SPLIT]).all()
    assert_allclose(loss["value"]["unsplit"], loss["value"]["loss"])
    assert "the datasets hardly overlap" in str(own)
    assert own.checks["domain_auc"][0] > 0.99


def test_it_says_what_it_found_in_words_and_in_rows():
    own = found("mixture", by_subgroup=True)
    text = str(own)
    assert text.startswith("source -> target, balanced accuracy, mean over 2 classes")
    assert "subgroups" in text
    assert "Not estimated" not in text
    rows = own.table[own.table["of"] == "loss"]
    assert rows.groupby("class").size().to_dict() == {"": 7, "a": 7, "b": 7}
    each = rows[rows["class"] != ""].groupby("term")["value"].mean()
    whole = rows[rows["class"] == ""].set_index("term")["value"]
    assert_allclose(each[whole.index], whole)
    assert (rows["n_target"] == 300).all()


def test_subgroups_that_are_not_there_are_not_estimated():
    X, y, subgroup, domain = planted.arrays("mixture", 0)
    other = np.char.add(domain, subgroup)
    given = {"source": "source", "target": "target", "methods": ["none"]}
    own = decompose(X, y, domain, **given, subgroup=other, **OPTIONS)
    assert np.isnan(own.terms("loss")["value"]["subgroups"])
    assert "the datasets share no subgroup" in own.to_string()


def test_labels_may_be_a_matrix_with_unknown_ones():
    X, y, _, domain = planted.arrays("label shares", 0)
    labels = (y[:, None] == ["a", "b", "c", "rare"]).astype(float)
    labels[::7, 0] = np.nan
    labels[:2, 3] = 1
    own = decompose(
        *({"none": X}, labels, domain),
        source="source",
        target="target",
        methods={"none": {}},
        classes=["a", "b", "c", "rare"],
        **OPTIONS,
    )
    rows = own.table[own.table["of"] == "loss"].set_index(["class", "term"])
    assert rows["n_source"]["a", "loss"] < rows["n_source"]["b", "loss"] == 300
    assert "0 recordings" in rows["reason"]["rare", "loss"]
    assert "rare (none): 0 recordings" in str(own)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"source": "sauce"}, DataError, "no dataset 'sauce'.*mean 'source'"),
        ({"source": "target"}, DataError, "two datasets, got 'target' twice"),
        ({"methods": ["standardise"]}, ConfigError, "first of 'methods' must be"),
        ({"methods": ["none", "shuffle_all"]}, ConfigError, "is a control"),
        ({"methods": ["none", "adopt"]}, ConfigError, "mean 'adapt'"),
        ({"given": "feature"}, ConfigError, "mean 'features'"),
        ({"metric": "auc"}, ConfigError, "nothing can be decomposed by"),
        ({"recordings": ["r"] * 3}, DataError, "'recordings' must have a value"),
        ({"recordings": ["r"] * 600}, DataError, "no class can be trained"),
        ({"X": np.ones(600)}, DataError, "shape .n_clips, n_features."),
        ({"X": np.full((600, 2), np.inf)}, DataError, "those of 600 of 600 clips"),
        ({"X": {"front": np.ones((600, 2))}}, DataError, "no features for the method"),
        ({"y": np.full((600, 1), 2)}, DataError, "1 .present., 0 .absent."),
        ({"y": np.ones(5)}, DataError, "the class of each of 600 clips"),
        ({"classes": ["a"]}, DataError, "name the columns of 'y', which has none"),
    ],
)
def test_what_cannot_be_is_refused(changes, error, message):
    X, y, _, domain = planted.arrays("translation", 0)
    given = {"X": X, "y": y, "domain": domain, "source": "source", "target": "target"}
    with pytest.raises(error, match=message):
        decompose(**given | {"methods": ["none"]} | OPTIONS | changes)


def test_the_example_of_its_documentation_is_true():
    tested = doctest.testmod(decomposition)
    assert tested.attempted > 5
    assert tested.failed == 0
