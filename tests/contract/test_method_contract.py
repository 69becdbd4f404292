"""What the workflow tells a method, and what it takes from it."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from earshift import debias, registry, store
from earshift.debias import Method
from earshift.errors import ConfigError, MethodError
from earshift.evaluation.views import Split
from earshift.stages.scores import inputs
from tests.helpers.cheats import END, START
from tests.helpers.plugins import PLUGINS, entry, written
from tests.helpers.two_domains import discrepancy_table, measure, run, write_two_domains

NONE = {"none": {"plugin": "none"}}


@pytest.fixture
def entries(tmp_path):
    """Two datasets, of which the second is shifted and has another spread."""
    found = write_two_domains(tmp_path)
    X, ids = store.read_features(tmp_path / "b.zarr")
    store.write_features(
        tmp_path / "b.zarr", [X * np.r_[4, np.ones(11)].astype(np.float32)], ids, 12, {}
    )
    return found


def loaded(entries):
    """The datasets, with their clips by id."""
    all_domains = inputs.load_all(entries, ["c0", "c1"])
    return {d.name: (d, pd.Index(d.clip_id)) for d in all_domains}


def fits(tmp_path, method):
    """Rows of the classifiers of a method: what trained them, and their weights."""
    table = pd.read_parquet(tmp_path / "scores" / "directions.parquet")
    own = table[table["kind"].eq("class") & table["method"].eq(method)]
    return [row for _, row in own.iterrows()]


def assert_scores_are_of(rows, fit, clips_of):
    """Assert that scores are products of a classifier and of clips as they should be.

    `clips_of` returns clips of a dataset by id, shape (n_clips, n_features).
    """
    keys = ["method", "train", "class", "repeat", "fold"]
    own = rows[rows[keys].eq(fit[keys].to_list()).all(axis=1)]
    assert set(own["test"]) == {"a", "b"}
    more = np.concatenate(
        [
            part["score"] - clips_of(test, part["clip_id"]) @ fit["vector"]
            for test, part in own.groupby("test")
        ]
    )
    # The intercept is the same for all.
    assert_allclose(more, more.mean(), atol=1e-4 * np.ptp(own["score"]))


def test_a_standardiser_of_each_dataset_scores_and_measures(tmp_path, entries):
    own = {"own": entry("standardiser")}
    rows, scores = run(tmp_path, entries, methods=NONE | own)
    by_name = loaded(entries)
    n_fits = 0
    for fit in fits(tmp_path, "own"):

        def clips_of(name, ids, fit=fit):
            domain, place = by_name[name]
            trained = domain.X[domain.train(fit["repeat"], fit["fold"], 0)]
            X = domain.X[place.get_indexer(ids)]
            # Whatever the scale of the source, it is undone.
            return (X - trained.mean(axis=0)) / trained.std(axis=0)

        assert_scores_are_of(rows, fit, clips_of)
        n_fits += 1
    assert n_fits == 2 * 2 * 2 * 3
    accuracy = scores.groupby(["method", "train", "test"])["accuracy"].mean()
    assert accuracy["own", "b", "a"] > accuracy["none", "b", "a"] + 0.1
    measure(tmp_path, entries, NONE | own)
    table = discrepancy_table(tmp_path, NONE | own).set_index("method")
    assert float(table["value"]["none"]) > 0.95
    assert float(table["value"]["own"]) < 0.7
    assert table["access"]["own"] == "target_unlabelled"


def test_a_method_maps_the_others_onto_the_source(tmp_path, entries):
    own = {"own": entry("onto_source")}
    rows, _ = run(tmp_path, entries, methods=own)
    by_name = loaded(entries)
    for fit in fits(tmp_path, "own"):
        trained = {
            name: domain.X[domain.train(fit["repeat"], fit["fold"], 0)]
            for name, (domain, _) in by_name.items()
        }
        source = trained[fit["train"]]

        def clips_of(name, ids, trained=trained, source=source):
            domain, place = by_name[name]
            X = domain.X[place.get_indexer(ids)] - trained[name].mean(axis=0)
            return X / source.std(axis=0)

        assert_scores_are_of(rows, fit, clips_of)


def test_directions_that_are_declared_are_removed(tmp_path, entries):
    """By an estimator of no class of the library, whose transform agrees."""
    own = {"own": entry("one_direction")}
    lib = {"mean_projection": {"plugin": "mean_projection"}}
    rows, _ = run(tmp_path, entries, methods=lib | own)
    ours, theirs = (
        rows[rows["method"] == name].drop(columns="method").reset_index(drop=True)
        for name in ("own", "mean_projection")
    )
    pd.testing.assert_frame_equal(ours, theirs, atol=1e-9)


LOGGER = """
LOG = []


class Cheat(Base):
    def fit(
        self, X, domain, y=None, subgroup=None, *, source, source_clips, source_labels
    ):
        LOG.append(("fit", source, X, domain, source_clips, source_labels))
        return super().fit(X)

    def transform(self, X, domain=None):
        LOG.append(("transform", X, domain))
        return X
"""


@pytest.mark.parametrize("scope", ["global", "classwise"])
def test_a_method_is_told_the_source_and_the_dataset_of_each_clip(
    tmp_path, entries, scope
):
    text = START.format(access="target_unlabelled") + LOGGER + END
    logger = written(tmp_path, "own", text)
    run(tmp_path, entries, methods={"own": logger}, scopes=[scope])
    log = registry.load("debias", logger["plugin"]).LOG
    by_name = loaded(entries)
    views = [call for call in log if call[0] == "fit"]
    # Twice as many in the folds where each fit is tried again.
    assert {source for _, source, *_ in views} == {"a", "b"}
    _, source, X, domain, clips, labels = views[0]
    assert source == "a"
    # Of the source all clips that train, in its scale, whatever the scope.
    trained = by_name["a"][0].X[by_name["a"][0].train(0, 0, 0)]
    scaled = (trained - trained.mean(axis=0)) / trained.std(axis=0)
    assert_allclose(clips, scaled, atol=1e-9)
    # With the labels of these alone, of all classes.
    a = by_name["a"][0]
    assert_array_equal(labels, a.labels[a.train(0, 0, 0)])
    n_own = (domain == "a").sum()
    assert n_own == len(clips) if scope == "global" else 0 < n_own < len(clips)
    assert {row.tobytes() for row in X[domain == "a"]} <= {
        row.tobytes() for row in clips
    }
    _, X, domain = next(call for call in log if call[0] == "transform")
    assert set(domain) == {"a"}
    mixed = [d for what, _, d, *_ in log if what == "transform" and len({*d}) == 2]
    assert mixed


def test_a_method_that_sees_nothing_of_the_target_is_not_told(tmp_path, entries):
    text = START.format(access="none") + LOGGER + END
    logger = written(tmp_path, "own", text)
    run(tmp_path, entries, methods={"own": logger})
    log = registry.load("debias", logger["plugin"]).LOG
    assert {what for what, *_ in log} == {"fit", "transform"}
    for what, *call in log:
        if what == "transform":
            assert call[1] is None
        else:
            assert set(call[2]) == {call[0]}
    needs = text.replace(
        "def transform(self, X, domain=None)", "def transform(self, X, domain)"
    )
    needing = written(tmp_path, "needing", needs)
    with pytest.raises(ConfigError, match="of access 'none' is never told the latter"):
        debias.check_entry(needing)


def viewed(entries, method, c=None):
    """What a method makes of the first fold, seen from `b`."""
    split = Split(inputs.load_all(entries, ["c0", "c1"]), 0, 0)
    return split, split.view(1, Method.of("own", method), c, fit_again=True)


def test_a_clip_that_is_drawn_twice_has_its_label_twice(tmp_path, entries):
    text = START.format(access="none") + LOGGER + END
    logger = written(tmp_path, "own", text)
    split = Split(inputs.load_all(entries, ["c0", "c1"]), 0, 0)
    counts = [np.arange(len(d.clip_id)) % 3 for d in split.domains]
    split.view(1, Method.of("own", logger), counts=counts)
    log = registry.load("debias", logger["plugin"]).LOG
    _, source, X, _, clips, labels = log[0]
    own = split.domains[1]
    drawn = np.repeat(np.arange(len(own.X)), counts[1] * split.train[1])
    assert source == "b"
    assert_array_equal(labels, own.labels[drawn])
    assert_array_equal(np.unique(clips, axis=0), np.unique(X, axis=0))
    assert len(clips) == len(X) == len(drawn)


@pytest.mark.parametrize("c", [None, 0])
def test_each_clip_of_the_source_keeps_its_weight(entries, c):
    split, view = viewed(entries, entry("weighter", above=3.0, below=0.5), c)
    own = split.domains[1]
    trained = own.X[split.train[1]]
    above = own.X[:, -1] > trained[:, -1].mean()
    given = split.train[1] if c is None else split.train[1] & (own.labels[:, c] == 1)
    expected = np.where(given, np.where(above, 3.0, 0.5), 1.0)
    assert sorted(set(expected)) == [0.5, 1.0, 3.0]
    assert_allclose(view.weights, expected)
    _, plain = viewed(entries, entry("onto_source"), c)
    assert plain.weights is None


def test_weights_of_none_of_the_sources_clips_are_refused(tmp_path, entries):
    text = (PLUGINS / "weighter.py").read_text()
    text = text.replace(
        "np.where(X[:, -1] > 0, self.above", "np.where(domain == 'b', 0"
    )
    with pytest.raises(MethodError, match=r"0 for all \d+ clips of the source"):
        viewed(entries, written(tmp_path, "own", text))


def test_a_clip_that_weighs_nothing_trains_nothing(tmp_path, entries):
    """As if its label were not known, while all clips still give the scale."""
    weighted, _ = run(tmp_path, entries, methods={"own": entry("weighter")})
    a = loaded(entries)["a"][0]
    train = a.train(0, 0, 0)
    idle = train & (a.X[:, -1] > a.X[train, -1].mean())
    table = pd.read_parquet(entries[0]["labels"])
    for c in ("c0", "c1"):
        table.loc[table["clip_id"].isin(a.clip_id[idle]), f"label:{c}"] = pd.NA
    table.to_parquet(entries[0]["labels"])
    plain, _ = run(tmp_path, entries, methods=NONE)
    keys = ["test", "class", "clip_id"]
    ours, theirs = (
        rows[rows["train"].eq("a") & rows["repeat"].eq(0) & rows["fold"].eq(0)]
        .set_index(keys)["score"]
        .sort_index()
        for rows in (weighted, plain)
    )
    assert len(ours) > 50
    pd.testing.assert_series_equal(ours, theirs, atol=1e-6)


def test_weights_of_one_are_no_weights(tmp_path, entries):
    own = {"own": entry("weighter", above=1.0, below=1.0)}
    rows, _ = run(tmp_path, entries, methods=NONE | own)
    ours, theirs = (
        rows.loc[rows["method"] == name, "score"].to_numpy() for name in ("own", "none")
    )
    assert_allclose(ours, theirs, atol=1e-6)
