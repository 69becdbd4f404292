"""Samples of training clips: equal sizes, shares, halves, and draws anew."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from earshift.debias import Method
from earshift.evaluation import samples
from earshift.evaluation.domains import PRESENT, Domain
from earshift.evaluation.samples import Sampler
from earshift.evaluation.training import Trainer
from earshift.evaluation.views import Split
from earshift.stages.scores import cross_validation
from tests.helpers.two_domains import SHIFT, run, write_domain
from tests.helpers.two_domains import write_two_domains as write

LOGISTIC = {"plugin": "logistic", "C": [0.01, 1.0], "n_inner_folds": 3}


def domain(name, n, seed):
    """Recordings of two clips, of which a third have the class."""
    rng = np.random.default_rng(seed)
    recording = np.repeat([f"{name}{i:03d}" for i in range(n)], 2)
    kind = np.repeat(rng.random(n) < 0.3, 2)
    X = rng.standard_normal((2 * n, 5)) + 2 * kind[:, None] * np.eye(5)[0]
    return Domain(
        name,
        X,
        np.array([f"{name}{i}" for i in range(2 * n)]),
        recording,
        np.full(2 * n, None, object),
        kind[:, None].astype(np.int8),
        np.repeat(np.arange(n) % 3, 2)[None],
        np.zeros((1, 3, 2 * n), bool),
    )


@pytest.fixture(scope="module")
def drawn():
    """All samples of the larger of two datasets, by name and what they test."""
    pair = [domain("a", 90, 0), domain("b", 30, 1)]
    train = [d.train(0, 0, 0) for d in pair]
    tested = [d.folds[0] == 0 for d in pair]
    sampler = Sampler(
        pair, train, tested, 0, targets=[0, 1], plain=True, seed=0, repeat=0
    )
    return pair, train, list(sampler.of_class(0))


def test_equal_samples_are_as_large_as_the_smaller_dataset(drawn):
    pair, train, found = drawn
    equal = next(s for s in found if s.name == "equal")
    assert equal.partner == "b"
    smaller = pair[1].labels[train[1], 0]
    own = pair[0].labels[equal.clips, 0]
    assert (own == PRESENT).sum() == (smaller == PRESENT).sum()
    assert len(own) == len(smaller) < train[0].sum()
    assert not (equal.clips & ~train[0]).any()
    # Whole recordings, but for the last with the class and the last without.
    _, counts = np.unique(pair[0].recording[equal.clips], return_counts=True)
    assert (counts == 1).sum() <= 2


def test_shares_are_of_recordings_and_nested(drawn):
    pair, train, found = drawn
    by_name = {s.name: s.clips for s in found}
    n = len(np.unique(pair[0].recording[train[0]]))
    for name, part in samples.SHARES.items():
        assert len(np.unique(pair[0].recording[by_name[name]])) == np.ceil(n * part)
    assert not (by_name["1/8"] & ~by_name["1/4"]).any()
    assert not (by_name["1/4"] & ~by_name["1/2"]).any()
    assert not (by_name["1/2"] & ~by_name["all"]).any()


def test_each_tested_clip_is_scored_by_both_halves_of_equal_size(drawn):
    pair, _, found = drawn
    halves = [s for s in found if s.name in (samples.SAME_HALF, samples.OTHER_HALF)]
    assert [s.name for s in halves] == ["same half", "other half"] * 2
    tested = pair[0].folds[0] == 0
    for name in ("same half", "other half"):
        tests = [s.tests[0] for s in halves if s.name == name]
        assert not (tests[0] & tests[1]).any()
        assert ((tests[0] | tests[1]) == tested).all()
    first, second = halves[0].clips, halves[2].clips
    assert first.sum() == second.sum()
    recordings = [set(pair[0].recording[clips]) for clips in (first, second)]
    assert not recordings[0] & recordings[1]
    # A clip's own half is that of its recording: tests of a half share its side.
    side = samples.halves(pair[0], b"x" * 16)
    by_recording = pd.Series(side).groupby(pair[0].recording).nunique()
    assert (by_recording == 1).all()


def test_recordings_are_drawn_anew_whole_and_alike_for_all(drawn):
    pair, _, _ = drawn
    counts = samples.redrawn(pair[0], 0, 3)
    assert pd.Series(counts).groupby(pair[0].recording).nunique().eq(1).all()
    assert (counts == samples.redrawn(pair[0], 0, 3)).all()
    assert (counts != samples.redrawn(pair[0], 0, 4)).any()
    # n - 1 of n recordings, of each stratum: one class, and none.
    assert counts.sum() == 2 * (90 - 2)


@pytest.mark.parametrize("classifier", ["logistic", "unweighted"])
@pytest.mark.parametrize("method", ["none", "mean_projection"])
def test_a_clip_that_is_drawn_twice_counts_as_two(method, classifier, tmp_path):
    """Fitted to drawn clips as to a table that has them as often."""
    entry = LOGISTIC | {"C": [0.1]}
    if classifier == "unweighted":
        file = tmp_path / "own.py"
        file.write_text(
            "from sklearn.discriminant_analysis import LinearDiscriminantAnalysis\n"
            "version, linear = 1, True\n"
            "def make():\n    return LinearDiscriminantAnalysis()\n"
        )
        entry = {"plugin": str(file), "n_inner_folds": 3}
    pair = [domain("a", 60, 0), domain("b", 60, 1)]
    split = Split(pair, 0, 0)
    counts = [samples.redrawn(d, 0, 1) for d in pair]
    own = Method.of(method, {"plugin": method})
    train, tested = split.train[0], split.tested[1]
    y = pair[0].labels[train, 0] == PRESENT
    rng = np.random.default_rng(0)
    trainer = Trainer.of(entry)
    options = {"recordings": pair[0].recording[train], "rng": rng}
    first = split.view(0, own).fit(0, train, y, trainer, **options)
    view = split.view(0, own, counts=counts)
    again = view.fit(0, train, y, trainer.at(first), **options)
    scores = view.score(again, 1, tested)

    # By hand: the same space, clips repeated.
    train_of = zip(split.train, counts, strict=True)
    places = [np.repeat(np.flatnonzero(t), c[t]) for t, c in train_of]
    space = split.space(0)
    X = [space.X[i][split.places(i, clips)] for i, clips in enumerate(places)]
    fitted = own.make()
    datasets = np.repeat(["a", "b"], [len(x) for x in X])
    fitted.fit(np.concatenate(X), datasets)
    drawn_y = pair[0].labels[places[0], 0] == PRESENT
    train_X = fitted.transform(X[0])
    test_X = fitted.transform(space.X[1][split.rows(1, tested)])
    one = trainer.at(first).fit(
        train_X, drawn_y, recordings=pair[0].recording[places[0]], rng=rng
    )
    assert_allclose(scores, one.score(test_X), rtol=1e-4, atol=1e-5)


def test_of_a_third_dataset_a_pair_knows_nothing_unless_asked(tmp_path):
    entries = write(tmp_path)
    keys = ["method", "train", "test", "class", "repeat"]

    def values(these, **options):
        _, scores = run(tmp_path, these, samples=("all", "equal"), **options)
        return scores.set_index([*keys, "sample", "partner"])["roc_auc"].sort_index()

    pair = values(entries)
    third = write_domain(tmp_path, "z", 3 * SHIFT[::-1], 5)
    three = values([*entries, third])
    pd.testing.assert_series_equal(three.loc[pair.index], pair)
    assert ("none", "a", "z") in set(three.index.droplevel([3, 4, 5, 6]))
    together = values([*entries, third], fit="all")
    across = together.xs("lda").xs(("a", "b")).xs("all", level="sample")
    before = pair.xs("lda").xs(("a", "b")).xs("all", level="sample")
    assert not np.allclose(across.to_numpy(), before.to_numpy())


def test_training_data_drawn_anew_are_spread_over_the_repeats(tmp_path):
    rows, _ = run(tmp_path, write(tmp_path), n_refits=5)
    refits = [c for c in rows if c.startswith("refit_")]
    assert refits == ["refit_0", "refit_1", "refit_2"]
    assert rows[refits[:2]].notna().all(axis=None)
    # Of five draws, the second of two repeats has two.
    third = rows.groupby("repeat")["refit_2"].count()
    assert (third[0] > 0, third[1]) == (True, 0)
    close = np.corrcoef(rows["score"], rows["refit_0"])[0, 1]
    assert 0.9 < close < 1 - 1e-6


def test_two_repeats_look_at_one_draw_of_training_data():
    def draws(n_repeats):
        one = domain("a", 30, 0)
        again = replace(one, folds=np.repeat(one.folds, n_repeats, axis=0))
        return [tuple(samples.redrawn(again, 7, number)) for number in range(6)]

    paired, alone = draws(2), draws(1)
    assert paired[0::2] == paired[1::2] == alone[:3]
    assert len(set(alone)) == 6


def test_what_a_method_draws_is_drawn_anew_in_each_repeat():
    kernel = Method.of("k", {"plugin": "k", "seed": 7})
    assert kernel.redrawn(0) is kernel
    assert kernel.redrawn(3).options["seed"] == 10
    plain = Method.of("lda", {"plugin": "lda"})
    assert plain.redrawn(3) is plain


def test_a_kernel_of_a_repeat_is_that_of_the_next_seed(tmp_path):
    """Repeats with the same folds differ by the frequencies alone."""
    entries = write(tmp_path)
    for entry in entries:
        splits = pd.read_parquet(entry["splits"])
        first = splits[splits["repeat"].eq(0)]
        again = pd.concat([first.assign(repeat=r) for r in (0, 1)])
        again.to_parquet(entry["splits"])
    keys = ["method", "train", "test", "class", "clip_id"]

    def scores(seed):
        methods = {"none": {"plugin": "none"}, "k": {"plugin": "k", "seed": seed}}
        one = {"plugin": "logistic", "C": [1.0], "n_inner_folds": 3}
        rows, _ = run(tmp_path, entries, methods=methods, classifier=one)
        return rows.pivot(index=keys, columns="repeat", values="score")

    found, next_seed = scores(7), scores(8)
    assert_allclose(found.loc["none"][0], found.loc["none"][1])
    assert not np.allclose(found.loc["k"][0], found.loc["k"][1], atol=0.01)
    assert_allclose(found.loc["k"][1], next_seed.loc["k"][0])


def test_pairs_of_datasets_are_fitted_by_themselves():
    entries = [{"name": name} for name in "abc"]
    pairs = cross_validation.together(entries, "pair")
    assert [[e["name"] for e in pair] for pair in pairs] == [
        ["a", "b"],
        ["a", "c"],
        ["b", "c"],
    ]
    assert cross_validation.together(entries, "all") == [entries]
    assert cross_validation.together(entries[:1], "pair") == [entries[:1]]
