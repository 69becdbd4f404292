"""Intervals and p-values come from one standard error, and never disagree."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from earshift.errors import ConfigError
from earshift.numerics.estimates import Curve, Estimate, mean_known, ratio
from earshift.statistics import recordings_needed, smallest_detectable


def estimate(value, se, df=1e9):
    return Estimate(value, [(se**2, df)])


@pytest.mark.parametrize("df", [3, 20, 1e9])
def test_an_interval_excludes_zero_where_p_is_below_its_level(df):
    rng = np.random.default_rng(0)
    for value in rng.uniform(-0.05, 0.05, 200):
        low, high = estimate(value, 0.01, df).interval(0.05)
        excludes = low > 0 or high < 0
        assert excludes == (estimate(value, 0.01, df).p_value() < 0.05)


def test_the_parts_of_a_variance_add_up_and_few_draws_cost_width():
    both = Estimate(0.0, [(0.03**2, 100), (0.04**2, 4)])
    assert both.se == pytest.approx(0.05)
    # Satterthwaite: 0.05^4 / (0.03^4 / 100 + 0.04^4 / 4)
    assert both.df == pytest.approx(0.05**4 / (0.03**4 / 100 + 0.04**4 / 4))
    low, high = both.interval(0.05)
    assert high == pytest.approx(stats.t.isf(0.025, both.df) * 0.05)
    assert low == -high


def test_an_interval_of_a_share_stays_within_its_bounds():
    low, high = estimate(0.97, 0.03).interval(0.05, "logit")
    assert 0.8 < low < 0.97 < high < 1
    assert 0.97 - low > high - 0.97
    assert estimate(0.97, 0.03).interval(0.05)[1] > 1
    low, high = estimate(0.02, 0.03).interval(0.05, "log")
    assert 0 < low < 0.02 < high


def test_claims_of_size_are_tests_against_the_edge_of_the_region():
    """By the normal distribution, at 1.645 standard errors one side has 5 %."""
    at_edge = estimate(0.01 + 1.645 * 0.001, 0.001)
    assert at_edge.p_beyond(0.01) == pytest.approx(0.1, abs=1e-3)
    assert at_edge.p_equivalent(0.01) == pytest.approx(0.95, abs=1e-3)
    inside = estimate(0.0, 0.01 / 1.645)
    assert inside.p_equivalent(0.01) == pytest.approx(0.05, abs=1e-3)
    assert inside.p_beyond(0.01) > 0.09
    assert inside.p_value() == 1


def test_what_never_varies_is_either_so_or_not():
    none = Estimate(0.0, [(0.0, 9)])
    assert none.p_value() == 1
    assert none.p_equivalent(0.01) == 0
    assert none.interval(0.05) == (0, 0)
    assert Estimate(0.2, [(0.0, 9)]).p_value() == 0
    unknown = Estimate(np.nan, [(np.nan, 1)])
    assert np.isnan(unknown.p_value())
    assert np.isnan(unknown.interval(0.05)).all()


def curve(seed, shift=0.0):
    rng = np.random.default_rng(seed)
    return Curve(
        shift + 0.02 * rng.standard_normal((3, 501)),
        shift + 0.01 * rng.standard_normal((3, 5)),
        np.repeat(0.03 * rng.standard_normal((3, 10)), 2, axis=1)
        + 0.01 * rng.standard_normal((3, 20)),
        50,
    )


def test_the_mean_of_classes_has_the_variances_of_its_means():
    own = curve(0, 0.8)
    found = own.mean()
    assert found.value == pytest.approx(own.drawn[:, 0].mean())
    first, second = own.refits.mean(axis=0).reshape(10, 2).T
    expected = [
        own.drawn[:, 1:].mean(axis=0).var(ddof=1),
        ((first + second) / 2).var(ddof=1) - np.mean((first - second) ** 2) / 4,
        own.repeats.mean(axis=0).var(ddof=1) / 5,
    ]
    assert_allclose([variance for variance, _ in found.variances], expected)
    assert [df for _, df in found.variances] == [49, 9, 4]
    # With one repeat, each refit is a draw.
    once = Curve(own.drawn, own.repeats[:, :1], own.refits, 50).mean().variances
    assert_allclose(once[1], (own.refits.mean(axis=0).var(ddof=1), 19))
    assert len(once) == 2


def test_what_two_repeats_of_a_draw_have_in_common_is_due_to_the_draw():
    rng = np.random.default_rng(3)
    of_draw, of_repeat, errors = 0.03, 0.05, []
    for _ in range(400):
        shared = of_draw * np.repeat(rng.standard_normal(10), 2)
        refits = (shared + of_repeat * rng.standard_normal(20))[None]
        own = Curve(np.zeros((1, 3)), np.zeros((1, 5)), refits, 50)
        errors.append(own.mean().variances[1][0])
    # Never below 0, so a little above the truth on average.
    assert min(errors) == 0
    assert np.mean(errors) == pytest.approx(of_draw**2, rel=0.2)
    alone = Curve(np.zeros((1, 3)), np.zeros((1, 1)), refits, 50).mean().variances[1]
    assert alone[0] == pytest.approx(of_draw**2 + of_repeat**2, rel=0.6)


def test_refits_that_are_too_few_or_unknown_have_no_part():
    own = curve(0, 0.8)
    for refits in (own.refits[:, :2], np.full((3, 20), np.nan)):
        parts = Curve(own.drawn, own.repeats, refits, 50).mean()
        assert np.isnan(parts.variances[1][0])
        alone = Curve(own.drawn, own.repeats, refits[:, :0], 50).mean()
        assert (parts.se, parts.df) == (alone.se, alone.df)


def test_differences_are_paired():
    own = curve(0, 0.8)
    assert (own - own).mean().se == 0
    shifted = Curve(own.drawn - 0.1, own.repeats - 0.1, own.refits, 50)
    change = (own - shifted).mean()
    assert change.value == pytest.approx(0.1)
    assert change.se == pytest.approx(0, abs=1e-12)
    # Of independent ones, variances add up.
    apart = (curve(0) - curve(1)).mean().se
    assert apart == pytest.approx(np.sqrt(2) * curve(0).mean().se, rel=0.3)


def test_a_ratio_is_zero_where_its_part_is_and_unknown_where_its_whole_may_be():
    whole = curve(1, 0.15)
    assert whole.mean().interval(0.05)[0] > 0
    for shift in np.linspace(-0.15, 0.15, 13):
        part = curve(0, shift)
        value, low, high = ratio(part, whole, 0.05)
        assert value == pytest.approx(part.mean().value / whole.mean().value)
        assert low < value < high
        # At its ends, the difference that is tested has a p-value of alpha.
        for end in (low, high):
            p_value = (part - whole.times(end)).mean().p_value()
            assert p_value == pytest.approx(0.05, abs=1e-4)
        assert (low > 0 or high < 0) == (part.mean().p_value() < 0.05)
    low, high = curve(1, 0.01).mean().interval(0.05)
    assert low < 0 < high
    assert np.isnan(ratio(part, curve(1, 0.01), 0.05)).all()


def test_a_ratio_to_what_varies_with_it_is_sharp():
    whole = curve(1, 0.15)
    assert_allclose(ratio(whole.times(0.5), whole, 0.05), 0.5)
    assert_allclose(ratio(whole.times(0), whole, 0.05), 0, atol=1e-12)
    # The class that one of them lacks counts in neither.
    part = curve(0, 0.05)
    part.drawn[2] = part.repeats[2] = part.refits[2] = np.nan
    value, low, high = ratio(part, whole, 0.05)
    first = part.drawn[:2, 0].mean() / whole.drawn[:2, 0].mean()
    assert value == pytest.approx(first)
    assert low < value < high


def test_intervals_of_a_ratio_hold_the_true_one_as_often_as_they_say():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(300):
        part, whole = (
            Curve(
                centre + 0.02 * np.r_[rng.standard_normal(), resampled][None],
                np.zeros((1, 1)),
                np.empty((1, 0)),
                10_000,
            )
            for centre, resampled in zip(
                (0.03, 0.1), rng.standard_normal((2, 400)), strict=True
            )
        )
        _, low, high = ratio(part, whole, 0.1)
        held += low <= 0.3 <= high
    # Of the wholes, nearly all are told from 0.
    assert held / 300 == pytest.approx(0.9, abs=0.04)


def test_what_was_not_drawn_is_no_part_of_the_error():
    own = curve(0)
    alone = Curve(own.drawn, own.repeats[:, :1], np.empty((3, 0)), 50)
    assert len(alone.mean().variances) == 1
    assert alone.averaged().mean().se == pytest.approx(alone.mean().se)


def test_unknown_values_are_left_out_of_a_mean():
    values = np.array([[1.0, np.nan, np.nan], [3.0, 5.0, np.nan]])
    assert_allclose(mean_known(values), [2, 5, np.nan])
    weights = np.array([[3.0, 1, 1], [1, 1, 1]])
    assert_allclose(mean_known(values, weights), [1.5, 5, np.nan])


def test_a_change_of_the_smallest_detectable_size_is_found_four_times_in_five():
    rng = np.random.default_rng(0)
    size = smallest_detectable(0.01)
    assert size == pytest.approx(0.028, abs=1e-4)
    estimates = size + 0.01 * rng.standard_normal(4000)
    assert np.mean(np.abs(estimates) > 1.96 * 0.01) == pytest.approx(0.8, abs=0.02)


def test_recordings_needed_make_that_size_the_smallest_detectable_one():
    n = recordings_needed(0.01, 140, 0.02)
    se = 0.01 * np.sqrt(140 / n)
    assert smallest_detectable(se) == pytest.approx(0.02, rel=0.01)
    n = recordings_needed(0.01, 140, 0.02, df=6)
    se = 0.01 * np.sqrt(140 / n)
    assert smallest_detectable(se, df=6) == pytest.approx(0.02, rel=0.01)
    for wrong in ({"se": 0.0}, {"change": -0.1}, {"alpha": 1.0}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            recordings_needed(**{"se": 0.01, "n_recordings": 9, "change": 0.1} | wrong)


def test_a_share_is_what_its_two_parts_agree_with():
    part, whole = curve(0, 0.3), curve(1, 0.4)
    value, low, high = ratio(part, whole, 0.1)
    assert value == pytest.approx(part.mean().value / whole.mean().value)
    assert low < value < high
    # At either end, what is left of the part just holds 0.
    for end, at in ((low, 0), (high, 1)):
        left = (part - whole.times(end)).mean().interval(0.1)
        assert left[at] == pytest.approx(0, abs=1e-6)


def test_a_share_of_what_is_well_known_is_as_sure_as_the_part():
    part, sure = curve(0, 0.3), curve(1).times(0)
    whole = Curve(sure.drawn + 0.5, sure.repeats + 0.5, sure.refits, 50)
    _, *ends = ratio(part, whole, 0.05)
    assert_allclose(ends, np.array(part.mean().interval(0.05)) / 0.5, rtol=1e-6)
    assert ratio(whole, whole, 0.05) == (1, 1, 1)


def test_there_is_no_share_of_what_may_be_nothing():
    nothing = curve(1)
    low, high = nothing.mean().interval(0.05)
    assert low < 0 < high
    assert np.isnan(ratio(curve(0, 0.3), nothing, 0.05)).all()
    assert np.isnan(ratio(nothing.times(np.nan), curve(0, 0.4), 0.05)[0])


def test_a_share_is_of_the_classes_that_both_know():
    part, whole = curve(0, 0.3), curve(1, 0.4)
    gap = np.array([[0.0], [np.nan], [0.0]])
    fewer = Curve(part.drawn + gap, part.repeats + gap, part.refits + gap, 50)
    rows = [0, 2]
    own, other = (
        Curve(c.drawn[rows], c.repeats[rows], c.refits[rows], 50) for c in (part, whole)
    )
    assert_allclose(ratio(fewer, whole, 0.05), ratio(own, other, 0.05))
