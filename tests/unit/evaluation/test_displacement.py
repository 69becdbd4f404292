"""How embeddings move: known movements, and what other tools say of them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import spearmanr
from sklearn.metrics.pairwise import cosine_distances, euclidean_distances

from earshift.errors import DataError
from earshift.evaluation.displacement import Movement, in_order

N_RECORDINGS, CLIPS, FEATURES = 60, 3, 40


@pytest.fixture(scope="module")
def clean():
    rng = np.random.default_rng(0)
    own = rng.standard_normal((N_RECORDINGS, FEATURES)).repeat(CLIPS, axis=0)
    return own + rng.standard_normal(own.shape)


@pytest.fixture(scope="module")
def recordings():
    return np.array([f"r{i}" for i in range(N_RECORDINGS)]).repeat(CLIPS)


@pytest.fixture(scope="module")
def moves(clean, recordings):
    return Movement(clean, recordings, n_resamples=300, alpha=0.05, seed=0)


def test_distances_are_those_of_sklearn(moves, clean, recordings):
    rng = np.random.default_rng(1)
    changed = clean + 0.5 * rng.standard_normal(clean.shape)
    found = moves.measures(changed)
    apart = recordings[:, None] != recordings
    cosine = found["cosine_distance"]
    assert_allclose(cosine.value, np.diag(cosine_distances(clean, changed)).mean())
    assert_allclose(cosine.reference, cosine_distances(clean)[apart].mean())
    scaled = moves.scaled(changed)
    between = euclidean_distances(moves.clean, squared=True)[apart].mean()
    moved = np.sum((scaled - moves.clean) ** 2, axis=1).mean()
    assert_allclose(found["relative_distance"].value, np.sqrt(moved / between))
    near = cosine_distances(scaled, moves.clean)
    own = np.diag(near) < np.where(apart, near, np.inf).min(axis=1)
    assert_allclose(found["retrieval"].value, own.mean())
    assert_allclose(found["retrieval"].reference, 1 / (1 + (N_RECORDINGS - 1) * CLIPS))
    for name in ("cosine_distance", "relative_distance"):
        assert found[name].low < found[name].value < found[name].high


def test_one_direction_for_all_is_consistent_and_has_one_dimension(moves, clean):
    shift = np.random.default_rng(2).standard_normal(FEATURES)
    found = moves.measures(clean + shift)
    for name in ("direction_consistency", "common_share", "effective_dimension"):
        assert_allclose(found[name].value, 1, rtol=1e-9)
    assert found["direction_consistency"].p_value == 0.001
    # About their mean nothing is left but rounding.
    assert np.isnan(found["effective_dimension_centred"].value)


@pytest.mark.parametrize("dimension", [3, 40, 400])
def test_the_number_of_directions_is_found_whatever_the_number_of_clips(dimension):
    rng = np.random.default_rng(3)
    clean = rng.standard_normal((60, 400))
    moved = rng.standard_normal((60, dimension)) @ np.eye(dimension, 400)
    names = np.arange(60).astype(str)
    found = Movement(clean, names, n_resamples=300, alpha=0.05, seed=0)
    values = found.measures(clean + moved / found.scaled(np.ones(400)).std())
    for name in ("effective_dimension", "effective_dimension_centred"):
        assert 0.8 * dimension < values[name].value < 1.25 * dimension, name


def test_random_directions_are_not_consistent(moves, clean, recordings):
    p = []
    for seed in range(60):
        rng = np.random.default_rng([4, seed])
        # Clips of a recording move alike; recordings move each its own way.
        step = rng.standard_normal((N_RECORDINGS, FEATURES)).repeat(CLIPS, axis=0)
        found = moves.measures(clean + step)
        assert abs(found["direction_consistency"].value) < 0.05
        p.append(found["direction_consistency"].p_value)
    assert 0.3 < np.mean(p) < 0.7
    assert np.mean(np.array(p) < 0.05) < 0.15
    del recordings


def test_the_interval_of_consistency_covers_what_many_recordings_say():
    rng = np.random.default_rng(5)
    shift = np.full(20, 0.4)

    def draw(n):
        return rng.standard_normal((n, 20)) + shift

    units = draw(200_000)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    truth = np.sum(units.mean(axis=0) ** 2)
    covered = []
    for seed in range(150):
        clean = np.random.default_rng([6, seed]).standard_normal((50, 20))
        moves = Movement(
            clean, np.arange(50).astype(str), n_resamples=200, alpha=0.05, seed=seed
        )
        # In units of the spread of the clean clips, which are to be undone.
        changed = clean + draw(50) * clean.std(axis=0)
        found = moves.measures(changed)["direction_consistency"]
        covered.append(found.low < truth < found.high)
    assert 0.88 <= np.mean(covered) <= 1


def test_what_does_not_move_has_no_direction(moves, clean):
    found = moves.measures(clean.copy())
    assert found["relative_distance"].value == 0
    retrieval = found["retrieval"]
    assert retrieval.value == retrieval.high == 1
    # Sixty of sixty: at least 94 % with a certainty of 97.5 %.
    assert_allclose(retrieval.low, 0.025 ** (1 / N_RECORDINGS))
    assert np.isnan(found["direction_consistency"].value)
    assert np.isnan(moves.monotonicity([clean] * 4).value)


def test_rounding_is_no_movement(moves, clean):
    found = moves.measures(clean + 1e-7)
    assert found["relative_distance"].value == 0
    assert np.isnan(found["direction_consistency"].value)
    assert np.isnan(moves.monotonicity([clean + s * 1e-7 for s in range(5)]).value)


def test_recordings_that_are_all_alike_are_no_certainty():
    # Of three clips of each recording, one is moved onto a clip of the next one.
    rng = np.random.default_rng(9)
    clean = 10 * rng.standard_normal((60, 30))
    changed = clean.copy()
    changed[::3] = np.roll(clean[::3], 1, axis=0)
    names = np.arange(20).repeat(3).astype(str)
    moves = Movement(clean, names, n_resamples=50, alpha=0.05, seed=0)
    found = moves.measures(changed)["retrieval"]
    assert_allclose(found.value, 2 / 3)
    assert 0.35 < found.low < 0.5
    assert 0.8 < found.high < 0.9


def test_strengths_are_in_order_along_the_direction_of_other_recordings(moves, clean):
    rng = np.random.default_rng(7)
    direction = rng.standard_normal(FEATURES)

    def at(strength):
        noise = 2 * rng.standard_normal(clean.shape)
        return clean + strength * direction + noise

    found = moves.monotonicity([at(s) for s in (1, 2, 3, 4, 5)])
    assert found.value > 0.9
    assert found.low < found.value < found.high
    assert found.p_value == 1 / 60  # and the same order backwards, of 120
    nothing = moves.monotonicity([at(2) for _ in range(5)])
    assert abs(nothing.value) < 0.2
    assert nothing.p_value > 0.05
    assert np.isnan(moves.monotonicity([at(1), at(2)]).value)


def test_the_rank_correlation_is_that_of_scipy(recordings):
    # A single feature: the direction is its sign.
    rng = np.random.default_rng(8)
    clean = rng.standard_normal((len(recordings), 1))
    steps = [clean + s + 2 * rng.standard_normal(clean.shape) for s in range(6)]
    moves = Movement(clean, recordings, n_resamples=20, alpha=0.05, seed=0)
    moved = np.stack([moves.scaled(X)[:, 0] - moves.clean[:, 0] for X in steps])
    expected = [spearmanr(range(6), own).statistic for own in moved.T]
    assert_allclose(moves.monotonicity(steps).value, np.mean(expected))


def test_a_feature_that_hardly_varied_is_not_all_there_is(clean, recordings):
    quiet = np.hstack([clean, 1e-6 * clean[:, :1], np.zeros((len(clean), 1))])
    moves = Movement(quiet, recordings, n_resamples=20, alpha=0.05, seed=0)
    found = moves.measures(quiet + np.eye(1, quiet.shape[1], quiet.shape[1] - 2))
    unit = 0.1 * np.sqrt(np.mean(quiet.var(axis=0)))
    apart = recordings[:, None] != recordings
    between = euclidean_distances(moves.clean, squared=True)[apart].mean()
    assert_allclose(found["relative_distance"].value, 1 / unit / np.sqrt(between))
    changed = moves.scaled(quiet + np.eye(1, quiet.shape[1], quiet.shape[1] - 1))
    assert np.isfinite(changed).all()
    assert changed[:, -1].min() > 5


def test_few_recordings_are_refused(clean):
    with pytest.raises(DataError, match="3 or more are needed, got 2"):
        Movement(
            *(clean[:6], np.array(["a", "b"] * 3)),
            n_resamples=9,
            alpha=0.05,
            seed=0,
        )


def test_words_have_no_place_in_the_order():
    given = {"noise_20": 20.0, "noise_none": "none", "noise_-5": -5.0}
    assert in_order(given) == ["noise_-5", "noise_20"]
