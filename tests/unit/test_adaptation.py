"""The classifier for another collection, on plain arrays."""

import doctest

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.utils.estimator_checks import parametrize_with_checks

from earshift import AdaptedClassifier, adaptation, debias
from earshift.errors import ConfigError, DataError
from earshift.numerics import classifier


@parametrize_with_checks([AdaptedClassifier()])
def test_scikit_learn_accepts_it(estimator, check):
    check(estimator)


@pytest.fixture
def collections():
    """Three classes in two collections, of which the second is moved and stretched."""
    rng = np.random.default_rng(0)
    y = np.tile(["cello", "flute", "voice"], 40)
    X = rng.standard_normal((120, 10)) + 2.5 * np.eye(10)[np.arange(120) % 3]
    other = rng.standard_normal((120, 10)) + 2.5 * np.eye(10)[np.arange(120) % 3]
    return X, y, other * rng.uniform(0.2, 5, 10) + rng.normal(0, 25, 10)


def test_it_finds_again_what_was_moved_and_stretched(collections):
    X, y, target = collections
    plain = AdaptedClassifier().fit(X, y)
    adapted = AdaptedClassifier().fit(X, y, target)
    assert (plain.predict(X) == y).mean() > 0.8
    assert (plain.predict(target) == y).mean() < 0.6
    assert (adapted.predict(target) == y).mean() > 0.8


def test_two_classes_have_one_log_odds(collections):
    X, y, target = collections
    two = AdaptedClassifier().fit(X, y == "cello", target)
    scores = two.decision_function(target)
    assert scores.shape == (120,)
    assert ((scores > 0) == two.predict(target)).all()


def test_without_rounds_it_is_the_classifiers_of_the_corrected_clips(collections):
    X, y, target = collections
    own = AdaptedClassifier(steps=["standardise"], C=[0.1]).fit(X, y, target)
    scaled = [(part - X.mean(axis=0)) / X.std(axis=0) for part in (X, target)]
    domain = np.repeat(["a", "b"], 120)
    method = debias.make("standardise").fit(np.concatenate(scaled), domain, source="a")
    source, other = (
        method.transform(part, domain[[i]].repeat(120))
        for part, i in zip(scaled, (0, 200), strict=True)
    )
    expected = classifier.solve(source, None, y == "flute", 0.1).score(other)
    assert_allclose(own.decision_function(target)[:, 1], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "arguments", "error", "message"),
    [
        ({"steps": ["standardize"]}, {}, ConfigError, "Did you mean 'standardise'"),
        ({}, {"recordings": ["r"] * 3}, DataError, "each of 120 clips"),
    ],
)
def test_what_cannot_be_is_refused(collections, options, arguments, error, message):
    X, y, target = collections
    with pytest.raises(error, match=message):
        AdaptedClassifier(**options).fit(X, y, target, **arguments)


def test_a_target_of_other_features_is_refused(collections):
    X, y, target = collections
    with pytest.raises(ValueError, match="expecting 10 features"):
        AdaptedClassifier().fit(X, y, target[:, :9])


def test_the_example_of_its_documentation_is_true():
    found = doctest.testmod(adaptation)
    assert found.attempted > 5
    assert found.failed == 0
