"""Standardising with all classes alike, where classes are not equally common."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from earshift import debias
from earshift.errors import ConfigError

N, D = 300, 8
GAIN, SHIFT = np.exp(np.linspace(-0.5, 0.5, D)), np.linspace(-4, 4, D)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def means(rng):
    return 2.5 * rng.standard_normal((3, D))


def clips(rng, means, counts):
    """Clips of classes around their means, and the class of each."""
    y = np.repeat(range(len(counts)), counts)
    return means[y] + rng.standard_normal((len(y), D)), y


def fitted(name, X_a, y_a, X_b, **options):
    method = debias.make(name, **options)
    told = {"source": "a"}
    if name == "balanced_standardise":
        labels = (y_a[:, None] == np.arange(3)).astype(np.int8)
        told |= {"source_clips": X_a, "source_labels": labels}
    domain = np.repeat(["a", "b"], [len(X_a), len(X_b)])
    return method.fit(np.concatenate([X_a, X_b]), domain, **told)


def off(method, means):
    """How far the mean of 'b' is from that of equally common classes, in units."""
    return np.linalg.norm((method.mean_[1] - SHIFT) / GAIN - means.mean(axis=0))


@pytest.mark.parametrize("counts", [(30, 30, 240), (60, 120, 120), (100, 100, 100)])
def test_what_is_taken_away_is_the_dataset_and_not_its_classes(counts, rng, means):
    X_a, y_a = clips(rng, means, (100, 100, 100))
    X_b, y_b = clips(rng, means, counts)
    X_b = X_b * GAIN + SHIFT
    plain, balanced = (
        fitted(name, X_a, y_a, X_b) for name in ("standardise", "balanced_standardise")
    )
    assert off(balanced, means) < 0.35
    assert off(plain, means) > off(balanced, means)
    # Of a class, clips of both datasets then lie in one place.
    apart = [
        np.linalg.norm(
            balanced.transform(X_a[y_a == c], np.full(sum(y_a == c), "a")).mean(axis=0)
            - balanced.transform(X_b[y_b == c], np.full(sum(y_b == c), "b")).mean(
                axis=0
            )
        )
        for c in range(3)
    ]
    assert max(apart) < 0.3


def test_labels_of_the_target_are_not_asked_for_and_its_order_tells_nothing(rng, means):
    X_a, y_a = clips(rng, means, (50, 50, 50))
    X_b, _ = clips(rng, means, (20, 20, 110))
    one = fitted("balanced_standardise", X_a, y_a, X_b)
    two = fitted("balanced_standardise", X_a, y_a, X_b[::-1])
    assert_allclose(one.mean_, two.mean_)
    assert_allclose(one.scale_, two.scale_)


def test_unknown_labels_and_classes_that_cannot_be_trained_take_no_part(rng, means):
    X_a, y_a = clips(rng, means, (80, 80, 80))
    X_b, _ = clips(rng, means, (20, 20, 200))
    known = (y_a[:, None] == np.arange(3)).astype(np.int8)
    idle = np.column_stack([known, np.zeros(240), np.full(240, -1)]).astype(np.int8)
    domain = np.repeat(["a", "b"], 240)
    X = np.concatenate([X_a, X_b])
    one, two = (
        debias.make("balanced_standardise").fit(
            X, domain, source="a", source_clips=X_a, source_labels=labels
        )
        for labels in (known, idle)
    )
    assert_array_equal(one.mean_, two.mean_)


def test_too_few_clips_of_classes_are_standardised_as_they_are(rng, means):
    X_a, y_a = clips(rng, means, (4, 4, 4))
    X_b, _ = clips(rng, means, (4, 4, 4))
    balanced = fitted("balanced_standardise", X_a, y_a, X_b)
    plain = fitted("standardise", X_a, y_a, X_b)
    assert_array_equal(balanced.mean_, plain.mean_)
    assert_array_equal(balanced.scale_, plain.scale_)


def test_its_spread_has_a_floor_and_options_are_checked(rng, means):
    X_a, y_a = clips(rng, means, (50, 50, 50))
    X_b = X_a * np.r_[1e-3, np.ones(D - 1)]
    method = fitted("balanced_standardise", X_a, y_a, X_b, floor=0.2)
    assert_allclose(method.scale_[1, 0], 0.2 * method.scale_[0, 0])
    with pytest.raises(ConfigError, match="'balanced_standardise' needs a 'floor'"):
        debias.make("balanced_standardise", floor=2.0)
