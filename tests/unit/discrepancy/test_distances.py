"""Distances: against plain sums and closed forms, and what each of them cannot see."""

import tracemalloc

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist

from earshift import registry
from earshift.discrepancy import resample
from earshift.discrepancy._pairs import pair_sums
from earshift.discrepancy._resampling import Draws, drawing

MEASURES = (
    *("coral_distance", "energy_distance", "frechet", "mmd"),
    *("principal_angles", "sliced_wasserstein"),
)
each_measure = pytest.mark.parametrize("name", MEASURES)

#: Blind to a difference of means.
CENTRED = ("coral_distance", "principal_angles")


def measured(name, X_a, X_b, recordings=None):
    """The result of two sets of clips, each a recording unless these are given."""
    if recordings is None:
        recordings = tuple(np.arange(len(X)).astype(str) for X in (X_a, X_b))
    return registry.load("discrepancy", name).measure(
        X_a,
        X_b,
        recordings_a=recordings[0],
        recordings_b=recordings[1],
        rng=np.random.default_rng(0),
    )


def value(name, X_a, X_b):
    return measured(name, X_a, X_b).value


def p_value(result):
    return (np.sum(result.null >= result.value) + 1) / (len(result.null) + 1)


def clouds(n_a=120, n_b=90, spread=(4.0, 3.0, 2.5, 1.0, 0.8, 0.6)):
    """Two draws of a distribution whose principal components are apart."""
    rng = np.random.default_rng(1)
    return tuple(rng.standard_normal((n, len(spread))) * spread for n in (n_a, n_b))


def rotation(n, seed=0):
    return stats.special_ortho_group.rvs(n, random_state=seed)


def quantiles(distribution, n=1000):
    """Evenly spaced quantiles: a sample of one feature, without chance."""
    return distribution.ppf((np.arange(n) + 0.5) / n)[:, np.newaxis]


# Against plain formulas, in the value and in every draw.


def mmd(X, a, b, member):
    distances = cdist(X, X)
    K = np.exp(-(distances**2) / (2 * np.median(distances) ** 2))

    def within(side):
        pairs = [(i, j) for i in side for j in side if member[i] != member[j]]
        return sum(K[pair] for pair in pairs) / len(pairs)

    return (
        within(a)
        + within(b)
        - 2 * sum(K[i, j] for i in a for j in b) / (len(a) * len(b))
    )


def energy(X, a, b, _):
    D = cdist(X, X)
    between = D[np.ix_(a, b)].mean()
    return 2 * between - D[np.ix_(a, a)].mean() - D[np.ix_(b, b)].mean()


def coral(X, a, b, _):
    difference = np.cov(X[a].T) - np.cov(X[b].T)
    return np.sum(difference**2) / (4 * X.shape[1] ** 2)


@pytest.mark.parametrize(
    ("name", "formula"),
    [("mmd", mmd), ("energy_distance", energy), ("coral_distance", coral)],
)
def test_the_value_and_all_draws_are_those_of_the_plain_formula(name, formula):
    X_a, X_b = (X + shift for X, shift in zip(clouds(20, 16), (0, 1), strict=True))
    own = np.repeat(np.arange(10), 2).astype(str), np.repeat(list("abcd"), 4)
    found = measured(name, X_a, X_b, own)
    X = np.concatenate([X_a, X_b])
    if name in CENTRED:
        X = np.concatenate([X_a - X_a.mean(axis=0), X_b - X_b.mean(axis=0)])
    member = np.concatenate([own[0], own[1]])
    rng = np.random.default_rng(0)
    if name == "mmd":
        rng.permutation(len(X))  # which clips decide the width: here all
    expected = resample(lambda a, b: formula(X, a, b, member), *own, rng)
    assert found.value == pytest.approx(expected.value, rel=1e-9)
    if name not in CENTRED:  # whose null draws are of clips that are spread
        np.testing.assert_allclose(found.null, expected.null, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(found.resampled, expected.resampled, atol=1e-9)


def test_sums_over_pairs_are_the_same_in_blocks():
    """More clips than a block holds, and fewer than two or three hold."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((2300, 3))
    recordings = rng.integers(0, 200, 1400).astype(str), np.arange(900).astype(str)
    draws = Draws.of(*recordings, rng, n_draws=3)
    found = pair_sums(lambda x, y: np.exp(x @ y.T), X, draws)
    K = np.exp(X @ X.T)
    a, b = draws.in_a.astype(float), draws.in_b.astype(float)
    np.testing.assert_allclose(found.a, np.einsum("mi,ij,mj->m", a, K, a))
    np.testing.assert_allclose(found.b, np.einsum("mi,ij,mj->m", b, K, b))
    np.testing.assert_allclose(found.between, np.einsum("mi,ij,mj->m", a, K, b))
    same = draws.recording[:, np.newaxis] == draws.recording
    np.testing.assert_allclose(found.own, (K * same).sum(axis=1))


def test_all_pairs_of_many_clips_are_never_held_at_once():
    X = np.random.default_rng(0).standard_normal((6000, 2))
    names = np.arange(3000).astype(str)
    draws = Draws.of(names, names, np.random.default_rng(0), n_draws=10)
    tracemalloc.start()
    try:
        pair_sums(lambda x, y: x @ y.T, X, draws)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6000**2 * 8 / 4


# Against closed forms and SciPy.


def test_the_energy_distance_is_the_square_of_that_of_scipy():
    X_a, X_b = (X[:, :1] + shift for X, shift in zip(clouds(), (0, 2), strict=True))
    expected = stats.energy_distance(X_a[:, 0], X_b[:, 0]) ** 2
    assert value("energy_distance", X_a, X_b) == pytest.approx(expected)


def test_the_energy_distance_of_two_normal_distributions():
    """E|x - y| is the mean of a folded normal distribution of variance 2."""
    X_a, X_b = (quantiles(stats.norm(mean)) for mean in (0, 1.5))
    expected = 2 * stats.foldnorm(1.5 / 2**0.5, scale=2**0.5).mean() - 4 / np.pi**0.5
    assert value("energy_distance", X_a, X_b) == pytest.approx(expected, rel=0.01)


def test_the_frechet_distance_of_two_normal_distributions():
    X_a, X_b = quantiles(stats.norm(0, 1)), quantiles(stats.norm(2, 3))
    assert value("frechet", X_a, X_b) == pytest.approx(2**2 + (3 - 1) ** 2, rel=0.01)


@pytest.mark.parametrize("n_features", [6, 40])
def test_the_frechet_distance_is_that_with_a_root_of_a_matrix(n_features):
    """Also with fewer clips than features, where covariances have no inverse."""
    X_a, X_b = clouds(30, 20, np.linspace(3, 1, n_features))
    X_b = 1.5 * X_b @ rotation(n_features) + 1
    C_a, C_b = np.cov(X_a.T), np.cov(X_b.T)
    half = np.real(sqrtm(C_a + 1e-13 * np.eye(n_features)))
    roots = np.sqrt(np.maximum(np.linalg.eigvalsh(half @ C_b @ half), 0))
    means = np.sum((X_a.mean(axis=0) - X_b.mean(axis=0)) ** 2)
    expected = means + np.trace(C_a) + np.trace(C_b) - 2 * roots.sum()
    assert value("frechet", X_a, X_b) == pytest.approx(expected, rel=1e-5)


def test_of_one_feature_the_wasserstein_distance_is_that_of_scipy():
    X_a, X_b = (X[:, :1] + shift for X, shift in zip(clouds(), (0, 2), strict=True))
    expected = stats.wasserstein_distance(X_a[:, 0], X_b[:, 0])
    assert value("sliced_wasserstein", X_a, X_b) == pytest.approx(expected)
    found = measured("sliced_wasserstein", X_a, X_b)
    X = np.concatenate([X_a, X_b])[:, 0]
    own = [np.arange(len(x)).astype(str) for x in (X_a, X_b)]
    rng = np.random.default_rng(0)
    rng.standard_normal((100, 1))  # directions
    plain = resample(lambda a, b: stats.wasserstein_distance(X[a], X[b]), *own, rng)
    np.testing.assert_allclose(found.null, plain.null)
    np.testing.assert_allclose(found.resampled, plain.resampled)


def test_seen_along_random_directions_a_translation_is_shorter():
    X = clouds(60, 60, np.ones(32))[0]
    t = np.full(32, 3.0)
    expected = (2 / np.pi) ** 0.5 * np.linalg.norm(t) / 32**0.5
    # The standard error of a mean of 100 directions is a tenth of 0.76.
    assert value("sliced_wasserstein", X, X + t) == pytest.approx(expected, rel=0.25)


def test_principal_angles_are_those_by_which_clips_were_turned():
    """Clips that vary most along three of six features, turned towards the others."""
    X, _ = clouds(spread=(4.0, 3.5, 3.0, 0.1, 0.1, 0.1))
    angles = np.array([0.1, 0.4, 1.0])
    C, S = np.diag(np.cos(angles)), np.diag(np.sin(angles))
    # The three components themselves, for whichever they are in this sample.
    components = np.linalg.svd(X - X.mean(axis=0))[2]
    turn = components.T @ np.block([[C, S], [-S, C]]) @ components
    found = value("principal_angles", X, X @ turn)
    assert found == pytest.approx(np.sin(angles).mean(), abs=1e-9)


@pytest.mark.parametrize("n", [30, 300])
def test_principal_angles_with_fewer_clips_than_features(n):
    """The subspaces are those that a singular value decomposition finds."""
    X_a, X_b = clouds(n, n - 10, np.geomspace(9, 1, n + 20))
    bases = [np.linalg.svd(X - X.mean(axis=0))[2][:5] for X in (X_a, X_b)]
    cosines = np.linalg.svd(bases[0] @ bases[1].T, compute_uv=False)
    expected = np.sqrt(1 - cosines**2).mean()
    with drawing(2):
        assert value("principal_angles", X_a, X_b) == pytest.approx(expected)
        # Clips without variance have no components, and any directions will do.
        assert 0 <= value("principal_angles", 0 * X_a, 0 * X_b) <= 1


# What chance does.


@each_measure
@pytest.mark.parametrize("n_features", [6, 300])
def test_equal_datasets_are_likely_and_different_ones_are_not(name, n_features):
    """Also with fewer clips than features, of recordings of three clips."""
    rng = np.random.default_rng(5)
    k = min(5, n_features // 2)
    spread = np.repeat([8.0, 1.0], [k, n_features - k])
    clips = [rng.standard_normal((n, n_features)) * spread for n in (40, 30)]
    own = [np.repeat(np.arange(len(X)), 3).astype(str) for X in clips]
    X_a, X_b = (
        np.repeat(X, 3, axis=0) + 0.3 * rng.standard_normal((3 * len(X), n_features))
        for X in clips
    )
    assert p_value(measured(name, X_a, X_b, own)) > 0.05
    different = 1.5 * X_b + 3
    # Half-way between the widest directions and as many others.
    different[:, k : 2 * k] += different[:, :k]
    assert p_value(measured(name, X_a, different, own)) == 1 / 200


@each_measure
def test_p_values_of_equal_datasets_are_evenly_spread(name):
    """With many features null values are close together, and must lie in the place.

    Recordings have one to seven clips, or two where centring takes more from long ones.
    """
    rng = np.random.default_rng(0)
    each = 2 if name in CENTRED else np.resize([1, 2, 7, 1], 16)
    own = np.repeat(np.arange(16), each)
    names = own.astype(str)
    found = []
    for _ in range(30):
        sides = [
            rng.standard_normal((16, 50))[own]
            + 0.5 * rng.standard_normal((len(own), 50))
            for _ in "ab"
        ]
        with drawing(49):
            found.append(p_value(measured(name, *sides, (names, names))))
    # Three standard errors of the mean of 30 even numbers between 0 and 1.
    assert np.mean(found) == pytest.approx(0.5, abs=0.16)


def test_the_squared_mmd_of_equal_datasets_is_zero_on_average():
    """Also of recordings whose clips are alike, and as often below zero."""
    rng = np.random.default_rng(0)
    own = np.repeat(np.arange(15), 4).astype(str)
    values = [
        measured(
            "mmd",
            *(np.repeat(rng.standard_normal((15, 5)), 4, axis=0) for _ in "ab"),
            (own, own),
        ).value
        for _ in range(60)
    ]
    assert abs(np.mean(values)) < 3 * np.std(values) / 60**0.5
    assert 15 < np.sum(np.array(values) < 0) < 45


@each_measure
def test_nothing_is_negative_that_cannot_be_and_equal_clips_are_at_the_end(name):
    X, _ = clouds()
    found = measured(name, X, X[::-1])
    if name == "mmd":
        # A clip and its copy count between the datasets, but not within.
        assert -0.05 < found.value < 0
    else:
        assert 0 <= found.value < 1e-9
        assert found.null.min() >= 0


@each_measure
@pytest.mark.parametrize("n_clips", [1, 3])
def test_one_recording_has_a_value(name, n_clips):
    X_a, X_b = clouds(n_clips, 2 * n_clips)
    own = np.repeat("r", n_clips), np.repeat(["r", "s"], n_clips)
    found = measured(name, X_a, X_b, own)
    plugin = registry.load("discrepancy", name)
    assert plugin.range[0] is None or found.value >= plugin.range[0]
    assert np.isfinite([found.value, *found.null, *found.resampled]).all()


@each_measure
def test_a_feature_that_is_constant_is_no_difference(name):
    X_a, X_b = clouds()
    more = [np.hstack([X, np.full((len(X), 1), 5.0)]) for X in (X_a, X_b)]
    found, without = measured(name, *more), measured(name, X_a, X_b)
    if name == "sliced_wasserstein":
        # Directions are others, and the clips shorter along them.
        assert 0.8 * without.value < found.value < 1.1 * without.value
    else:
        assert p_value(found) == p_value(without)
    alike = np.ones((20, 4))
    assert value(name, alike, alike) == pytest.approx(0, abs=1e-12)


@each_measure
def test_float32_features_are_measured_in_float64(name):
    """As large as the sum of squares of many, which has no digits left of seven."""
    X_a, X_b = (X.astype(np.float32) + np.float32(300) for X in clouds())
    found = value(name, X_a, X_b)
    assert found == pytest.approx(
        value(name, X_a.astype(float), X_b.astype(float)), rel=1e-9
    )


# What each can see.


@each_measure
def test_where_both_datasets_lie_and_how_they_are_turned_is_no_part_of_it(name):
    X_a, X_b = (X * s + t for X, s, t in zip(clouds(), (1, 1.3), (0, 1), strict=True))
    before = value(name, X_a, X_b)
    R = rotation(X_a.shape[1])
    assert value(name, X_a + 7, X_b + 7) == pytest.approx(before, rel=1e-6)
    # Directions are drawn, and not turned along.
    tolerance = 0.3 if name == "sliced_wasserstein" else 1e-6
    assert value(name, X_a @ R, X_b @ R) == pytest.approx(before, rel=tolerance)


@pytest.mark.parametrize(
    ("name", "power"),
    [
        ("coral_distance", 4),
        ("energy_distance", 1),
        ("frechet", 2),
        ("mmd", 0),
        ("principal_angles", 0),
        ("sliced_wasserstein", 1),
    ],
)
def test_its_unit_is_a_power_of_that_of_the_features(name, power):
    X_a, X_b = (X + t for X, t in zip(clouds(), (0, 1), strict=True))
    expected = 3**power * value(name, X_a, X_b)
    assert value(name, 3 * X_a, 3 * X_b) == pytest.approx(expected)


@each_measure
def test_a_translation_is_seen_unless_datasets_are_centred(name):
    X_a, X_b = clouds()
    one, moved = measured(name, X_a, X_b), measured(name, X_a, X_b + 2)
    if name in CENTRED:
        assert moved.value == pytest.approx(one.value)
        # Nor does it change what chance would do.
        np.testing.assert_allclose(moved.null, one.null)
    else:
        assert moved.value > one.value
        assert p_value(moved) == 1 / 200


@each_measure
def test_a_scale_of_one_dataset_is_seen_unless_directions_alone_count(name):
    X_a, X_b = clouds()
    one, scaled = measured(name, X_a, X_b), measured(name, X_a, 2 * X_b)
    if name == "principal_angles":
        assert scaled.value == pytest.approx(one.value)
        assert p_value(scaled) > 0.05
    else:
        assert scaled.value > one.value
        assert p_value(scaled) == 1 / 200


@each_measure
def test_a_turn_of_one_dataset_is_seen_unless_it_is_round(name):
    X_a, X_b = clouds()
    turn = np.roll(np.eye(6), 3, axis=1)  # the widest directions become others
    assert p_value(measured(name, X_a, X_b @ turn)) <= 0.01
    round_ones = clouds(spread=np.ones(6))
    R = rotation(6)
    assert p_value(measured(name, round_ones[0], round_ones[1] @ R)) > 0.05
