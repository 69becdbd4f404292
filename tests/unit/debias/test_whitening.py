"""Whitening by covariances of the source, whose truth is known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import spearmanr

from earshift import AdaptedClassifier, debias
from earshift.errors import DataError
from earshift.numerics.logistic import fit_path

N, D = 3000, 6


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def source(rng):
    """Clips of three classes, whose means differ, and their labels."""
    labels = (np.arange(N)[:, None] % 3 == np.arange(3)).astype(np.int8)
    root = rng.standard_normal((D, D)) + 3 * np.eye(D)
    X = rng.standard_normal((N, D)) @ root + 5 * labels @ rng.standard_normal((3, D))
    return X, labels


def fitted(name, X, labels):
    method = debias.make(name)
    if name == "source_whitening":
        return method.fit(X)
    return method.fit(X, source_clips=X, source_labels=labels)


def within(X, labels):
    """The mean over classes of the covariance within each."""
    return np.mean([np.cov(X[own == 1].T, bias=True) for own in labels.T], axis=0)


def test_the_source_has_no_correlations_left(source):
    X, labels = source
    out = fitted("source_whitening", X, labels).transform(X)
    assert_allclose(np.cov(out.T), np.eye(D), atol=0.15)
    assert_allclose(out.mean(axis=0), 0, atol=1e-12)
    # The spread within classes is not that of all clips.
    assert np.abs(within(out, labels) - np.eye(D)).max() > 0.2


def test_clips_of_a_class_have_no_correlations_left(source):
    X, labels = source
    out = fitted("wccn", X, labels).transform(X)
    assert_allclose(within(out, labels), np.eye(D), atol=0.15)
    assert_allclose(out.mean(axis=0), 0, atol=1e-12)
    assert np.abs(np.cov(out.T) - np.eye(D)).max() > 0.2


def test_a_class_counts_as_much_as_another_that_has_more_clips(source):
    X, labels = source
    spread = np.where(labels[:, 0] == 1, 3.0, 1.0)[:, None]
    few = np.flatnonzero((labels[:, 0] == 0) | (np.arange(N) < 1500))
    X, labels = (spread * X)[few], labels[few]
    out = fitted("wccn", X, labels).transform(X)
    assert_allclose(within(out, labels), np.eye(D), atol=0.15)


def test_what_is_unknown_or_absent_has_no_part_in_it(source, rng):
    X, labels = source
    spoilt = np.concatenate([X, 50 * rng.standard_normal((40, D))])
    codes = rng.choice(np.array([0, -1], np.int8), (40, 3))
    one = fitted("wccn", X, labels)
    two = fitted("wccn", spoilt, np.concatenate([labels, codes]))
    unmoved = X - X[:1]
    assert_allclose(
        two.transform(X) - two.transform(X[:1]),
        one.transform(X) - one.transform(X[:1]),
        atol=1e-9 * np.abs(unmoved).max(),
    )


@pytest.mark.parametrize("name", ["source_whitening", "wccn"])
def test_nothing_is_lost_without_a_penalty_and_all_datasets_go_alike(name, source, rng):
    X, labels = source
    y = X[:, 0] + 3 * rng.standard_normal(N) > np.median(X[:, 0])
    other = rng.standard_normal((500, D)) @ rng.standard_normal((D, D)) + 1
    method = fitted(name, X, labels)
    assert_array_equal(
        method.transform(other, np.full(500, "b")), method.transform(other)
    )
    ranked = {}
    for penalty in (1e8, 1e-4):
        scores = []
        for a, b in ((X, other), (method.transform(X), method.transform(other))):
            coef, _ = fit_path(a, y, [penalty])
            scores.append(b @ coef[0])
        ranked[penalty] = spearmanr(*scores).statistic
    assert ranked[1e8] > 1 - 1e-5
    assert ranked[1e-4] < 1 - 1e-3


@pytest.mark.parametrize("name", ["source_whitening", "wccn"])
def test_of_few_clips_it_is_the_inverse_root_of_the_shrunken_covariance(
    name, source, rng
):
    """Also in the directions in which those few clips do not vary."""
    X = rng.standard_normal((12, 30)) * np.exp(rng.standard_normal(30))
    labels = source[1][:12]
    method = fitted(name, X, labels)
    raw = np.cov(X.T, bias=True) if name == "source_whitening" else within(X, labels)
    share = method.shrinkage_
    assert 0.05 < share < 0.95
    shrunk = (1 - share) * raw + share * np.trace(raw) / 30 * np.eye(30)
    matrix = method.transform(np.eye(30)) - method.transform(np.zeros((1, 30)))
    assert_allclose(matrix @ shrunk @ matrix, np.eye(30), atol=1e-8)
    assert_allclose(matrix, matrix.T, atol=1e-8)


def test_clips_that_are_all_alike_stay_finite():
    X = np.full((9, 4), 3.0)
    assert_array_equal(debias.make("source_whitening").fit(X).transform(X), 0)


def test_classes_of_one_clip_are_refused(source):
    X, labels = source
    with pytest.raises(DataError, match=r"2 or more, got \[1, 1, 1\]"):
        fitted("wccn", X[:3], labels[:3])


def test_a_chain_hands_on_the_labels_of_the_source(source):
    X, labels = source
    X = np.concatenate([X, 3 * X - 2])
    domain = np.repeat(["a", "b"], N)
    told = {"source": "a", "source_clips": X[:N], "source_labels": labels}
    chain = debias.make("adapt", steps=["standardise", "wccn"])
    found = chain.fit(X, domain, **told).transform(X, domain)
    first = debias.make("standardise").fit(X, domain, source="a").transform(X, domain)
    second = fitted("wccn", first[:N], labels)
    assert_allclose(found, second.transform(first), atol=1e-9)
    y = labels.argmax(axis=1)
    plain = AdaptedClassifier(steps=["standardise", "wccn"]).fit(X[:N], y, X[N:])
    assert np.mean(plain.predict(X[N:]) == y) > 0.6
