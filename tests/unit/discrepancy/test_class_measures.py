"""Measures by class, and of domain directions: plain formulas and planted truth."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.spatial.distance import cdist
from sklearn.covariance import ledoit_wolf
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import average_precision_score
from sklearn.preprocessing import StandardScaler

from earshift import debias, registry
from earshift.discrepancy import resample
from earshift.discrepancy._domain_classifier import draw_folds
from earshift.discrepancy._resampling import drawing
from earshift.errors import DataError

WITH_LABELS = (
    *("bras", "cilisi", "class_domain_overlap"),
    "same_class_average_precision",
)
each_with_labels = pytest.mark.parametrize("name", WITH_LABELS)


def measured(name, X, y=(None, None), recordings=None, seed=0):
    """The result of two sets of clips, each a recording unless these are given."""
    if recordings is None:
        recordings = [np.arange(len(each)).astype(str) for each in X]
    return registry.load("discrepancy", name).measure(
        *X,
        recordings_a=recordings[0],
        recordings_b=recordings[1],
        y_a=y[0],
        y_b=y[1],
        rng=np.random.default_rng(seed),
    )


def p_value(name, result):
    sign = 1 if registry.load("discrepancy", name).better == "lower" else -1
    as_far = np.sum(sign * result.null >= sign * result.value)
    return (as_far + 1) / (len(result.null) + 1)


def one_hot(classes, n=3):
    return np.eye(n, dtype=np.int8)[classes]


def collections(n=90, d=6, shift=0.0, shares=(1, 1, 1), seed=0):
    """Two sets of clips of three classes, each along its own feature."""
    rng = np.random.default_rng(seed)
    given = np.repeat(np.arange(3), n // 3)
    other = np.repeat(np.arange(3), n * np.array(shares) // sum(shares))
    sets, labels = [], []
    for classes, moved in ((given, 0.0), (other, shift)):
        X = rng.standard_normal((len(classes), d)) + moved
        X[np.arange(len(X)), classes] += 4
        sets.append(X)
        labels.append(one_hot(classes))
    return sets, labels


def small():
    """Few clips in recordings of two, of one class, of both, of none, and unknown."""
    rng = np.random.default_rng(3)
    X = [rng.standard_normal((n, 3)) + t for n, t in ((20, 0.0), (16, 0.5))]
    y = [rng.choice(np.array([1, 1, 0, -1], np.int8), (len(x), 2)) for x in X]
    own = [np.repeat(np.arange(len(x) // 2), 2).astype(str) for x in X]
    member = np.concatenate([own[0], np.char.add("b", own[1])])
    return X, y, own, np.concatenate(X), np.concatenate(y), member


# Against plain formulas, in the value and in every draw.


def bras(X, y, a, b, member):
    D, classes = cdist(X, X), []
    for has in (y == 1).T:
        scores = []
        for own, other in ((a, b), (b, a)):
            for i in own[has[own]]:
                mates = [j for j in own[has[own]] if member[j] != member[i]]
                others = other[has[other]]
                if mates and len(others):
                    within, between = D[i, mates].mean(), D[i, others].mean()
                    s = (between - within) / max(between, within)
                    scores.append(1 - abs(s))
        classes.append(np.mean(scores))
    return np.mean(classes)


def precision_across(X, y, a, b, member):
    side = np.full(len(X), "-")
    side[a], side[b] = "a", "b"
    positive, scores = [], []
    for i, j in zip(*np.triu_indices(len(X), 1), strict=True):
        if "-" in (side[i], side[j]) or member[i] == member[j]:
            continue
        share = any((y[i] == 1) & (y[j] == 1))
        may = any((y[i] == 1) & (y[j] == -1)) or any((y[i] == -1) & (y[j] == 1))
        if (share and side[i] == side[j]) or (not share and may):
            continue
        if share or (any(y[i] == 1) and any(y[j] == 1)):
            positive.append(share)
            scores.append(-np.linalg.norm(X[i] - X[j]))
    return average_precision_score(positive, scores)


@pytest.mark.parametrize(
    ("name", "formula"),
    [("bras", bras), ("same_class_average_precision", precision_across)],
)
def test_the_value_and_all_draws_are_those_of_the_plain_formula(name, formula):
    sets, labels, own, X, y, member = small()
    with drawing(12):
        found = measured(name, sets, labels, own)
    rng = np.random.default_rng(0)
    if name != "bras":
        n = len(X) * (len(X) - 1) // 2
        rng.choice(n, n, replace=False, shuffle=False)  # which pairs: here all
    plain = resample(lambda a, b: formula(X, y, a, b, member), *own, rng, n_draws=12)
    assert found.value == pytest.approx(plain.value, rel=1e-9)
    np.testing.assert_allclose(found.null, plain.null, rtol=1e-9)
    np.testing.assert_allclose(found.resampled, plain.resampled, rtol=1e-9)


def test_neighbourhoods_have_their_perplexity_and_their_effective_datasets():
    """With 120 clips, a neighbourhood is of 90 of them, and its perplexity 30."""
    rng = np.random.default_rng(0)
    sets = [rng.standard_normal((n, 4)) + t for n, t in ((70, 0.0), (50, 1.0))]
    X, of_b = np.concatenate(sets), np.arange(120) >= 70
    found = []
    for i, row in enumerate(cdist(X, X, "sqeuclidean")):
        near = np.setdiff1d(np.argsort(row)[:91], [i])

        def weights(rate, near=near, row=row):
            w = np.exp(-rate * (row[near] - row[near].min()))
            return w / w.sum()

        def surplus(rate, weights=weights):
            w = weights(rate)
            return -np.sum(w * np.log(w)) - np.log(30)

        w = weights(brentq(surplus, 1e-6, 20, xtol=1e-14))
        share = w[of_b[near]].sum()
        found.append(1 / (share**2 + (1 - share) ** 2) - 1)
    one_class = [np.ones((len(x), 1), np.int8) for x in sets]
    result = measured("cilisi", sets, one_class)
    assert result.value == pytest.approx(np.mean(found), abs=1e-6)


def test_regressions_of_all_principal_components_are_one_share():
    sets, _ = collections(shift=0.7, shares=(1, 1, 0))
    X = np.concatenate(sets)
    domain = (np.arange(len(X)) >= len(sets[0]))[:, np.newaxis]
    components = PCA().fit_transform(X)
    shares = [
        LinearRegression().fit(domain, pc).score(domain, pc) for pc in components.T
    ]
    expected = np.average(shares, weights=components.var(axis=0))
    assert measured("pcr", sets).value == pytest.approx(expected)


def test_of_a_translation_the_share_of_variance_is_known():
    (X, _), _ = collections()
    t = np.array([1.0, 2, 0, 0, 0, 0])
    expected = (t @ t / 4) / (X.var(axis=0).sum() + t @ t / 4)
    assert measured("pcr", (X, X + t)).value == pytest.approx(expected)
    assert measured("pcr", (X, X)).value == 0
    ends = np.zeros((5, 2)), np.ones((4, 2))
    assert measured("pcr", ends).value == pytest.approx(1)


def test_the_proxy_a_distance_is_that_of_ridge_regressions_out_of_fold():
    """In the value, and in a null draw."""
    sets, _ = collections(n=60, shift=0.6)
    X, own = np.concatenate(sets), [np.arange(60).astype(str)] * 2
    found = measured("proxy_a_distance", sets)
    rng = np.random.default_rng(0)
    folds = draw_folds(*own, rng)
    draws = []
    resample(lambda a, b: draws.append((a, b)) or 0.0, *own, rng)
    for (_, b), value in zip(draws[:2], (found.value, found.null[0]), strict=True):
        of_b = np.isin(np.arange(len(X)), b)
        wrong = np.empty(len(X))
        for fold in range(5):
            train, test = folds != fold, folds == fold
            scaler = StandardScaler().fit(X[train])
            Z = scaler.transform(X[train])
            w = Ridge(alpha=400).fit(Z, of_b[train]).coef_
            middle = (
                (Z[of_b[train]].mean(axis=0) + Z[~of_b[train]].mean(axis=0)) @ w / 2
            )
            wrong[test] = (scaler.transform(X[test]) @ w > middle) != of_b[test]
        error = (wrong[of_b].mean() + wrong[~of_b].mean()) / 2
        assert value == pytest.approx(2 * (1 - 2 * error))
    assert found.resampled.mean() == pytest.approx(found.value, abs=0.05)


@pytest.mark.parametrize(("n", "d"), [(90, 6), (30, 80)])
def test_the_overlap_is_a_cosine_by_the_inverse_of_the_shrunken_covariance(n, d):
    """Also with more features than clips."""
    X, y = collections(n, d, shift=0.5)
    within = np.concatenate([each - each.mean(axis=0) for each in X])
    scale = within.std(axis=0)
    S = ledoit_wolf(within / scale, assume_centered=True)[0]
    domain = (X[1].mean(axis=0) - X[0].mean(axis=0)) / scale
    cosines = []
    for column in np.concatenate(y).T:
        own = (column - np.mean(column)) @ within / scale
        across, along = np.linalg.solve(S, np.stack([domain, own]).T).T
        cosines.append(abs(domain @ along) / np.sqrt(domain @ across * (own @ along)))
    found = measured("class_domain_overlap", X, y)
    assert found.value == pytest.approx(np.mean(cosines), rel=1e-6)


def test_the_squared_overlap_is_what_leace_takes_of_a_regression():
    """With so many clips that the covariance is hardly shrunk."""
    rng = np.random.default_rng(0)
    n, d = 3000, 6
    y = [one_hot(rng.integers(0, 2, n), 2)[:, :1] for _ in "ab"]
    X = [rng.standard_normal((n, d)) * np.linspace(1, 3, d) for _ in y]
    for x, own in zip(X, y, strict=True):
        x[:, :2] += 2 * own
    X[1][:, 1] += 2
    with drawing(1):
        found = measured("class_domain_overlap", X, y)
    domain = np.repeat(["a", "b"], n)
    eraser = debias.make("leace").fit(np.concatenate(X), domain, source="a")
    erased = np.split(eraser.transform(np.concatenate(X), domain), 2)

    def r2(sets):
        Z, target = (
            np.concatenate([each - each.mean(axis=0) for each in parts])
            for parts in (sets, y)
        )
        return LinearRegression().fit(Z, target).score(Z, target)

    lost = 1 - r2(erased) / r2(X)
    assert found.value**2 == pytest.approx(lost, rel=0.03)
    assert lost > 0.1


# Planted truth.


@pytest.mark.parametrize("name", [*WITH_LABELS, "pcr", "proxy_a_distance"])
def test_two_draws_of_one_collection_are_alike(name):
    """Of recordings of two clips: p-values are evenly spread."""
    rng = np.random.default_rng(1)
    own = [np.repeat(np.arange(16), 2).astype(str)] * 2
    found = []
    for _ in range(24):
        y = [one_hot(np.repeat(rng.integers(0, 2, 16), 2), 2) for _ in "ab"]
        X = [
            np.repeat(rng.standard_normal((16, 20)), 2, axis=0)
            + 0.5 * rng.standard_normal((32, 20))
            + 2 * each[:, :1]
            for each in y
        ]
        with drawing(49):
            found.append(p_value(name, measured(name, X, y, own)))
    # Three standard errors of the mean of 24 even numbers between 0 and 1.
    assert np.mean(found) == pytest.approx(0.5, abs=0.18)


@pytest.mark.parametrize(
    "name",
    ["bras", "cilisi", "pcr", "proxy_a_distance", "same_class_average_precision"],
)
def test_a_translation_is_found_and_a_larger_one_is_further(name):
    values = []
    for shift in (0.0, 1.0, 3.0):
        result = measured(name, *collections(shift=shift))
        values.append(result.value)
        if shift:
            assert p_value(name, result) == 1 / 200
    if registry.load("discrepancy", name).better == "higher":
        values = values[::-1]
    assert values == sorted(values)


def test_distances_within_classes_are_blind_to_how_frequent_these_are():
    """A count of neighbours is not."""
    X, y = collections(n=180, shares=(4, 1, 1), seed=2)
    assert p_value("pcr", measured("pcr", X)) == 1 / 200
    assert p_value("cilisi", measured("cilisi", X, y)) == 1 / 200
    assert p_value("bras", measured("bras", X, y)) > 0.05


@pytest.mark.parametrize("name", ["bras", "cilisi"])
def test_a_shift_of_one_class_is_found(name):
    X, y = collections(seed=4)
    even = measured(name, X, y)
    # Two classes move apart from the other dataset, in opposite ways: means agree.
    X[1][:, 5] += 3 * (y[1][:, 0] - y[1][:, 1])
    moved = measured(name, X, y)
    assert moved.value < even.value - 0.1
    assert p_value(name, moved) == 1 / 200
    assert p_value("pcr", measured("pcr", X)) > 0.05


def test_domains_along_a_class_overlap_with_it_and_others_do_not():
    rng = np.random.default_rng(0)
    name = "class_domain_overlap"
    y = [one_hot(rng.integers(0, 2, 200), 2)[:, :1] for _ in "ab"]
    X = [rng.standard_normal((200, 6)) + 3 * each * np.eye(6)[0] for each in y]
    along, beside = ((X[0], X[1] + 2 * np.eye(6)[k]) for k in (0, 5))
    assert measured(name, along, y).value > 0.95
    apart = measured(name, beside, y)
    assert apart.value < 0.15
    assert p_value(name, apart) > 0.05
    # Unlabelled clips tell nothing of a class: the other dataset gives its direction.
    hidden = [np.full_like(y[0], -1), y[1]]
    assert measured(name, along, hidden).value > 0.95
    # Of equal means, nothing would be erased.
    assert measured(name, (X[0], X[0]), (y[0], y[0])).value == 0


def test_separate_collections_are_at_the_end_of_each_range():
    X, y = collections(shift=100.0)
    assert measured("proxy_a_distance", X).value == 2
    assert measured("cilisi", X, y).value == pytest.approx(0, abs=1e-9)
    assert measured("bras", X, y).value < 0.05
    assert measured("pcr", X).value > 0.99


# What is not there.


@each_with_labels
def test_without_labels_it_says_what_it_needs(name):
    X, y = collections(n=30)
    with pytest.raises(DataError, match=rf"'{name}' .*needs the labels of both .*y_a"):
        measured(name, X)
    unknown = [np.full_like(each, -1) for each in y]
    with pytest.raises(DataError, match=f"'{name}' needs .*none|0 and 0 of"):
        measured(name, X, unknown)


@pytest.mark.parametrize("name", ["bras", "cilisi"])
def test_a_class_of_one_dataset_is_left_out(name):
    X, y = collections(shift=1.0)
    more = [np.hstack([each, np.zeros_like(each[:, :1])]) for each in y]
    more[0][::2, 3] = 1
    with_it, without = measured(name, X, more), measured(name, X, y)
    assert with_it.value == pytest.approx(without.value, rel=1e-12)
    np.testing.assert_allclose(with_it.null, without.null, rtol=0.05)


@each_with_labels
def test_draws_that_lack_a_class_have_values(name):
    """Of a class with two recordings in a dataset, half of the draws have none."""
    X, y = collections(n=24)
    y = [each[:, :1] for each in y]
    y[0][2:] = 0
    if name == "same_class_average_precision":
        y = [np.hstack([each, 1 - each]) for each in y]
    found = measured(name, X, y)
    assert np.isfinite([found.value, *found.null, *found.resampled]).all()


def test_one_recording_is_at_chance_for_a_classifier():
    X, _ = collections(n=9)
    own = [np.repeat("r", 9), np.repeat(["r", "s", "t"], 3)]
    found = measured("proxy_a_distance", X, recordings=own)
    assert found.value == 0
    assert np.isfinite([*found.null, *found.resampled]).all()
    assert measured("pcr", X, recordings=own).value > 0
