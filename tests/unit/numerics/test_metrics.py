"""All metrics against scikit-learn, and what each claims of itself."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    log_loss,
    roc_auc_score,
)

from earshift.errors import ConfigError
from earshift.numerics import auc
from earshift.numerics.metrics import METRICS, all_resampled, metric

NAMES = [one.name for one in METRICS]

#: Metrics whose resamples are found from the sample's solution by a step.
STEPPED = ("calibration_intercept", "calibration_slope")


def table(seed, n=120, n_folds=3):
    """Scores, truth, folds and thresholds; every other table has many ties."""
    rng = np.random.default_rng(seed)
    present = rng.random(n) < rng.uniform(0.1, 0.6)
    scores = present + rng.uniform(0.3, 2) * rng.standard_normal(n) + rng.normal()
    if seed % 2:
        scores = np.round(scores, 1)
    return scores, present, rng.integers(0, n_folds, n), rng.normal(0, 0.5, n)


def sample(*clips, names=None):
    """All metrics of the clips themselves."""
    once = np.ones((len(clips[0]), 1), np.float32)
    found = all_resampled(*clips, once, names)
    return {name: float(values[0]) for name, values in found.items()}


def balanced(present):
    return np.where(present, 1 / present.sum(), 1 / (~present).sum())


def per_fold(metric_of_fold, scores, present, folds, weight):
    """Mean over the folds that `weight` gives a weight."""
    own = [folds == fold for fold in np.unique(folds)]
    weights = [weight(present[one]) for one in own]
    values = [
        metric_of_fold(present[one], scores[one]) if w else 0.0
        for one, w in zip(own, weights, strict=True)
    ]
    return np.average(values, weights=weights)


def expected(scores, present, folds, threshold):
    """All metrics but the calibration by scikit-learn."""
    p, weight = 1 / (1 + np.exp(-scores)), balanced(present)

    def balanced_precision(y, score):
        return average_precision_score(y, score, sample_weight=balanced(y))

    bins = np.minimum((10 * p).astype(int), 9)
    off = [weight[bins == b] @ (present - p)[bins == b] for b in range(10)]
    return {
        "roc_auc": per_fold(
            roc_auc_score, scores, present, folds, lambda y: y.sum() * (~y).sum()
        ),
        "average_precision": per_fold(
            average_precision_score, scores, present, folds, np.sum
        ),
        "average_precision_balanced": per_fold(
            balanced_precision, scores, present, folds, lambda y: y.sum() * (~y).any()
        ),
        "balanced_accuracy": balanced_accuracy_score(present, scores > 0),
        "balanced_accuracy_chosen": balanced_accuracy_score(
            present, scores > threshold
        ),
        "brier": brier_score_loss(present, p, sample_weight=weight),
        "log_loss": log_loss(present, p, sample_weight=weight),
        "expected_calibration_error": np.abs(off).sum() / weight.sum(),
    }


@pytest.mark.parametrize("n", [25, 120])
def test_values_are_those_of_scikit_learn(n):
    for seed in range(100):
        clips = table(seed, n)
        found = sample(*clips)
        for name, value in expected(*clips).items():
            assert found[name] == pytest.approx(value, abs=1e-6), (name, seed)


def test_values_of_doubles_are_those_of_scikit_learn_to_the_last_digits():
    clips = table(3, 300)
    found = all_resampled(*clips, np.ones((300, 1)))
    for name, value in expected(*clips).items():
        assert_allclose(found[name], value, rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_metrics_of_ranks_are_those_of_the_module_auc(dtype):
    scores, present, folds, threshold = table(1)
    scores[:3] = np.nan
    weights = np.random.default_rng(0).integers(0, 4, (120, 50)).astype(dtype)
    weights[:, 0] = 1
    found = all_resampled(scores, present, folds, threshold, weights)
    reference = auc.resampled_auc(scores, present, folds, weights)
    assert_allclose(found["roc_auc"], reference, rtol=1e-14)
    known = [part[3:] for part in (scores, present, folds)]
    precision = auc.fold_average_precision(*known)
    assert found["average_precision"][0] == pytest.approx(precision, rel=1e-6)


def test_calibration_is_that_of_a_logistic_regression():
    compared = 0
    for seed in range(60):
        clips = scores, present, _, _ = table(seed)
        found = sample(*clips, names=STEPPED)
        fitted = LogisticRegression(
            C=1e9, class_weight="balanced", tol=1e-10, solver="newton-cholesky"
        ).fit(scores[:, None], present)
        slope = found["calibration_slope"]
        assert slope == pytest.approx(fitted.coef_[0, 0], rel=1e-5)
        # With a slope of 1, the mean probability is the share of clips present.
        p = 1 / (1 + np.exp(-scores - found["calibration_intercept"]))
        assert np.average(p, weights=balanced(present)) == pytest.approx(0.5, abs=1e-9)
        compared += not math.isclose(slope, 1, abs_tol=0.1)
    assert compared > 30  # the tables are not well calibrated by themselves


def test_known_offset_and_scale_are_found():
    scores = np.linspace(-3, 3, 41)
    p = 1 / (1 + np.exp(-scores))
    # Each score once present and once absent, as often as the odds say: calibrated.
    clips = np.tile(scores, 2), np.repeat([True, False], 41)
    weights = np.concatenate([p, 1 - p])[:, None]
    nowhere = np.zeros(82, int), np.zeros(82)
    for shift, scale in ((0, 1), (2, 1), (0, 3), (-1, 0.5)):
        moved = shift + scale * clips[0]
        found = all_resampled(moved, clips[1], *nowhere, weights, STEPPED)
        assert_allclose(found["calibration_slope"], 1 / scale, rtol=1e-9)
        assert_allclose(found["calibration_intercept"], -shift, atol=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_weights_of_the_sample_are_repetitions(seed):
    clips = table(seed)
    counts = np.random.default_rng(99 + seed).integers(0, 4, 120)
    found = all_resampled(*clips, counts[:, None].astype(np.float32))
    repeated = sample(*(np.repeat(part, counts) for part in clips))
    assert list(found) == NAMES
    for name in NAMES:
        assert found[name][0] == pytest.approx(repeated[name], abs=1e-6), name


def test_weights_of_resamples_are_repetitions():
    rng = np.random.default_rng(99)
    clips = table(0, 400)
    counts = rng.multinomial(400, np.full(400, 1 / 400), 60).T
    weights = np.hstack([np.ones((400, 1)), counts]).astype(np.float32)
    found = all_resampled(*clips, weights)
    repeated = [sample(*(np.repeat(part, k) for part in clips)) for k in counts.T]
    for name in NAMES:
        exact = np.array([one[name] for one in repeated])
        # A step from the sample's solution is off by a power of the distance to it: at
        # most a tenth of the standard error among 60, and far less for most.
        spread = exact.std() if name in STEPPED else 0.0
        off = np.abs(found[name][1:] - exact)
        assert off.max() < 1e-6 + spread / 10, name
        assert np.median(off) < 1e-6 + spread / 100, name


def test_one_metric_alone_is_the_same():
    clips = table(5)
    weights = np.random.default_rng(0).poisson(1, (120, 30)).astype(np.float64)
    found = all_resampled(*clips, weights)
    assert list(found) == NAMES
    for one in METRICS:
        assert one is metric(one.name)
        assert_allclose(one.resampled(*clips, weights), found[one.name], rtol=1e-9)
    assert list(all_resampled(*clips, weights, ["brier", "roc_auc"])) == [
        "brier",
        "roc_auc",
    ]


@pytest.mark.parametrize("k", [2, 7])
def test_which_metrics_depend_on_prevalence(k):
    clips = table(4)
    times = np.where(clips[1], k, 1)
    before, after = sample(*clips), sample(*(np.repeat(one, times) for one in clips))
    for one in METRICS:
        same = after[one.name] == pytest.approx(before[one.name], abs=1e-6)
        assert same != one.depends_on_prevalence, one.name


def test_which_metrics_see_offsets():
    scores, *others = table(4)
    before, after = sample(scores, *others), sample(scores + 1.5, *others)
    for one in METRICS:
        same = after[one.name] == pytest.approx(before[one.name], abs=1e-6)
        assert same != one.sees_offsets, one.name


def test_values_at_chance_are_those_of_equal_scores():
    _, *others = table(4)
    found = sample(np.zeros(120), *others[:2], np.zeros(120))
    for one in METRICS:
        if one.depends_on_prevalence:
            assert found[one.name] == pytest.approx(others[0].mean(), abs=0.05)
            assert math.isnan(one.chance)
        else:
            approx = pytest.approx(one.chance, abs=1e-6, nan_ok=True)
            assert found[one.name] == approx, one.name


def test_ideal_values_are_those_of_the_best_scores():
    present = np.arange(40) % 4 == 0
    clips = present, np.arange(40) % 2, np.zeros(40)
    found = sample(np.where(present, 40.0, -40.0), *clips)
    assert math.isnan(found.pop("calibration_slope"))  # separated: without bound
    for name, value in found.items():
        assert value == pytest.approx(metric(name).ideal, abs=1e-6), name


def test_values_lie_on_the_scale_of_their_link():
    weights = np.random.default_rng(0).poisson(1, (120, 30)).astype(np.float32)
    weights[:, 0] = 1
    for seed in range(20):
        for name, values in all_resampled(*table(seed), weights).items():
            link = metric(name).link
            assert not (link != "identity" and np.nanmin(values) < 0), name
            assert not (link == "logit" and np.nanmax(values) > 1), name


@pytest.mark.parametrize("lacking", [True, False])
def test_a_resample_that_lacks_a_kind_of_clip_has_no_value(lacking):
    clips = table(4)
    weights = np.ones((120, 3), np.float32)
    weights[clips[1] == lacking, 1] = 0
    found = all_resampled(*clips, weights)
    if not lacking:
        # Whatever is called present then is.
        own = sample(*clips)["average_precision"]
        assert_allclose(found.pop("average_precision"), [own, 1, own], rtol=1e-6)
    for name, values in found.items():
        assert_array_equal(np.isnan(values), [False, True, False], err_msg=name)
    weights[clips[1] == lacking] = 0
    for name, values in all_resampled(*clips, weights, list(found)).items():
        assert np.isnan(values).all(), name


def test_no_clips_at_all_have_no_value():
    nothing = np.zeros(0)
    clips = nothing, nothing.astype(bool), nothing.astype(int), nothing
    found = all_resampled(*clips, np.ones((0, 4), np.float32))
    assert list(found) == NAMES
    for name, values in found.items():
        assert_array_equal(values, np.full(4, np.nan), err_msg=name)


def test_a_fold_without_one_kind_counts_where_precision_has_a_meaning():
    scores = np.array([3.0, 2.0, 1.0, 0.0, 5.0, 4.0])
    present = np.array([False, True, True, False, True, True])
    folds = np.array([0, 0, 0, 0, 1, 1])
    found = sample(scores, present, folds, np.zeros(6))
    # Of the first fold: precisions 1/2 and 2/3, or 1/2 and 2/3 with equal weights.
    assert found["average_precision"] == pytest.approx((1 / 2 + 2 / 3 + 2) / 4)
    assert found["average_precision_balanced"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert found["roc_auc"] == pytest.approx(1 / 2)
    apart = sample(scores[1:5:3], present[1:5:3], folds[1:5:3], np.zeros(2))
    assert apart["average_precision"] == 1
    alone = sample(scores, present, present.astype(int), np.zeros(6))
    assert math.isnan(alone["roc_auc"])
    assert math.isnan(alone["average_precision_balanced"])
    assert alone["average_precision"] == 1


def test_a_slope_without_bound_is_unknown():
    scores = np.array([-2.0, -1.0, 0.0, 1.0, 2.0, 3.0])
    present = np.array([False, False, True, False, True, True])
    clips = scores, present, np.zeros(6, int), np.zeros(6)
    weights = np.ones((6, 5))
    weights[2, 1] = 0  # the only clip present below one absent
    weights[3, 2] = 0
    weights[0, 3] = 0
    found = all_resampled(*clips, weights)
    unknown = [False, True, True, False, False]
    assert_array_equal(np.isnan(found["calibration_slope"]), unknown)
    assert np.isfinite(found["calibration_intercept"]).all()
    tied = np.where(present, np.maximum(scores, 1), scores)
    for separated in (tied, -tied, np.where(present, 9, scores), np.ones(6)):
        found = all_resampled(separated, *clips[1:], np.ones((6, 2)))
        assert np.isnan(found["calibration_slope"]).all()
        assert np.isfinite(found["calibration_intercept"]).all()


def test_resamples_are_separated_where_they_say_so():
    rng = np.random.default_rng(99)
    present, *others = np.arange(60) % 3 == 0, np.zeros(60, int), np.zeros(60)
    scores = 3 * present + rng.standard_normal(60)  # hardly overlapping
    weights = rng.poisson(0.5, (60, 300)).astype(np.float32)
    weights[:, 0] = 1
    found = all_resampled(scores, present, *others, weights)["calibration_slope"]
    overlap = []
    for drawn in weights.T > 0:
        has, lacks = scores[drawn & present], scores[drawn & ~present]
        overlap.append(len(has) and lacks.min() < has.max() and has.min() < lacks.max())
    assert 30 < np.sum(overlap) < 270
    assert_array_equal(np.isfinite(found), np.array(overlap, bool))


def test_extreme_scores_have_finite_values():
    _, *others = table(4)
    for size in (1.0, 30.0, 1e3):
        scores = size * np.random.default_rng(1).standard_normal(120)
        weights = np.random.default_rng(2).poisson(1, (120, 100)).astype(np.float32)
        weights[:, 0] = 1
        for name, values in all_resampled(scores, *others, weights).items():
            assert np.isfinite(values).all(), (name, size)
            assert np.abs(values).max() < 10 * size, (name, size)


def test_without_a_threshold_its_metric_alone_is_unknown():
    scores, present, folds, threshold = table(4)
    threshold[5] = np.nan
    unknown = {
        k for k, v in sample(scores, present, folds, threshold).items() if v != v
    }
    assert unknown == {"balanced_accuracy_chosen"}
    scores[5] = np.nan  # left out, with its threshold
    found = sample(scores, present, folds, threshold)
    assert not np.isnan(list(found.values())).any()


def test_a_wrong_name_says_which_there_are():
    with pytest.raises(ConfigError, match=r"'bryer' \(known: .*Did you mean 'brier'"):
        metric("bryer")
    with pytest.raises(ConfigError, match="'f1'"):
        sample(*table(0), names=["f1"])


def test_names_and_words_of_the_table():
    assert len(set(NAMES)) == len({one.label for one in METRICS}) == 10
    assert {one.better for one in METRICS} == {"higher", "lower", "target"}
    assert {one.link for one in METRICS} == {"logit", "log", "identity"}
    assert {one.ideal for one in METRICS if one.better == "lower"} == {0.0}
    assert {one.ideal for one in METRICS if one.better == "higher"} == {1.0}
