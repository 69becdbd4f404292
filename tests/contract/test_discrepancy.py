"""What every measure of the distance between datasets must do."""

import numpy as np
import pytest

from earshift import registry
from earshift.statistics import fold_auc

NAMES = registry.names("discrepancy")


def value(name, X_a, X_b, seed=0, recordings=None):
    names = np.arange(max(len(X_a), len(X_b))).astype(str)
    groups = recordings or (names[: len(X_a)], names[: len(X_b)])
    rng = np.random.default_rng(seed)
    found = registry.load("discrepancy", name).measure(X_a, X_b, *groups, rng)
    is_b = np.arange(len(X_a) + len(X_b)) >= len(X_a)
    return fold_auc(found.scores, is_b, found.folds)


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    return rng.standard_normal((150, 8)), rng.standard_normal((120, 8))


@pytest.mark.parametrize("name", NAMES)
def test_two_draws_of_one_dataset_are_at_chance(name, pair):
    chance = registry.load("discrepancy", name).chance
    # The standard error of an AUC of 150 against 120 clips is 0.035.
    assert value(name, *pair) == pytest.approx(chance, abs=0.1)


@pytest.mark.parametrize("name", NAMES)
def test_a_shifted_dataset_is_found(name, pair):
    X_a, X_b = pair
    assert value(name, X_a, X_b + 1.5) > 0.95


@pytest.mark.parametrize("name", NAMES)
def test_the_same_draws_give_the_same_value(name, pair):
    assert value(name, *pair, seed=3) == value(name, *pair, seed=3)


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_never_helps_to_place_its_own_clips(name):
    """Copies of a clip share its recording: they must not lift the value."""
    rng = np.random.default_rng(0)
    X_a, X_b = (np.repeat(rng.standard_normal((25, 40)), 6, axis=0) for _ in range(2))
    own = np.repeat(np.arange(25), 6).astype(str)
    single = tuple(np.arange(150).astype(str) for _ in range(2))
    leaked = value(name, X_a, X_b, recordings=single)
    honest = value(name, X_a, X_b, recordings=(own, own))
    assert leaked > 0.8
    assert honest < 0.65


def test_only_the_nonlinear_measure_sees_a_difference_of_spread(pair):
    X_a, X_b = pair
    assert value("domain_auc_linear", X_a, 3 * X_b) < 0.65
    assert value("domain_auc_nonlinear", X_a, 3 * X_b) > 0.9
