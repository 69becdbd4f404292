"""No method gets into a table by what the run shows it, and is not its to see."""

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomTreesEmbedding
from sklearn.preprocessing import Normalizer, QuantileTransformer

from earshift import registry, store
from earshift.debias import _checks
from earshift.errors import ConfigError, DataError
from earshift.evaluation import domains
from earshift.runs import settings
from earshift.stages.scores import score_tables
from tests.helpers.cheats import CHEATS, END, START, write
from tests.helpers.config import SCHEMA, minimal
from tests.helpers.two_domains import (
    balanced,
    measure,
    run,
    write_two_domains,
)


@pytest.fixture
def entries(tmp_path):
    """Two small datasets, and their classes."""
    return write_two_domains(tmp_path, n_recordings=24)


@pytest.mark.parametrize("name", CHEATS)
def test_a_method_that_cheats_gets_no_score(tmp_path, entries, name):
    methods = {"cheat": {"plugin": str(write(tmp_path, name))}}
    where = r"method 'cheat', trained on '[ab]' \(repeat 0, fold 0\): .*"
    with pytest.raises(DataError, match=f"{where}({CHEATS[name][1]})"):
        run(tmp_path, entries, methods=methods)
    assert not (tmp_path / "scores" / "scores.csv").exists()


#: Cheats that are none where directions are removed from the clips themselves.
OF_CLASSIFIERS = {"other_directions", "lost_directions", "flat_directions"}


@pytest.mark.parametrize("name", sorted(CHEATS.keys() - OF_CLASSIFIERS - {"lookup"}))
def test_nor_is_it_measured(tmp_path, entries, name):
    methods = {"cheat": {"plugin": str(write(tmp_path, name))}}
    with pytest.raises(DataError, match=f"method 'cheat', .*({CHEATS[name][1]})"):
        measure(tmp_path, entries, methods)
    assert not (tmp_path / "d.parquet").exists()


class SinglePrecision(TransformerMixin, BaseEstimator):
    """A wide product in float32, whose last bits depend on how many clips there are."""

    def fit(self, X):
        self.W_ = np.random.default_rng(0).standard_normal((X.shape[1], 64))
        self.W_ = self.W_.astype(np.float32)
        return self

    def transform(self, X):
        return np.tanh(X.astype(np.float32) @ self.W_ / 30)


class Ranks(TransformerMixin, BaseEstimator):
    """The share of the training clips below: a step at each of them."""

    def fit(self, X):
        self.sorted_ = np.sort(X, axis=0)
        return self

    def transform(self, X):
        below = [
            np.searchsorted(s, x) for s, x in zip(self.sorted_.T, X.T, strict=True)
        ]
        return np.array(below).T / len(self.sorted_)


HONEST = (
    SinglePrecision(),
    Ranks(),
    PCA(10),
    QuantileTransformer(n_quantiles=50, output_distribution="normal"),
    KMeans(5, n_init=1, random_state=0),
    RandomTreesEmbedding(20, random_state=0, sparse_output=False),
    Normalizer(),
)


def two_sides(n_features):
    """Clips of two datasets, which train and which test."""
    rng = np.random.default_rng(1)
    return [
        [
            _checks.Clips(
                name,
                np.array([f"{name}{i}" for i in range(n)]),
                rng.standard_normal((n, n_features)) + shift,
            )
            for name, shift in (("a", 0.0), ("b", 2.0))
        ]
        for n in (150, 70)
    ]


@pytest.mark.parametrize("mixed", [True, False])
@pytest.mark.parametrize("method", HONEST, ids=lambda m: type(m).__name__)
def test_an_honest_method_gives_what_it_gives_alone(method, mixed):
    groups = two_sides(1500 if isinstance(method, SinglePrecision) else 20)
    method.fit(groups[0][0].X)
    out = _checks.transformed(method, groups, mixed=mixed, rng=np.random.default_rng(0))
    for sides, own in zip(out, groups, strict=True):
        for found, clips in zip(sides, own, strict=True):
            assert_allclose(found, method.transform(clips.X), rtol=0, atol=1e-4)


class Recorder(TransformerMixin, BaseEstimator):
    """Keeps the batches that it is shown."""

    def fit(self, X):
        del X
        self.shown_ = []
        return self

    def transform(self, X):
        self.shown_.append(X.copy())
        return X


@pytest.mark.parametrize("mixed", [True, False])
def test_who_sees_nothing_of_the_target_gets_mixed_batches(mixed):
    groups = two_sides(4)
    method = Recorder().fit(None)
    rng = np.random.default_rng(0)
    out = _checks.transformed(method, groups, mixed=mixed, rng=rng)
    for sides, own in zip(out, groups, strict=True):
        for found, clips in zip(sides, own, strict=True):
            assert_array_equal(found, clips.X)
    owner = {
        row.tobytes(): (i, clips.dataset)
        for i, own in enumerate(groups)
        for clips in own
        for row in clips.X
    }
    for batch in method.shown_:
        seen = [owner.get(row.tobytes()) for row in batch]
        seen = [one for one in seen if one]  # but clips that were changed a little
        sides, datasets = map(set, zip(*seen, strict=True)) if seen else ((), ())
        assert len(sides) <= 1  # clips that test come apart from those that train
        if not mixed:
            assert len(datasets) <= 1
        elif seen and len(batch) > 60:
            assert datasets == {"a", "b"}
            changes = np.mean([x != y for x, y in pairwise(seen)])
            assert changes > 0.25  # shuffled: nothing like one after the other


def test_a_dataset_without_test_clips_is_no_empty_batch():
    groups = two_sides(4)
    groups[1][1] = _checks.Clips("b", np.array([], str), np.zeros((0, 4)))
    method = Normalizer().fit(groups[0][0].X)
    for mixed in (True, False):
        rng = np.random.default_rng(0)
        out = _checks.transformed(method, groups, mixed=mixed, rng=rng)
        assert out[1][1].shape == (0, 4)
        assert out[1][0].shape == (70, 4)


@pytest.mark.parametrize("scope", ["global", "classwise"])
def test_a_cheat_is_found_with_balanced_draws_too(tmp_path, entries, scope):
    methods = {"cheat": {"plugin": str(write(tmp_path, "set_memory"))}}
    drawn = balanced(tmp_path, entries)
    with pytest.raises(
        DataError, match=r"method 'cheat', .* depends on the fits before"
    ):
        run(tmp_path, entries, methods=methods, scopes=[scope], draws=drawn)


def test_the_whole_of_a_kernel_method_of_ones_own_is_used(tmp_path, entries):
    """One that has a transform of its own is not taken for its map and remover."""
    text = """
from earshift.debias import KernelMap


class Cheat(KernelMap):
    def transform(self, X):
        return 0 * super().transform(X)


version, access = 1, "none"
"""
    file = tmp_path / "zero.py"
    file.write_text(text + END)
    _, scores = run(tmp_path, entries, methods={"zero": {"plugin": str(file)}})
    assert (scores["roc_auc"] == 0.5).all()


def test_features_without_bounds_are_an_error(tmp_path, entries):
    text = START.format(access="none")
    text += """
class Cheat(Base):
    def transform(self, X):
        return 1e200 * X
"""
    file = tmp_path / "huge.py"
    file.write_text(text + END)
    where = r"method 'huge', trained on 'a' \(repeat 0, fold 0\)"
    with pytest.raises(DataError, match=f"{where}.*the value .*e.200.*below 1e.18"):
        run(tmp_path, entries, methods={"huge": {"plugin": str(file)}})


def test_scores_that_are_no_numbers_are_an_error():
    domain = domains.Domain(
        "b",
        np.zeros((3, 1)),
        np.array(["x", "y", "z"]),
        np.array(["r", "s", "t"]),
        np.array([None] * 3, object),
        np.array([[1], [0], [1]], np.int8),
        np.zeros((1, 3), int),
        np.zeros((1, 1, 3), bool),
    )
    test = np.array([True, False, True])
    facts = dict.fromkeys(score_tables.CLIP, 1)
    for word in ("test", "clip_id", "recording", "present", "score"):
        del facts[word]
    for bad in (np.nan, np.inf):
        clips = score_tables.ClipRows()
        with pytest.raises(DataError, match=r"clip 'z' of dataset 'b' is (nan|inf)"):
            clips.add(domain, test, 0, np.array([0.5, bad]), **facts)
    clips.add(domain, test, 0, np.array([0.5, -0.5]), **facts)
    rows = clips.table()
    assert rows["score"].tolist() == [0.5, -0.5]
    assert list(rows.columns) == list(score_tables.CLIP)


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_features_that_are_no_numbers_are_named(tmp_path, entries, value):
    path = Path(entries[1]["features"])
    X, ids = store.read_features(path)
    X = np.array(X)
    X[7, 2] = value
    store.write_features(path, [X], ids, X.shape[1], {})
    # Vectors of nothing but NaN are those that were never written.
    what = f"dataset 'b': the features of clip '{ids[7]}' hold NaN or inf"
    for use in (run, measure):
        with pytest.raises(DataError, match=f"{what}|b.zarr: .* '{ids[7]}'"):
            use(tmp_path, entries, methods={"none": {"plugin": "none"}})


def test_a_measure_that_leaves_clips_out_says_so(tmp_path, entries):
    text = """
import numpy as np
from earshift.discrepancy import ClipScores, Result

version, label, better, range, at_equality = 1, "own", "lower", (0, 1), 0.5


def measure(X_a, X_b, **_):
    scores = np.r_[X_a[:, 0], X_b[:, 0]]
    folds = np.zeros(len(scores), int)
    scores[3], folds[3] = np.nan, {fold}
    found = ClipScores(scores, folds)
    return Result(found.auc(len(X_a)), scores=found)
"""
    file = tmp_path / "own.py"
    methods = {"none": {"plugin": "none"}}
    file.write_text(text.format(fold=0))
    with pytest.raises(
        DataError, match=r"'own' gives the score nan for clip 'a\d+' of dataset 'a'"
    ):
        measure(tmp_path, entries, methods, {"own": {"plugin": str(file)}})
    file.write_text(text.format(fold=-1))
    measure(tmp_path, entries, methods, {"own": {"plugin": str(file)}})
    rows = pd.read_parquet(tmp_path / "d.parquet")
    assert rows["score"].isna().mean() == pytest.approx(6 / len(rows))


def test_an_edited_method_is_computed_anew(tmp_path, entries):
    """Without another version number, and in the same folder."""
    file = tmp_path / "own.py"
    text = START.format(access="none") + "class Cheat(Base):\n    pass\n" + END
    methods = {"own": {"plugin": str(file)}}
    file.write_text(text)
    first, _ = run(tmp_path, entries, methods=methods)
    file.write_text(text.replace("X - self.mean_", "(X - self.mean_)[:, :1] ** 2"))
    second, _ = run(tmp_path, entries, methods=methods)
    assert not np.allclose(first["score"], second["score"])
    file.write_text(text)
    third, _ = run(tmp_path, entries, methods=methods)
    pd.testing.assert_frame_equal(first, third)


RECORDER = """
LOG = []


class Cheat(Base):
    def fit(self, X, domain=None, y=None, subgroup=None):
        LOG.append(("fit", {row.tobytes() for row in X}))
        return super().fit(X)

    def transform(self, X):
        LOG.append(("transform", {row.tobytes() for row in X}))
        return X
"""


def test_fit_sees_no_clip_that_tests_and_they_come_apart(tmp_path, entries):
    file = tmp_path / "recorder.py"
    file.write_text(START.format(access="target_unlabelled") + RECORDER + END)
    run(tmp_path, entries, methods={"recorder": {"plugin": str(file)}})
    log = registry.load("debias", str(file)).LOG
    seen, batches, n_views = set(), [], 0
    for what, rows in [*log, ("fit", set())]:
        if what == "transform":
            batches.append(rows)
            continue
        # Two datasets, two sides, three calls; else it is a fit to other clips.
        if len(batches) == 12:
            trained = [rows <= seen for rows in batches]
            apart = [not rows & seen for rows in batches]
            assert all(a != b for a, b in zip(trained, apart, strict=True))
            assert sum(trained) == 4
            n_views += 1
        seen, batches = rows, []
    # Repeats, folds, sources.
    assert n_views == 2 * 3 * 2


@pytest.mark.parametrize("name", CHEATS)
def test_a_cheat_is_refused_before_the_run(tmp_path, name):
    config = minimal(
        methods={"none": None, "own": {"plugin": str(write(tmp_path, name))}}
    )
    with pytest.raises(ConfigError) as error:
        settings.resolve(config, SCHEMA)
    assert str(error.value).startswith("'methods: own': the method '")
    assert re.search(CHEATS[name][1], str(error.value))
    # A job of the run does not try it again.
    assert settings.resolve(config, SCHEMA, in_job=True)["methods"].keys() == {
        "none",
        "own",
    }


def test_an_honest_method_is_not(tmp_path):
    file = tmp_path / "own.py"
    file.write_text(
        START.format(access="none") + "class Cheat(Base):\n    pass\n" + END
    )
    config = minimal(methods=["none", str(file)])
    assert list(settings.resolve(config, SCHEMA)["methods"]) == ["none", "own"]


def test_a_method_that_needs_more_clips_is_left_to_the_run(tmp_path, caplog):
    text = START.format(access="none") + "from sklearn.decomposition import PCA\n"
    text += """
class Cheat(PCA):
    def fit(self, X, domain=None, y=None, subgroup=None):
        return super().fit(X)

def make(*, n_components=2):
    return Cheat(n_components)
"""
    file = tmp_path / "own.py"
    file.write_text(text)
    for n, warned in ((50, False), (5000, True)):
        own = {"plugin": str(file), "n_components": n}
        settings.resolve(minimal(methods={"none": None, "own": own}), SCHEMA)
        assert ("could not be tried on made-up clips" in caplog.text) == warned


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("def fit(self, X): return self", "fit.X, domain, y, subgroup."),
        (
            "def fit(self, X, domain, y=None, subgroup=None):\n"
            "        self.mean_ = 0 if y is None else y.mean()\n"
            "        return self",
            "labels change its transform",
        ),
        (
            "def fit(self, X, domain, y=None, subgroup=None):\n"
            "        self.mean_ = float(domain[0] == 'a')\n"
            "        return self",
            "other names of the datasets change its transform",
        ),
        (
            "def fit(self, X, domain, y=None, subgroup=None):\n"
            "        X -= X.mean(axis=0)\n"
            "        self.mean_ = 0\n"
            "        return self",
            "its fit changes the clips",
        ),
    ],
)
def test_what_only_the_trial_sees_is_refused_too(tmp_path, body, message):
    file = tmp_path / "own.py"
    own = f"class Cheat(Base):\n    {body}\n"
    file.write_text(START.format(access="none") + own + END)
    with pytest.raises(ConfigError, match=message):
        settings.resolve(minimal(methods=["none", str(file)]), SCHEMA)


@pytest.mark.parametrize("word", ["X", "domain", "subgroup"])
def test_a_fit_that_changes_what_it_is_given_is_refused(tmp_path, word):
    body = (
        "class Cheat(Base):\n"
        "    def fit(self, X, domain, y=None, subgroup=None):\n"
        f"        {word}[:] = {word}[::-1].copy()\n"
        "        return super().fit(X)\n"
    )
    file = tmp_path / "own.py"
    file.write_text(START.format(access="target_unlabelled") + body + END)
    config = minimal(methods=["none", str(file)])
    with pytest.raises(ConfigError, match=f"its fit changes .* must leave {word} as"):
        settings.resolve(config, SCHEMA)


def test_what_cannot_transform_is_no_method(tmp_path):
    file = tmp_path / "own.py"
    file.write_text("version, access = 1, 'none'\nmake = lambda: object()\n")
    with pytest.raises(ConfigError, match="what its 'make' returns has no 'fit'"):
        settings.resolve(minimal(methods=["none", str(file)]), SCHEMA)


def test_none_is_the_method_none():
    config = minimal(methods={"none": {"plugin": "lda"}})
    with pytest.raises(ConfigError, match="'methods: none' must be the plugin 'none'"):
        settings.resolve(config, SCHEMA)
