"""An experiment whose classifier is another one than the logistic regression."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from earshift import classifiers, registry
from earshift.debias import LDA
from earshift.errors import ConfigError, DataError
from earshift.evaluation import training
from earshift.runs import settings
from earshift.stages.report.sections import sources
from earshift.stages.scores import cross_validation, inputs
from tests.helpers.config import SCHEMA, minimal
from tests.helpers.page import page
from tests.helpers.plugins import PLUGINS
from tests.helpers.report_tables import config_of, write_results
from tests.helpers.two_domains import run, write_two_domains

NEAREST = str(PLUGINS / "nearest.py")
METHODS = {name: {"plugin": name} for name in ("none", "lda")}
LOGISTIC = {"plugin": "logistic", "C": [0.01, 1.0], "n_inner_folds": 3}


def entry(k=7):
    return {"plugin": NEAREST, "k": k, "n_inner_folds": 3}


@pytest.fixture
def entries(tmp_path):
    return write_two_domains(tmp_path)


def by_hand(all_domains, method, train, test, c, repeat, fold, k=7):
    """Scores of test clips by scikit-learn, of features that are corrected first."""
    both = {d.name: d for d in all_domains}
    seen = {d.name: d.folds[repeat] != fold for d in all_domains}
    scaler = StandardScaler().fit(both[train].X[seen[train]])
    scaled = {name: scaler.transform(d.X) for name, d in both.items()}
    if method == "lda":
        X = np.concatenate([scaled[name][seen[name]] for name in both])
        names = np.repeat(list(both), [seen[name].sum() for name in both])
        corrector = LDA().fit(X, names)
        scaled = {name: corrector.transform(X) for name, X in scaled.items()}
    source, target = both[train], both[test]
    known = seen[train] & (source.labels[:, c] >= 0)
    fitted = KNeighborsClassifier(k).fit(scaled[train][known], source.labels[known, c])
    tested = ~seen[test] & (target.labels[:, c] >= 0)
    shares = fitted.predict_proba(scaled[test][tested])[:, 1]
    return pd.Series(shares - 0.5, index=target.clip_id[tested])


def test_an_experiment_is_scored_by_a_classifier_that_is_one_new_file(
    tmp_path, entries
):
    rows, scores = run(tmp_path, entries, methods=METHODS, classifier=entry())
    all_domains = inputs.load_all(entries, ["c0", "c1"])
    cells = rows.groupby(["method", "train", "test", "class", "repeat", "fold"])
    for (method, train, test, name, repeat, fold), part in cells:
        c = ["c0", "c1"].index(name)
        expected = by_hand(all_domains, method, train, test, c, repeat, fold)
        found = part.set_index("clip_id")["score"]
        assert_array_equal(sorted(found.index), sorted(expected.index))
        # Corrected clips differ in the last bits, and so may a neighbour, of seven.
        differs = np.abs(found - expected[found.index]) > 1e-9
        assert differs.sum() <= (0 if method == "none" else 1)
    assert len(cells) == 2 * 4 * 2 * 2 * 3
    assert rows["C"].isna().all()
    # Shares of seven neighbours, less one half; the threshold is at most of them.
    assert_allclose(np.round(7 * (rows["score"] + 0.5)), 7 * (rows["score"] + 0.5))
    within = scores[(scores["train"] == scores["test"]) & (scores["method"] == "none")]
    assert (within["roc_auc"] > 0.75).all()
    assert (within["accuracy"] > 0.7).all()
    table = pd.read_parquet(tmp_path / "scores" / "directions.parquet")
    assert set(table["kind"]) == {"dataset"}  # it has no weights of features


def test_without_directions_or_weights_their_table_is_empty(tmp_path, entries):
    only = {"none": METHODS["none"]}
    run(tmp_path, entries, methods=only, classifier=entry())
    table = pd.read_parquet(tmp_path / "scores" / "directions.parquet")
    assert table.empty
    assert {"method", "kind", "C", "vector"} <= set(table.columns)


def test_what_is_kept_of_one_classifier_is_not_taken_for_another(tmp_path, entries):
    folder = tmp_path / "scores" / "parts"
    first, _ = run(tmp_path, entries)
    parts = set(folder.iterdir())
    other, _ = run(tmp_path, entries, classifier=entry())
    more = set(folder.iterdir()) - parts
    assert len(more) == len(parts)
    wider, _ = run(tmp_path, entries, classifier=entry(k=9))
    assert len(set(folder.iterdir()) - parts - more) == len(parts)
    again, _ = run(tmp_path, entries)
    pd.testing.assert_frame_equal(first, again, check_exact=True)
    assert not first["score"].equals(other["score"])
    assert not wider["score"].equals(other["score"])


def test_tasks_of_the_default_classifier_are_called_as_ever():
    """What is done is found by this, and was done before there was another one."""
    assert cross_validation.classifier_of_tasks(LOGISTIC) == {
        "grid": [0.01, 1.0],
        "n_inner_folds": 3,
    }
    assert json.dumps(classifiers.recorded(LOGISTIC)) == (
        '{"C": [0.01, 1.0], "n_inner_folds": 3}'
    )
    other = classifiers.recorded(entry())
    version = registry.version_of("classifiers", NEAREST)
    assert other == {"entry": entry(), "version": version}
    assert cross_validation.classifier_of_tasks(entry()) == {"classifier": other}


def test_a_later_version_of_the_default_classifier_is_on_record(monkeypatch):
    monkeypatch.setattr(registry.load("classifiers", "logistic"), "version", 2)
    told = classifiers.recorded(LOGISTIC)
    assert told == {"entry": LOGISTIC, "version": 2}
    assert cross_validation.classifier_of_tasks(LOGISTIC) == {"classifier": told}


def test_a_classifier_that_is_edited_while_the_job_runs_is_refused(tmp_path):
    file = tmp_path / "mine.py"
    shutil.copy(NEAREST, file)
    told = cross_validation.classifier_of_tasks(entry() | {"plugin": str(file)})
    assert cross_validation.trainer_of(told).estimator.n_neighbors == 7
    file.write_text(file.read_text() + "\n")
    with pytest.raises(DataError, match="edited while the job ran"):
        cross_validation.trainer_of(told)


def test_an_old_experiment_has_the_settings_that_it_had():
    """In their order, as records are compared as text."""
    grid = [0.0001, 0.001, 0.01, 0.1, 1.0, 10.0]
    for given, expected in [
        ({}, {"C": grid, "n_inner_folds": 3}),
        ({"C": [1, "1e-3"]}, {"C": [1, 0.001], "n_inner_folds": 3}),
        ({"n_inner_folds": 2}, {"n_inner_folds": 2, "C": grid}),
        ({"n_inner_folds": 2.0, "C": [1]}, {"n_inner_folds": 2, "C": [1]}),
    ]:
        for in_job in (False, True):
            raw = minimal(classifier=given)
            config = settings.resolve(raw, SCHEMA, in_job=in_job)
            told = classifiers.recorded(config["classifier"])
            assert json.dumps(told) == json.dumps(expected)
    default = settings.resolve(minimal(), SCHEMA)["classifier"]
    assert default == {"plugin": "logistic", "C": grid, "n_inner_folds": 3}


@pytest.mark.parametrize("given", [NEAREST, {"plugin": NEAREST}])
def test_a_classifier_is_named_as_other_plugins_are(given):
    config = settings.resolve(minimal(classifier=given), SCHEMA)
    assert config["classifier"] == {"plugin": NEAREST, "k": 5, "n_inner_folds": 3}
    assert settings.entries(config, "classifier") == {
        "classifier": config["classifier"]
    }
    assert settings.entries(config, "methods") == config["methods"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("logistc", "'classifier': no plugin 'logistc'.*Did you mean 'logistic'"),
        ({"n_iner_folds": 2}, "no option 'n_iner_folds'.*mean 'n_inner_folds'"),
        ({"Cs": [1]}, "'classifier': .*'logistic' has no option 'Cs'.*mean 'C'"),
        ({"C": 0.1}, "'classifier': C must be a list, got 0.1"),
        ({"C": ["x"]}, "'classifier': C.0 must be a number, got 'x'"),
        ({"C": []}, r"'classifier': C must hold numbers above 0.*got \[\]"),
        ({"C": [0, 1]}, r"'classifier': C must hold numbers above 0.*got \[0, 1\]"),
        ({"n_inner_folds": 1}, "classifier.n_inner_folds: 1 is less than the minimum"),
        ({"plugin": 5}, "classifier.plugin must be a text, got 5"),
        ({"plugin": NEAREST, "C": [1]}, "nearest.py' has no option 'C'.*known: k"),
        ({"plugin": NEAREST, "k": "x"}, "'classifier': k must be a whole number"),
        ({"plugin": "no.py"}, "'classifier': .*'no.py' does not exist"),
        ([1], "'classifier' must hold options, such as 'plugin: logistic'"),
    ],
)
def test_what_cannot_be_is_refused_at_once(given, message):
    with pytest.raises(ConfigError, match=message):
        settings.resolve(minimal(classifier=given), SCHEMA)


def test_what_is_no_classifier_is_refused_at_once(tmp_path):
    file = tmp_path / "none.py"
    file.write_text("version = 1\ndef make():\n    return object()\n")
    with pytest.raises(
        ConfigError, match=r"must make a scikit-learn classifier.*object"
    ):
        settings.resolve(minimal(classifier=str(file)), SCHEMA)


def test_the_protocol_of_the_study_keeps_its_own_classifier():
    changes = {"study": "ismir2023", "protocols": ["paper"]}
    changes["splits"] = {"kind": "official"}
    settings.resolve(minimal(**changes, classifier={"C": [1.0]}), SCHEMA)
    with pytest.raises(
        ConfigError, match="'paper' has its own classifier, 'logistic', got"
    ):
        settings.resolve(minimal(**changes, classifier=NEAREST), SCHEMA)


def test_a_classifier_that_scores_in_another_shape_is_refused(tmp_path, entries):
    file = tmp_path / "flat.py"
    file.write_text(
        "from sklearn.neighbors import KNeighborsClassifier\n"
        "class Flat(KNeighborsClassifier):\n"
        "    def decision_function(self, X):\n"
        "        return self.predict_proba(X)\n"
        "version = 1\n"
        "def make():\n"
        "    return Flat()\n"
    )
    message = r"method 'none', trained on 'a'.*Flat must score .* got \(\d+, 2\)"
    with pytest.raises(DataError, match=message):
        run(tmp_path, entries, classifier={"plugin": str(file), "n_inner_folds": 3})


def test_the_page_names_the_classifier_and_its_options(tmp_path):
    html = page(write_results(tmp_path / "r"))
    assert "classifier\nlogistic, protocol fixed" in html
    assert "<dt>Classifier: logistic</dt>" in html
    assert "Options: C = [0.1, 1.0], n_inner_folds = 3." in html
    assert "not the default" not in html


def test_the_page_says_that_another_classifier_was_used(tmp_path):
    results = write_results(tmp_path / "r")
    html = page(results, config_of(results) | {"classifier": entry()})
    assert "classifier\nnearest, which is not the default one, protocol fixed" in html
    assert "<dt>Classifier: nearest</dt>" in html
    assert "k = 7, n_inner_folds = 3" in html
    assert "not the default classifier" in html
    described = sources.describe_classifier({"classifier": entry()})
    assert described == {
        "name": "nearest",
        "summary": "K nearest neighbours: a classifier plugin as a user would add it, "
        "in one file.",
        "options": "k = 7, n_inner_folds = 3",
        "default": False,
    }


#: A classifier of a user's own, whose body follows.
OWN = """
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
version = 1
class Own(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.coef_, self.intercept_ = np.eye(X.shape[1])[:1], np.zeros(1)
        return self
    def decision_function(self, X):
        return X[:, 0]
def make():
    return Own()
"""

NO_SCORES = "    def decision_function(self, X):\n        return X[:, 0]"
SHARES = "    def predict_proba(self, X):\n        return np.full((len(X), {}), 0.3)"


def own(folder, *changes):
    """The file of a classifier, with changes of its text."""
    text = OWN
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file = folder / "own.py"
    file.write_text(text)
    return {"plugin": str(file), "n_inner_folds": 3}


#: What is wrong with a classifier, and what a user is told of it.
WRONG = [
    (("return X[:, 0]", "return np.random.rand(len(X))"), "a second fit .* other sco"),
    (("return X[:, 0]", "return X[:, 0] - X[:, 0].mean()"), "depends on the clips"),
    (("return X[:, 0]", "return np.full(len(X), np.nan)"), "finite scores, got NaN .*"),
    (("return X[:, 0]", "return X[:, :2]"), r"shape \(80,\), got \(80, 2\)"),
    ((NO_SCORES, SHARES.format(3)), r"'predict_proba' .*\(80, 2\), got \(80, 3\)"),
    ((NO_SCORES, SHARES.format(1)), r"'predict_proba' .*\(80, 2\), got \(80, 1\)"),
    (("        return self\n", "        X *= 0\n        return self\n"), "changes 'X'"),
    (
        ("        return self\n", "        y[:] = 1\n        return self\n"),
        "changes 'y'",
    ),
]


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_a_users_own_file_is_tried_before_the_run(tmp_path, change, message):
    assert settings.resolve(minimal(classifier=own(tmp_path)), SCHEMA)
    entry = own(tmp_path, change)
    with pytest.raises(ConfigError, match=f"own.py' cannot be used: .*{message}"):
        settings.resolve(minimal(classifier=entry), SCHEMA)


def test_a_file_that_says_linear_and_is_not_is_refused_before_the_run(tmp_path):
    linear = ("version = 1", "version, linear = 1, True")
    assert settings.resolve(minimal(classifier=own(tmp_path, linear)), SCHEMA)
    changes = linear, ("X[:, 0]\n", "-X[:, 0]\n")
    with pytest.raises(ConfigError, match="its scores are not X @ coef_"):
        settings.resolve(minimal(classifier=own(tmp_path, *changes)), SCHEMA)


def test_a_file_that_fails_on_made_up_clips_is_left_to_the_run(tmp_path, caplog):
    failing = own(tmp_path, ("return X[:, 0]", "raise ValueError('too few clips')"))
    assert settings.resolve(minimal(classifier=failing), SCHEMA)
    assert "could not be tried on made-up clips" in caplog.text
    assert "ValueError: too few clips" in caplog.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("np.unique(y)", "np.array([True, False])"), r"'classes_', got array\(\[ Tr"),
        (("        return self\n", ""), "must return the estimator"),
        (
            ("np.eye(X.shape[1])[:1]", "np.ones((1, 2))"),
            r"shape \(1, 3\).*got \(1, 2\)",
        ),
        (("np.zeros(1)", "np.array([np.nan])"), "finite numbers as 'coef_'"),
        (("np.zeros(1)", "0.0"), r"'intercept_', shape \(1,\), got"),
    ],
)
def test_a_fit_that_would_turn_scores_round_or_spoil_them_is_refused(
    tmp_path, change, message
):
    entry = own(tmp_path, change, ("version = 1", "version, linear = 1, True"))
    trainer = training.Trainer.of(entry)
    X = np.random.default_rng(0).standard_normal((40, 3))
    names = np.arange(40).astype(str)
    with pytest.raises(DataError, match=message):
        trainer.fit(X, X[:, 0] > 0, recordings=names, rng=np.random.default_rng(0))
