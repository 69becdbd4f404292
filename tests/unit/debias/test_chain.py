"""Standardising per dataset, self-training, and the chain of both."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from earshift import debias
from earshift.errors import ConfigError, DataError, MethodError
from tests.helpers.plugins import entry, written
from tests.helpers.two_domains import run, write_two_domains

RNG = np.random.default_rng(0)
X_A = RNG.standard_normal((60, 5)) * [1, 2, 3, 4, 5] + 7
DOMAIN = np.repeat(["a", "b"], 60)


def standardised(X_b, **options):
    method = debias.make("standardise", **options)
    X = np.concatenate([X_A, X_b])
    method.fit(X, DOMAIN, source="a")
    return method, method.transform(X, DOMAIN)


def test_a_dataset_that_was_moved_and_stretched_becomes_the_other_again():
    _, out = standardised(X_A * [3, 0.5, 1, 2, 9] + [1, -2, 3, -4, 5])
    assert_allclose(out[60:], out[:60], atol=1e-12)
    assert_allclose(out[:60].mean(axis=0), 0, atol=1e-12)
    assert_allclose(out[:60].std(axis=0), 1)


def test_what_varies_less_than_a_tenth_of_the_source_is_not_blown_up():
    method, out = standardised(X_A * [0.01, 0.2, 1, 1, 0] + [0, 0, 0, 0, 3.3])
    assert_allclose(method.scale_[1, 0], 0.1 * X_A[:, 0].std())
    assert_allclose(out[60:, 0].std(), 0.1)
    assert_allclose(out[60:, 1].std(), 1)
    assert_allclose(out[60:, 4], 0, atol=1e-12)
    alone = standardised(X_A * [0.01, 1, 1, 1, 1], floor=0.0)[1]
    assert_allclose(alone[60:, 0].std(), 1)


def test_a_feature_that_is_constant_everywhere_stays_finite():
    constant = np.full((60, 5), 0.1)
    method = debias.make("standardise").fit(
        np.concatenate([constant, constant]), DOMAIN, source="a"
    )
    assert_array_equal(method.scale_, 1)
    assert_allclose(method.transform(constant, DOMAIN[:60]), 0, atol=1e-15)


def test_shrinking_mixes_the_spread_with_that_of_both():
    method, _ = standardised(X_A * 3, shrink=60.0)
    own, other = X_A.var(axis=0), 9 * X_A.var(axis=0)
    pooled = (own + other) / 2
    assert_allclose(method.scale_[0] ** 2, (own + pooled) / 2)
    assert_allclose(method.scale_[1] ** 2, (other + pooled) / 2)


@pytest.mark.parametrize("options", [{"floor": -0.1}, {"floor": 1.1}, {"shrink": -1.0}])
def test_floors_and_shrinking_that_cannot_be_are_refused(options):
    with pytest.raises(ConfigError, match="'floor' from 0 to 1"):
        debias.make("standardise", **options)


def test_each_class_gets_as_many_clips_those_of_the_largest_margin():
    scores = np.array([[5, 0], [4, 3.5], [3, 0], [0, 1], [0, 0.5], [1, 9.0]])
    method = debias.make("self_training", shares=[1 / 3, 2 / 3])
    assert method.n_rounds == 2
    assert_array_equal(
        method.pseudo_labels(scores, 0),
        [[1, 0], [-1, -1], [-1, -1], [-1, -1], [-1, -1], [0, 1]],
    )
    assert_array_equal(
        method.pseudo_labels(scores, 1),
        [[1, 0], [-1, -1], [1, 0], [0, 1], [-1, -1], [0, 1]],
    )


def test_a_single_class_takes_both_ends():
    labels = debias.make("self_training", shares=[0.5]).pseudo_labels(
        np.array([[3.0], [-2.0], [0.1], [-0.1]]), 0
    )
    assert labels.ravel().tolist() == [1, 0, -1, -1]


def test_a_class_without_a_classifier_takes_no_part():
    scores = np.array([[5, np.nan, 0], [0, np.nan, 1.0]])
    labels = debias.make("self_training", shares=[1.0]).pseudo_labels(scores, 0)
    assert_array_equal(labels, [[1, -1, 0], [0, -1, 1]])
    none = debias.make("self_training").pseudo_labels(np.full((3, 2), np.nan), 0)
    assert_array_equal(none, -1)


def test_a_clip_that_two_classes_choose_is_of_the_likelier_one():
    # Of three classes the last is the best of no clip, and takes one all the same.
    scores = np.array([[5, 0, 4.0], [0, 5, 1], [0, 3, 0]])
    labels = debias.make("self_training", shares=[1.0]).pseudo_labels(scores, 0)
    assert_array_equal(labels, [[1, 0, 0], [0, 1, 0], [-1, -1, -1]])


@pytest.mark.parametrize("shares", [[], [0.0], [1.2]])
def test_shares_that_cannot_be_are_refused(shares):
    with pytest.raises(ConfigError, match="one or more numbers above 0"):
        debias.make("self_training", shares=shares)


def test_a_chain_is_its_steps_one_after_the_other():
    X = np.concatenate([X_A, X_A * 2 + 1])
    steps = ["mean_projection", {"plugin": "standardise", "floor": 0.0}]
    chain = debias.make("adapt", steps=steps)
    found = chain.fit(X, DOMAIN, source="a").transform(X, DOMAIN)
    first = debias.make("mean_projection").fit(X, DOMAIN).transform(X)
    second = debias.make("standardise", floor=0.0).fit(first, DOMAIN, source="a")
    assert_allclose(found, second.transform(first, DOMAIN))
    assert chain.n_rounds == 0
    assert debias.make("adapt").n_rounds == 3


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([], "one or more methods"),
        (["self_training", "self_training"], "one at most trains classifiers again"),
        (["class_onehot"], "sees no label of the target: its access is 'oracle'"),
        (["standardize"], "Did you mean 'standardise'"),
        ([{"plugin": "standardise", "floors": 0.1}], "floors"),
        ([{"floor": 0.1}], "must name its 'plugin'"),
    ],
)
def test_steps_that_cannot_be_are_refused(steps, message):
    with pytest.raises(ConfigError, match=message):
        debias.make("adapt", steps=steps)


def test_a_step_that_weights_clips_is_refused():
    chain = debias.make("adapt", steps=[entry("weighter")])
    with pytest.raises(MethodError, match="weights are not handed on"):
        chain.fit(np.concatenate([X_A, X_A + 1]), DOMAIN, source="a")


METHODS = {n: {"plugin": n} for n in ("none", "standardise", "self_training", "adapt")}


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chain")
    entries = write_two_domains(folder)
    scopes = ["global", "classwise"]
    rows, _ = run(folder, entries, methods=METHODS, scopes=scopes, n_refits=2)
    return folder, entries, rows


def test_classifiers_are_trained_again_and_keep_penalty_and_threshold(scored):
    _, _, rows = scored
    keys = ["train", "test", "class", "repeat", "fold", "clip_id"]
    before, after = (
        rows[rows["method"].eq(m) & rows["scope"].eq("global")].set_index(keys)
        for m in ("none", "self_training")
    )
    assert before.index.equals(after.index)
    assert not np.isclose(before["score"], after["score"]).any()
    for column in ("C", "threshold", "n_train", "n_train_positive"):
        assert_array_equal(before[column], after[column])
    refits = [c for c in rows if c.startswith("refit_")]
    own = after.loc[after.index.get_level_values("repeat") == 0, refits[0]]
    assert own.notna().all()
    assert not np.isclose(own, after["score"].loc[own.index]).any()


def test_the_directions_are_those_of_the_classifiers_that_score(scored):
    folder, _, rows = scored
    directions = pd.read_parquet(folder / "scores" / "directions.parquet")
    one = {"train": "a", "class": "c0", "repeat": 0, "fold": 0, "scope": "global"}
    own = rows[rows["sample"].eq("all") & rows["test"].eq("a")]
    vectors, spread = [], []
    for method in ("none", "self_training"):
        cell = one | {"method": method}
        (vector,) = directions.loc[
            (directions[list(cell)] == cell).all(axis=1)
            & directions["kind"].eq("class"),
            "vector",
        ]
        vectors.append(np.asarray(vector))
        spread.append(own.loc[(own[list(cell)] == cell).all(axis=1), "score"].std())
    assert not np.allclose(vectors[0], vectors[1], atol=1e-3)
    # Scores spread as their weights are long.
    ratio = np.linalg.norm(vectors[1]) / np.linalg.norm(vectors[0])
    assert spread[1] / spread[0] == pytest.approx(ratio, rel=0.3)


def test_without_another_dataset_nothing_is_trained_again(tmp_path):
    entries = write_two_domains(tmp_path)
    rows, _ = run(tmp_path, entries[:1], methods=METHODS, n_refits=2)
    scores = [
        rows.loc[rows["method"].eq(m), "score"].to_numpy()
        for m in ("none", "self_training")
    ]
    assert len(scores[0])
    assert_allclose(*scores, atol=1e-5)


def test_self_training_is_the_same_in_both_scopes(scored):
    _, _, rows = scored
    own = rows[rows["method"].eq("adapt")].groupby("scope")
    one, other = (
        own.get_group(s).drop(columns="scope").reset_index(drop=True)
        for s in ("global", "classwise")
    )
    pd.testing.assert_frame_equal(one, other)


def test_labels_of_the_target_change_no_score_of_the_source(scored, tmp_path):
    folder, entries, rows = scored
    table = pd.read_parquet(entries[1]["labels"])
    table["label:c0"] = ~table["label:c0"]
    other = {**entries[1], "labels": str(tmp_path / "other.parquet")}
    table.to_parquet(other["labels"])
    methods = {"none": METHODS["none"], "adapt": METHODS["adapt"]}
    (tmp_path / "classes.csv").write_bytes((folder / "classes.csv").read_bytes())
    changed, _ = run(tmp_path, [entries[0], other], methods=methods)
    keys = ["class", "repeat", "clip_id"]
    first, second = (
        r[r["method"].eq("adapt") & r["train"].eq("a") & r["scope"].eq("global")]
        .set_index(["test", *keys])["score"]
        .sort_index()
        for r in (rows, changed)
    )
    assert_allclose(first, second, atol=1e-6)


def test_pseudo_labels_of_a_wrong_shape_are_refused(tmp_path):
    text = """
import numpy as np
from earshift.debias import SelfTraining
version, access, classwise = 1, "target_unlabelled", False
class Own(SelfTraining):
    def pseudo_labels(self, scores, number):
        return np.ones(len(scores), int)
def make():
    return Own()
"""
    entries = write_two_domains(tmp_path)
    methods = {"own": {"plugin": written(tmp_path, "own", text)["plugin"]}}
    with pytest.raises(DataError, match="'pseudo_labels' must return 1, 0 or -1"):
        run(tmp_path, entries, methods=METHODS | methods)
