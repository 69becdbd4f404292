"""Where two sets of clips overlap: densities of which all is known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from earshift.numerics import overlap, recalibration
from tests.helpers import planted

ONCE = np.ones(500)


def scored(X, is_target, weights):
    """Scores of the second half of either side by a classifier of the first."""
    train = np.arange(len(X)) % 2 == 0
    names = np.arange(len(X)).astype(str)
    scores = overlap.domain_scores(
        *(X[train], is_target[train], names[train], weights[train]),
        *(X[~train], np.random.default_rng(0)),
    )
    return scores, ~train


@pytest.mark.parametrize("case", ["translation", "scale", "rotation", "one class"])
def test_odds_are_near_the_ratio_of_densities(case):
    X, _, _, domain = planted.arrays(case, 0, n=500)
    is_target = domain == "target"
    (scores,), new = scored(X, is_target, np.ones((1000, 1)))
    found = overlap.calibrated(scores, is_target[new], np.zeros(500, int), ONCE)
    source, target = planted.CASES[case]
    log_odds = (target.log_density(X) - source.log_density(X))[new]
    off = recalibration.probability(found.log_odds) - recalibration.probability(
        log_odds
    )
    assert np.abs(off).mean() < 0.08  # 0.15 and more if all were called alike
    assert 0.5 < found.auc < 0.9
    assert 0.6 < found.slope < 1.4
    assert found.error < 0.1


def test_weights_of_the_source_turn_it_into_the_target():
    """Clips of one side, and weights by which it is as the other."""
    X, _, subgroup, domain = planted.arrays("mixture", 0, n=500)
    is_target, near = domain == "target", subgroup == "near"
    weights = np.where(is_target, 1.0, np.where(near, 0.8 / 0.2, 0.2 / 0.8))
    once = np.ones(1000)
    scores, new = scored(X, is_target, np.stack([once, weights], axis=1))
    plain, weighed = (
        overlap.calibrated(row, is_target[new], np.zeros(500, int), own[new])
        for row, own in zip(scores, (once, weights), strict=True)
    )
    assert plain.auc > 0.75
    assert 0.42 < weighed.auc < 0.58


def test_a_draw_without_a_side_tells_nothing():
    X, _, _, domain = planted.arrays("translation", 0, n=50)
    is_target = domain == "target"
    weights = np.stack([np.ones(100), is_target], axis=1)
    (first, second), new = scored(X, is_target, weights)
    assert np.isfinite(first).all()
    assert np.isnan(second).all()
    found = overlap.calibrated(second, is_target[new], np.zeros(50, int), np.ones(50))
    assert np.isnan(found.log_odds).all()


def test_what_a_threshold_separates_does_not_overlap():
    is_target = np.arange(20) >= 10
    found = overlap.calibrated(
        np.arange(20.0), is_target, np.zeros(20, int), np.ones(20)
    )
    assert found.auc == 1
    assert np.isnan(found.log_odds).all()


def test_scores_that_point_the_wrong_way_tell_nothing():
    is_target = np.arange(40) >= 20
    scores = np.random.default_rng(0).standard_normal(40) - is_target
    found = overlap.calibrated(scores, is_target, np.zeros(40, int), np.ones(40))
    assert found.slope < 0
    assert (found.log_odds == 0).all()


def test_both_sides_are_turned_into_one():
    """Two normal distributions, of which the weights are known."""
    x = np.linspace(-8, 9, 20_001)
    p, q = np.exp(-(x**2) / 2), np.exp(-((x - 1) ** 2) / 2)
    log_odds = np.log(q / p)
    source = p * overlap.shared_weights(log_odds, np.zeros(len(x), bool))
    target = q * overlap.shared_weights(log_odds, np.ones(len(x), bool))
    assert_allclose(source, target, atol=1e-15)
    assert_allclose(x @ source / source.sum(), 0.5, atol=1e-6)


def test_the_effective_size_of_equal_weights_is_their_number():
    assert overlap.effective_size(np.full(7, 0.3)) == pytest.approx(7)
    assert overlap.effective_size(np.array([1.0, 0, 0, 0])) == 1
    assert overlap.effective_size(np.array([3.0, 1.0])) == pytest.approx(1.6)
    assert overlap.effective_size(np.zeros(3)) == 0
