"""The two domain AUCs: at chance, found, and never lifted by copies of a clip."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from earshift import registry
from earshift.discrepancy._domain_classifier import out_of_fold
from earshift.discrepancy.domain_auc_linear import C, measure

each_auc = pytest.mark.parametrize(
    "name", ["domain_auc_linear", "domain_auc_nonlinear"]
)


def value(name, X_a, X_b, recordings=None):
    """The AUC of two sets of clips, each a recording unless these are given."""
    if recordings is None:
        recordings = tuple(np.arange(len(X)).astype(str) for X in (X_a, X_b))
    result = registry.load("discrepancy", name).measure(
        X_a,
        X_b,
        recordings_a=recordings[0],
        recordings_b=recordings[1],
        rng=np.random.default_rng(0),
    )
    assert result.value == result.scores.auc(len(X_a))
    return result.value


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    return rng.standard_normal((150, 8)), rng.standard_normal((120, 8))


@each_auc
def test_two_draws_of_one_dataset_are_at_chance(name, pair):
    # The standard error of an AUC of 150 against 120 clips is 0.035.
    assert value(name, *pair) == pytest.approx(0.5, abs=0.1)


@each_auc
def test_a_shifted_dataset_is_found(name, pair):
    X_a, X_b = pair
    assert value(name, X_a, X_b + 1.5) > 0.95


@each_auc
def test_a_recording_never_helps_to_place_its_own_clips(name):
    """Copies of a clip share its recording: they must not lift the value."""
    rng = np.random.default_rng(0)
    X_a, X_b = (np.repeat(rng.standard_normal((25, 40)), 6, axis=0) for _ in range(2))
    own = np.repeat(np.arange(25), 6).astype(str)
    assert value(name, X_a, X_b) > 0.8
    assert value(name, X_a, X_b, (own, own)) < 0.65


@pytest.mark.parametrize("n_features", [8, 200])
def test_the_linear_classifier_is_that_of_scikit_learn(n_features):
    rng = np.random.default_rng(0)
    X_a, X_b = rng.standard_normal((2, 45, n_features))
    X_b = X_b[:30] + 0.2
    other = LogisticRegression(
        C=C,
        class_weight="balanced",
        solver="newton-cholesky",
        tol=1e-8,
    )
    one_each = [np.arange(n).astype(str) for n in (45, 30)]
    expected = out_of_fold(other, X_a, X_b, *one_each, np.random.default_rng(1))
    found = measure(
        X_a,
        X_b,
        recordings_a=one_each[0],
        recordings_b=one_each[1],
        rng=np.random.default_rng(1),
    )
    np.testing.assert_allclose(found.scores.scores, expected.scores.scores, atol=1e-6)
