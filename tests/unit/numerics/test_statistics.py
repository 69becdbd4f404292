import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import roc_auc_score

from earshift.numerics import auc, inference


@pytest.fixture
def scored():
    rng = np.random.default_rng(0)
    present = rng.random(300) < 0.3
    scores = np.round(present + rng.standard_normal(300), 1)  # rounded: many ties
    return scores, present


def test_one_fold_is_the_usual_auc_ties_included(scored):
    scores, present = scored
    folds = np.zeros(300, int)
    expected = roc_auc_score(present, scores)
    assert auc.fold_auc(scores, present, folds) == pytest.approx(expected)


def test_weights_are_repetitions(scored):
    scores, present = scored
    counts = np.random.default_rng(1).integers(0, 4, 300)
    weighted = auc.resampled_auc(
        scores, present, np.zeros(300, int), counts[:, None].astype(np.float32)
    )
    expected = roc_auc_score(np.repeat(present, counts), np.repeat(scores, counts))
    assert weighted[0] == pytest.approx(expected)


def test_scores_of_two_folds_are_never_compared(scored):
    scores, present = scored
    folds = np.arange(300) % 2
    before = auc.fold_auc(scores, present, folds)
    shifted = scores + 100 * folds
    assert auc.fold_auc(shifted, present, folds) == pytest.approx(before)
    one_fold = np.zeros(300, int)
    assert auc.fold_auc(shifted, present, one_fold) < before - 0.1


def test_an_auc_without_both_kinds_is_unknown():
    scores, all_present = np.arange(3.0), np.ones(3, bool)
    assert np.isnan(auc.fold_auc(scores, all_present, np.zeros(3, int)))


def test_clips_of_a_recording_are_drawn_together():
    recordings = np.array(["x", "x", "y", "z", "z", "z"])
    weights = inference.bootstrap_weights(recordings, 50, np.random.default_rng(0))
    assert_allclose(weights[:, 0], 1)
    assert_allclose(weights[0], weights[1])
    assert_allclose(weights[3], weights[5])
    assert_allclose(weights[0] + weights[2] + weights[3], 3)


def test_strata_keep_their_size_in_every_resample():
    recordings = np.array([*"aabcdefg"])
    strata = dict.fromkeys("abc", "x") | dict.fromkeys("defg", "y")
    rng = np.random.default_rng(0)
    weights = inference.bootstrap_weights(recordings, 200, rng, strata)
    # Of three recordings two are drawn, each of which counts 3/2 times.
    assert_allclose(weights[[0, 2, 3]].sum(axis=0), 3, rtol=1e-6)
    assert_allclose(weights[4:].sum(axis=0), 4, rtol=1e-6)
    assert weights[0].std() > 0.5  # within a stratum they are drawn


def test_a_recording_is_in_the_stratum_of_its_rarest_class():
    rows = [("r1", "cello"), ("r1", "voice"), ("r2", "cello"), ("r3", "voice")]
    rows += [("r4", "voice"), ("r5", ""), ("r5", "flute"), ("r6", ""), ("r3", "voice")]
    recordings, classes = np.array(rows).T
    # The only flute would never vary: it is drawn with those that have no class.
    expected = {"r1": "cello", "r2": "cello", "r3": "voice", "r4": "voice"}
    found = inference.strata_of(recordings, classes)
    assert found == expected | {"r5": "", "r6": ""}


def test_no_stratified_resample_lacks_clips_with_or_without_a_rare_class():
    recordings = np.arange(40).astype(str)
    classes = np.array(["rare"] * 2 + ["often"] * 10 + [""] * 28)
    rng = np.random.default_rng(0)
    rare = classes == "rare"
    loose = inference.bootstrap_weights(recordings, 500, rng)
    assert (loose[rare].sum(axis=0) == 0).any()
    strata = inference.strata_of(recordings, classes)
    held = inference.bootstrap_weights(recordings, 500, rng, strata)
    assert_allclose(held[rare].sum(axis=0), 2, rtol=1e-6)
    assert_allclose(held[~rare].sum(axis=0), 38, rtol=1e-6)


def test_draws_of_one_less_have_the_variance_of_the_mean_without_bias():
    """Of five values, n of n would have 4/5 of it."""
    rng = np.random.default_rng(0)
    values = np.array([0.0, 1.0, 2.0, 5.0, 7.0])
    recordings = np.arange(5).astype(str)
    weights = inference.bootstrap_weights(recordings, 40_000, rng)
    means = (values @ weights / 5)[1:]
    assert means.var() == pytest.approx(values.var(ddof=1) / 5, rel=0.03)
    counts, scale = inference.redrawn(recordings, 10, rng)
    assert (counts.sum(axis=0) == 4).all()
    assert_allclose(scale, 5 / 4)


def test_a_single_recording_of_a_stratum_is_always_there_once():
    counts, scale = inference.redrawn(
        np.array(["a", "b", "b"]), 50, np.random.default_rng(0), {"a": "x", "b": "y"}
    )
    assert (counts == 1).all()
    assert_allclose(scale, 1)


def test_the_interval_of_a_mean_has_its_known_width():
    rng = np.random.default_rng(0)
    values = rng.standard_normal(400)
    recordings = np.arange(400).astype(str)
    weights = inference.bootstrap_weights(recordings, 4000, rng)
    means = values @ weights / 400
    low, high = inference.interval(means[1:], 0.95)
    # Twice 1.96 standard errors; 4000 resamples leave a few per cent of error.
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)


def test_intervals_of_recordings_are_wider_than_of_clips():
    """Ten clips a recording that all agree carry the information of one."""
    rng = np.random.default_rng(0)
    values = np.repeat(rng.standard_normal(40), 10)
    grouped = np.repeat(np.arange(40), 10).astype(str)
    single = np.arange(400).astype(str)
    width = {}
    for name, recordings in (("grouped", grouped), ("single", single)):
        weights = inference.bootstrap_weights(recordings, 2000, rng)
        low, high = inference.interval((values @ weights / 400)[1:], 0.95)
        width[name] = high - low
    assert width["grouped"] > 2 * width["single"]


@pytest.mark.parametrize(
    ("changes", "low", "high"),
    [
        (np.linspace(-1, 1, 999), 0.9, 1.0),
        (np.linspace(0.1, 1, 999), 0.0, 0.003),
        (np.zeros(999), 1.0, 1.0),
    ],
)
def test_p_values_are_large_about_zero_and_never_zero(changes, low, high):
    p = inference.p_value(changes)
    assert low <= p <= high
    assert p > 0


def test_holm_multiplies_the_smallest_by_the_number_of_tests():
    found = inference.holm(np.array([0.01, np.nan, 0.04, 0.03]))
    assert_allclose(found, [0.03, np.nan, 0.06, 0.06])


def test_hypotheses_that_exclude_each_other_count_once():
    p = np.array([0.01, 0.9, 0.02, 0.8])
    assert_allclose(inference.holm(p)[[0, 2]], [0.04, 0.06])
    # Of two comparisons with two claims each, two can be true.
    assert_allclose(inference.holm(p, most_true=2)[[0, 2]], [0.02, 0.04])


@pytest.mark.parametrize(
    ("gain", "changed", "equivalent", "beyond", "word"),
    [
        (0.03, 0.01, 0.9, 0.01, "worth it"),
        (-0.03, 0.01, 0.9, 0.01, "harmful"),
        (0.03, 0.01, 0.9, 0.2, "gain of unsure worth"),
        (-0.03, 0.01, 0.9, 0.2, "loss of unsure worth"),
        (-0.001, 0.2, 0.01, 1.0, "practically equivalent"),
        (0.005, 0.01, 0.01, 1.0, "practically equivalent"),  # detected, but too small
        (0.02, 0.2, 0.5, 1.0, "no detectable effect"),
        (0.03, 0.05, 0.9, 0.05, "no detectable effect"),
    ],
)
def test_the_verdict_follows_the_corrected_p_values(
    gain, changed, equivalent, beyond, word
):
    assert inference.verdict(gain, changed, equivalent, beyond, 0.05) == word


def test_the_paired_t_is_that_of_the_textbook():
    changes = np.array([1.0, 2.0, 4.0, np.nan, 5.0])
    t, p = inference.paired_t(changes)
    # mean 3, standard deviation sqrt(10 / 3), standard error sqrt(10 / 12)
    assert t == pytest.approx(3 / np.sqrt(10 / 12))
    # The distribution of t with 3 degrees of freedom has a closed form.
    angle = np.arctan(t / np.sqrt(3))
    expected = 1 - 2 / np.pi * (angle + np.sin(angle) * np.cos(angle))
    assert p == pytest.approx(expected)
    assert np.isnan(inference.paired_t(np.array([1.0, 1.0]))).all()
    assert np.isnan(inference.paired_t(np.array([1.0]))).all()
    assert inference.paired_t(np.zeros(4)) == (0.0, 1.0)
