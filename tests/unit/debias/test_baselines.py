"""Corrections for comparison, on datasets whose difference is known."""

import logging

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm, spearmanr
from sklearn.covariance import ledoit_wolf

from earshift import debias
from earshift.debias._directions import orthonormal_rows
from earshift.errors import ConfigError, DataError
from earshift.numerics.logistic import fit_path
from tests.helpers.two_domains import domain_r2, run, write_two_domains

N, D = 4000, 5
MAPS = ("coral", "optimal_transport")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def fitted(name, X_a, X_b, **options):
    """A method fitted to datasets 'a', the source, and 'b', and its clips of each."""
    X, domain = np.concatenate([X_a, X_b]), np.repeat(["a", "b"], [len(X_a), len(X_b)])
    method = debias.make(name, **options)
    told = {"source": "a"} if name in (*MAPS, "importance_weights") else {}
    method.fit(X, domain, **told)
    takes_domain = name in (*MAPS, "quantile_alignment")
    out = method.transform(X, domain) if takes_domain else method.transform(X)
    return method, out[: len(X_a)], out[len(X_a) :]


def mixed(rng, n=N):
    """Clips with correlations, and a mean."""
    turn, _ = np.linalg.qr(rng.standard_normal((D, D)))
    X = rng.standard_normal((n, D)) * [1, 1.5, 2, 2.5, 3] @ turn
    return X + rng.standard_normal(D)


def white(rng):
    """Clips whose mean is 0 and whose covariance is the identity, to the last digit."""
    X = rng.standard_normal((N, D))
    X -= X.mean(axis=0)
    return X @ np.linalg.inv(np.linalg.cholesky(X.T @ X / N)).T


@pytest.mark.parametrize("name", MAPS)
def test_the_source_gets_mean_and_covariance_of_the_target(name, rng):
    X_a, X_b = mixed(rng), mixed(rng, 3000)
    _, a, b = fitted(name, X_a, X_b, n_components=D)
    assert_array_equal(b, X_b)
    assert_allclose(a.mean(axis=0), X_b.mean(axis=0), atol=1e-12)
    unlike = np.abs(np.cov(X_a.T) - np.cov(X_b.T)).max()
    # What shrinking leaves, of 3,000 clips and more.
    assert np.abs(np.cov(a.T) - np.cov(X_b.T)).max() < 0.03 * unlike


@pytest.mark.parametrize("name", MAPS)
def test_of_few_clips_it_is_the_shrunken_covariances_that_agree(name, rng):
    X_a, X_b = mixed(rng, 8), mixed(rng, 9)
    method, a, b = fitted(name, X_a, X_b, n_components=D)
    shrunk, weight = zip(
        *[ledoit_wolf((X - X.mean(axis=0)) @ method.components_.T) for X in (X_a, X_b)],
        strict=True,
    )
    assert min(weight) > 0.01
    mapped = method.matrix_.T @ shrunk[0] @ method.matrix_
    assert_allclose(mapped, shrunk[1], atol=1e-9)
    assert_allclose(a.mean(axis=0), b.mean(axis=0))


@pytest.mark.parametrize(
    ("name", "source"), [("coral", white), ("optimal_transport", mixed)]
)
def test_a_known_affine_change_is_found(name, source, rng):
    """By coral only from a source without correlations: it may turn features."""
    X_a = source(rng)
    root = rng.standard_normal((D, D))
    stretch = root @ root.T / D + 0.3 * np.eye(D)
    X_b = X_a @ stretch + [1, -2, 3, -4, 5]
    _, a, b = fitted(name, X_a, X_b, n_components=D)
    # What shrinking leaves, of 4,000 clips.
    assert np.abs(a - b).max() < 0.02 * np.abs(X_a - X_b).max()


def test_transport_takes_the_shorter_way(rng):
    X_a, X_b = mixed(rng), mixed(rng)
    ways = {name: fitted(name, X_a, X_b)[1] - X_a for name in MAPS}
    length = {name: np.mean(way**2) for name, way in ways.items()}
    assert length["optimal_transport"] < length["coral"]


@pytest.mark.parametrize("name", MAPS)
def test_the_data_say_how_many_components(name, rng):
    """Three directions in forty features; what is at right angles is only moved."""
    loud, _ = np.linalg.qr(rng.standard_normal((40, 3)))

    def clips(n, size):
        noise = 0.02 * rng.standard_normal((n, 40))
        return size * rng.standard_normal((n, 3)) @ loud.T + noise

    X_a, X_b = clips(60, 1), clips(60, 3) + 1
    method, a, _ = fitted(name, X_a, X_b)
    assert method.n_components_ == 3
    moved = a - X_a - (a - X_a).mean(axis=0)
    quiet = np.eye(40) - method.components_.T @ method.components_
    assert np.abs(moved @ quiet).max() < 1e-12 < np.abs(moved).max()
    assert fitted(name, X_a, X_b, n_components=2)[0].n_components_ == 2
    assert fitted(name, X_a, X_b, n_components=99)[0].n_components_ == 40


@pytest.mark.parametrize("name", [*MAPS, "importance_weights"])
def test_one_clip_of_a_dataset_is_too_few(name, rng):
    X = mixed(rng, 9)
    with pytest.raises(DataError, match=r"2 or more of either, got 1 and 8"):
        fitted(name, X[:1], X[1:])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("coral", {"n_components": 0}),
        ("optimal_transport", {"n_components": -1}),
        ("importance_weights", {"cap": 0.5}),
        ("length_normalisation", {"power": 0.0}),
    ],
)
def test_options_that_cannot_be_are_refused(name, options):
    with pytest.raises(ConfigError, match=f"'{next(iter(options))}' of '{name}'"):
        debias.make(name, **options)


def two_classes(rng, n=300):
    """Two datasets in which means, and spreads of features, differ; classes overlap."""
    y = np.arange(2 * n) % 2 == 0
    domain = np.repeat(["a", "b"], n)
    spread = np.array([0.3, 1, 3, 0.5, 2, 1])
    X = rng.standard_normal((2 * n, 6)) @ rng.standard_normal((6, 6)) * spread
    X += np.outer(y, rng.normal(size=6)) + np.outer(domain == "b", rng.normal(size=6))
    return X, domain, y


def scaled_projection(X, domain):
    """The projection off the mean difference that is orthogonal in scaled features."""
    scale = X.std(axis=0)
    apart = (X[domain == "b"].mean(axis=0) - X[domain == "a"].mean(axis=0)) / scale
    basis = orthonormal_rows(apart[None])
    return X - (X / scale @ basis.T) @ basis * scale


def erased(rng):
    """Clips as three erasers of the same direction leave them, and what is known."""
    X, domain, y = two_classes(rng)
    out = {
        name: debias.make(name).fit(X, domain).transform(X)
        for name in ("leace", "mean_projection")
    }
    return {**out, "scaled": scaled_projection(X, domain)}, X, domain, y


def scores_of(X, domain, y, penalty):
    """Scores of the clips of 'b', by classifiers that are trained on 'a'."""
    coef, intercept = fit_path(X[domain == "a"], y[domain == "a"], [penalty])
    return X[domain == "b"] @ coef[0] + intercept[0]


def test_erasers_of_one_direction_are_the_same_without_a_penalty(rng):
    out, X, domain, y = erased(rng)
    one, *others = (scores_of(clips, domain, y, 1e8) for clips in out.values())
    plain = scores_of(X, domain, y, 1e8)
    for other in others:
        assert_allclose(other, one, atol=1e-3 * one.std())
        assert spearmanr(one, other).statistic > 1 - 1e-6
    assert spearmanr(one, plain).statistic < 1 - 1e-3


def test_erasers_of_one_direction_differ_by_the_penalty(rng):
    out, _, domain, y = erased(rng)
    one, *others = (scores_of(clips, domain, y, 1e-2) for clips in out.values())
    for other in others:
        assert spearmanr(one, other).statistic < 1 - 1e-5
        assert np.abs(one - other).max() > 0.01 * one.std()


def test_leace_erases_the_domain_and_changes_clips_least_whatever_the_units(rng):
    out, X, domain, _ = erased(rng)
    assert domain_r2(X, domain) > 0.1
    spread = np.cov(X.T)
    units = {"own": np.eye(6), "scaled": np.diag(1 / np.diagonal(spread))}
    units["whitened"] = np.linalg.inv(spread)
    changes = {}
    for name, clips in out.items():
        assert domain_r2(clips, domain) < 1e-12
        way = clips - clips.mean(axis=0) - (X - X.mean(axis=0))
        changes[name] = {
            unit: np.einsum("ij,jk,ik->", way, metric, way) / len(X)
            for unit, metric in units.items()
        }
    for unit, least in changes.pop("leace").items():
        assert min(other[unit] for other in changes.values()) > 1.1 * least
        # One direction of unit variance is gone; the rest is what shrinking costs.
        assert unit != "whitened" or abs(least - 1) < 0.01


def test_leace_erases_the_means_of_three_datasets(rng):
    X = rng.standard_normal((90, 7))
    domain = np.repeat(["a", "b", "c"], 30)
    X += 2 * rng.standard_normal((3, 7))[np.repeat(range(3), 30)]
    method = debias.make("leace").fit(X, domain)
    out = method.transform(X)
    assert len(method.directions_) == 2
    means = [out[domain == name].mean(axis=0) for name in "abc"]
    assert_allclose(means, np.tile(method.mean_, (3, 1)), atol=1e-12)
    assert_allclose(method.transform(out), out, atol=1e-12)
    assert getattr(method, "removed_directions_", None) is None


def test_clips_of_equal_datasets_weigh_about_the_same(rng):
    X_a, X_b = rng.standard_normal((2, 400, D))
    method, a, b = fitted("importance_weights", X_a, X_b)
    weights = method.weights_[:400]
    assert_array_equal(a, X_a)
    assert_array_equal(b, X_b)
    assert_array_equal(method.weights_[400:], 1)
    assert_allclose(weights.mean(), 1)
    assert weights.std() < 0.15
    assert 390 < method.effective_n_ <= 400


def test_clips_like_the_target_weigh_more_as_the_densities_say(rng, caplog):
    X_a, X_b = rng.standard_normal((2, 1000, D))
    X_b[:, 0] += 1
    with caplog.at_level(logging.INFO):
        method, _, _ = fitted("importance_weights", X_a, X_b)
    weights = method.weights_[:1000]
    true = np.exp(X_a[:, 0] - 0.5)
    assert spearmanr(weights, true).statistic > 0.97
    assert np.quantile(np.abs(np.log(weights / true)), 0.9) < 0.4
    assert_allclose(np.average(X_a[:, 0], weights=weights), 1, atol=0.2)
    # The share that is left in truth is 1 / e.
    assert 280 < method.effective_n_ < 480
    said = f"of 'a': the effective sample size is {method.effective_n_:.1f} of 1000"
    assert said in caplog.text


def test_the_further_apart_the_fewer_clips_are_left(rng):
    X_a, X_b = rng.standard_normal((2, 500, D))
    left = [
        fitted("importance_weights", X_a, X_b + shift)[0].effective_n_
        for shift in (0, 0.3, 0.6)
    ]
    assert left[0] > 1.2 * left[1] > 1.2**2 * left[2]


def test_no_clip_weighs_more_than_the_cap_even_where_nothing_overlaps(rng):
    X_a, X_b = rng.standard_normal((2, 200, D))
    X_a[0] = 15
    for cap in (3.0, 10.0):
        weights = fitted("importance_weights", X_a, X_b + 20, cap=cap)[0].weights_
        assert_allclose(weights[:200].mean(), 1)
        assert_allclose(weights.max(), cap)
        assert weights.argmax() == 0
    even = fitted("importance_weights", X_a, X_b + 20, cap=1.0)[0]
    assert_allclose(even.weights_, 1)
    assert_allclose(even.effective_n_, 200)


def spaced(rng, n):
    """Clips of which no two have nearly equal values of a feature."""
    even = np.tile(np.linspace(-3, 3, n)[:, None], D)
    return rng.permuted(even, axis=0)


def test_ranks_become_normal_scores_in_each_dataset(rng):
    X_a, X_b = spaced(rng, 50), np.sinh(spaced(rng, 80))
    _, a, b = fitted("quantile_alignment", X_a, X_b)
    for X, out in ((X_a, a), (X_b, b)):
        expected = np.sort(norm.ppf((np.arange(len(X)) + 0.5) / len(X)))
        assert_array_equal(np.argsort(out, axis=0), np.argsort(X, axis=0))
        assert_allclose(np.sort(out, axis=0), np.tile(expected[:, None], D))


def test_monotone_maps_of_a_feature_change_nothing(rng):
    X_a, X_b = spaced(rng, 50), spaced(rng, 50)
    _, a, b = fitted("quantile_alignment", X_a, X_b)
    bent = np.column_stack([np.exp(X_b[:, 0]), np.sinh(X_b[:, 1]), 2 * X_b[:, 2:] - 7])
    _, again_a, again_b = fitted("quantile_alignment", np.arctan(X_a), bent)
    assert_array_equal(again_a, a)
    assert_array_equal(again_b, b)


def test_ties_share_a_score_and_new_values_lie_between_or_at_the_end():
    X = np.array([[0.0], [0], [0], [2], [4], [4]])
    domain = np.full(6, "a")
    method = debias.make("quantile_alignment").fit(X, domain)
    new = np.array([[-9.0], [0], [1], [2], [4], [99]])
    zero, two, four = norm.ppf([1.5 / 6, 3.5 / 6, 5 / 6])
    assert_allclose(
        method.transform(new, domain)[:, 0],
        [zero, zero, (zero + two) / 2, two, four, four],
    )
    constant = debias.make("quantile_alignment").fit(X * 0 + 7, domain)
    assert_allclose(constant.transform(X, domain), 0, atol=1e-15)
    with pytest.raises(DataError, match=r"no ranks of the dataset 'z'.*\['a'\]"):
        method.transform(X, np.full(6, "z"))


def test_what_is_hardly_above_a_value_of_many_clips_is_no_rank_above_it():
    """As the outputs of rectifiers are; a clip that changes a little moves a little."""
    X = np.r_[np.zeros(50), 1e-9, 2e-5, np.linspace(0.5, 2, 48)][:, None]
    domain = np.full(100, "a")
    method = debias.make("quantile_alignment").fit(X, domain)
    near = np.array([[0], [1e-9], [2e-5], [-1e-6]])
    assert_allclose(method.transform(near, domain[:4]), norm.ppf(0.26))
    _, *rest = np.sort(method.transform(X, domain)[51:], axis=0)
    assert_allclose(np.concatenate(rest), norm.ppf((np.arange(52, 100) + 0.5) / 100))
    # What is no spread beside that of the other dataset is none.
    both = np.concatenate([X, X * 1e-7]), np.repeat(["a", "b"], 100)
    out = debias.make("quantile_alignment").fit(*both).transform(*both)
    assert np.ptp(out[100:]) == 0 < np.ptp(out[:100])


@pytest.mark.parametrize("power", [1.0, 0.5])
def test_each_clip_gets_its_length_by_itself(power, rng):
    X = mixed(rng, 30)
    X[0] = 0
    method = debias.make("length_normalisation", power=power)
    out = method.fit(X, np.full(30, "a")).transform(X)
    assert_allclose(np.mean(out[1:] ** 2, axis=1), 1)
    assert_array_equal(out[0], 0)
    bent = np.sign(X) * np.abs(X) ** power
    size = np.linalg.norm(bent, axis=1, keepdims=True)
    assert_allclose(out[1:], (np.sqrt(D) * bent / np.where(size, size, 1))[1:])
    # Whatever else is there, in fit or transform, and however loud the clip is.
    other = debias.make("length_normalisation", power=power).fit(mixed(rng, 9))
    assert_allclose(other.transform(1e200 * X[3:4]), out[3:4])


METHODS = (
    *MAPS,
    "leace",
    "importance_weights",
    "quantile_alignment",
    "length_normalisation",
    "source_whitening",
    "wccn",
    "combat",
    "balanced_standardise",
)


def test_a_run_scores_them_across_and_within(tmp_path):
    entries = write_two_domains(tmp_path)
    methods = {name: {"plugin": name} for name in ("none", *METHODS)}
    _, scores = run(tmp_path, entries, methods=methods)
    auc = scores.groupby(["method", "train", "test"])["roc_auc"].mean()
    assert set(auc.index.get_level_values("method")) == {"none", *METHODS}
    assert (auc > 0.5).all()
    accuracy = scores.groupby(["method", "train", "test"])["balanced_accuracy"].mean()
    of_target = ("quantile_alignment", "leace", "combat", "balanced_standardise")
    for name in (*MAPS, *of_target):
        assert accuracy[name, "a", "b"] > accuracy["none", "a", "b"]
