"""Which methods cannot change a ROC-AUC: found by trying them, and declared by them."""

from pathlib import Path

import numpy as np
import pytest

from earshift import debias, registry
from earshift.debias import Method, _contract, _ranking
from earshift.errors import ConfigError
from earshift.numerics.auc import fold_auc
from earshift.numerics.logistic import fit_path
from earshift.stages.report.sections import sources
from tests.helpers.cheats import END, START
from tests.helpers.plugins import PLUGINS, entry, written
from tests.helpers.two_domains import run, write_two_domains

#: Corrections of the library; what is not corrected is what they are compared with.
SHIPPED = [
    method
    for method in (Method.of(n, {"plugin": n}) for n in registry.names("debias"))
    if not method.is_control and method.name != "none"
]

#: Those of the tests, as users write them.
OWN = [
    Method.of(file.stem, entry(file.stem))
    for file in sorted(PLUGINS.glob("*.py"))
    if "access = " in file.read_text()
]

#: A file that moves each dataset, the source too, to the mean 0.
MOVES = (
    START.format(access="target_unlabelled")
    + """
class Cheat(Base):
    def fit(self, X, domain=None, y=None, subgroup=None):
        self.mean_ = {str(d): X[domain == d].mean(axis=0) for d in np.unique(domain)}
        return self

    def transform(self, X, domain=None):
        return X - np.stack([self.mean_[str(d)] for d in domain])
"""
    + END
)

#: One that scales the features of each dataset, too.
SCALES = (PLUGINS / "standardiser.py").read_text()


@pytest.mark.parametrize("method", SHIPPED + OWN, ids=lambda method: method.name)
def test_a_method_is_what_it_declares_to_be(method):
    found = _ranking.keeps_ranking(method.make, method.access)
    assert found == method.is_auc_neutral, (
        f"{method.name}: declare 'auc_neutral = {found}', as the docstring of "
        "earshift.debias says"
    )


def test_both_kinds_are_seen():
    kinds = {method.name: method.is_auc_neutral for method in SHIPPED + OWN}
    assert kinds["onto_source"]
    assert not kinds["standardiser"]
    assert not kinds["weighter"]
    assert not kinds["mean_projection"]


def test_what_is_moved_alike_keeps_its_auc_and_not_its_balanced_accuracy():
    """The fact that the declaration rests on, without any method."""
    rng = np.random.default_rng(0)
    y = np.arange(400) % 2 == 0
    X = rng.standard_normal((400, 5)) + np.outer(y, np.ones(5))
    coef, intercept = fit_path(X[:200], y[:200], [1.0])
    known, fold = y[200:], np.zeros(200, np.int64)
    before, after = (
        (X[200:] + shift) @ coef[0] + intercept[0] for shift in (0, np.full(5, 0.7))
    )
    assert fold_auc(before, known, fold) == fold_auc(after, known, fold) > 0.8
    right = [
        np.mean([np.mean(s[known] > 0), np.mean(s[~known] <= 0)])
        for s in (before, after)
    ]
    assert right[1] < right[0] - 0.05


@pytest.mark.parametrize(
    ("text", "fact", "message"),
    [
        (MOVES, "", ""),
        (MOVES, "auc_neutral = True", ""),
        (MOVES, "auc_neutral = False", "auc_neutral = False', but .* the same order"),
        (SCALES, "", ""),
        (SCALES, "auc_neutral = False", ""),
        (SCALES, "auc_neutral = True", "auc_neutral = True', but .* in another order"),
        (MOVES, "auc_neutral = 1", "auc_neutral = 1, which must be True or False"),
    ],
)
def test_a_file_that_declares_it_wrongly_is_refused(tmp_path, text, fact, message):
    own = written(tmp_path, "own", f"{text}\n{fact}\n")
    if not message:
        debias.check_entry(own)
        return
    with pytest.raises(ConfigError, match=message):
        debias.check_entry(own)


def test_a_control_that_replaces_clips_cannot_declare_it(tmp_path):
    text = Path(debias.shuffle_all.__file__).read_text()
    own = written(tmp_path, "own", text + "\nauc_neutral = True\n")
    with pytest.raises(
        ConfigError, match="auc_neutral = True, which says that it moves"
    ):
        _contract.check(own["plugin"])


def test_the_workflow_gives_the_same_auc_and_another_balanced_accuracy(tmp_path):
    entries = write_two_domains(tmp_path)
    methods = {"none": {"plugin": "none"}, "moved": entry("onto_source")}
    _, scores = run(tmp_path, entries, methods=methods)
    keys = ["train", "test", "class", "repeat"]
    plain, moved = (
        scores[scores["method"].eq(name)].set_index(keys).sort_index()
        for name in ("none", "moved")
    )
    assert len(plain) == len(moved) > 8
    for metric in ("roc_auc", "average_precision"):
        np.testing.assert_allclose(plain[metric], moved[metric], atol=1e-9)
    change = moved["balanced_accuracy"] - plain["balanced_accuracy"]
    assert change.drop([("a", "a"), ("b", "b")]).mean() > 0.05


@pytest.mark.parametrize(
    ("classifier", "is_said"),
    [({"plugin": "logistic"}, True), (entry("nearest"), False)],
)
def test_the_report_says_it_where_the_classifier_is_linear(classifier, is_said):
    config = {"datasets": {"a": None, "b": None}, "protocols": ["fixed"]}
    config |= {"study": None, "scopes": ["global"], "splits": {"balance": "none"}}
    config["classifier"] = classifier
    config["methods"] = {"lda": {"plugin": "lda"}, "moved": entry("onto_source")}
    lda, moved = sources.describe_methods(config, share_subgroup=True)
    assert "ROC-AUC" not in lda["note"]
    assert (
        "It cannot change ROC-AUC: it moves all clips of a dataset alike."
        in moved["note"]
    ) == is_said
