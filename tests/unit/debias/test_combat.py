"""ComBat, on datasets whose shifts and scales are known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from earshift import debias
from earshift.errors import DataError

D = 400


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def fitted(X_a, *others):
    """ComBat fitted to the source 'a' and to others, and clips as it leaves them."""
    parts = [X_a, *others]
    X = np.concatenate(parts)
    domain = np.repeat(list("abc")[: len(parts)], list(map(len, parts)))
    method = debias.make("combat").fit(X, domain, source="a")
    out = method.transform(X, domain)
    return method, np.split(out, np.cumsum(list(map(len, parts)))[:-1])


def test_of_many_clips_shift_and_scale_are_taken_away(rng):
    """From each other dataset its own, and nothing else."""
    X = rng.standard_normal((3, 4000, 6)) * [1, 2, 3, 4, 5, 6] + 7
    gain, shift = np.array([1, 3, 0.5, 1, 2, 1]), np.array([0, 1, -2, 3, -4, 5])
    method, (a, b, c) = fitted(X[0], X[1] * gain + shift, X[2] * 2)
    assert_array_equal(a, X[0])
    for out in (b, c):
        assert_allclose(out.mean(axis=0), X[0].mean(axis=0), atol=0.02)
        assert_allclose(out.std(axis=0), X[0].std(axis=0), rtol=0.01)
    assert_allclose(method.shift_["b"], 7 * gain + shift, atol=0.3)
    # A map of each feature by itself: its order stays.
    assert_array_equal(np.argsort(b, axis=0), np.argsort(X[1], axis=0))


def test_of_few_clips_priors_come_nearer_to_the_truth(rng):
    """Than each feature by itself does, in shift and in scale."""
    shift = 1 + 0.3 * rng.standard_normal(D)
    gain = np.exp(0.1 * rng.standard_normal(D))
    X_a = rng.standard_normal((5000, D))
    X_b = rng.standard_normal((8, D)) * gain + shift
    method, _ = fitted(X_a, X_b)
    spread = np.log(X_b.std(axis=0, ddof=1) / X_a.std(axis=0))
    for found, alone, true in (
        (method.shift_["b"], X_b.mean(axis=0), shift),
        (-np.log(method.scale_["b"]), spread, np.log(gain)),
    ):
        off, without = (np.sqrt(np.mean((x - true) ** 2)) for x in (found, alone))
        assert off < 0.85 * without


def test_estimates_solve_the_equations_of_the_paper(rng):
    n = 9
    X_a = rng.standard_normal((50, D))
    X_b = rng.standard_normal((n, D)) * np.exp(0.3 * rng.standard_normal(D)) + 0.5
    method, _ = fitted(X_a, X_b)
    within = np.sqrt((X_a.var(axis=0) + X_b.var(axis=0)) / 2)
    Z = (X_b - method.mean_) / within
    g = (method.shift_["b"] - method.mean_) / within
    v = X_a.var(axis=0) / (method.scale_["b"] * within) ** 2
    mean, var = Z.mean(axis=0), Z.var(axis=0, ddof=1)
    tau = mean.var()
    shape = 2 + var.mean() ** 2 / var.var()
    scale = var.mean() * (shape - 1)
    squares = np.sum((Z - g) ** 2, axis=0)
    assert_allclose(v, (scale + squares / 2) / (n / 2 + shape - 1), rtol=1e-5)
    assert_allclose(g, (n * tau * mean + v * mean.mean()) / (n * tau + v), atol=1e-5)
    # So that they lie between what a feature says and what all say.
    assert np.mean(np.abs(g - mean.mean()) <= np.abs(mean - mean.mean())) == 1


def test_what_hardly_varies_in_the_source_changes_little_of_the_rest(rng):
    """Although it varies a million times as much in the other dataset."""
    X_a, X_b = rng.standard_normal((2, 200, 50))
    plain, _ = fitted(X_a, X_b)
    X_a[:, 0] *= 1e-3
    X_b[:, 0] *= 1e3
    method, (_, b) = fitted(X_a, X_b)
    assert_allclose(b[:, 0].std(), 1e-3, rtol=0.2)
    assert_allclose(method.scale_["b"][1:], plain.scale_["b"][1:], rtol=0.1)


def test_a_feature_that_does_not_vary_is_moved_alone(rng):
    X_a, X_b = rng.standard_normal((2, 40, 5))
    X_a[:, 0], X_b[:, 1] = 2.0, 3.0
    _, (a, b) = fitted(X_a, X_b)
    assert_allclose(b[:, 0] - 2, X_b[:, 0] - X_b[:, 0].mean())
    assert_allclose(b[:, 1], X_a[:, 1].mean())
    rest, _ = fitted(X_a[:, 2:], X_b[:, 2:])
    assert_allclose(b[:, 2:], rest.transform(X_b[:, 2:], np.full(40, "b")))
    assert_array_equal(a, X_a)


def test_too_few_clips_and_unknown_datasets_are_refused(rng):
    X = rng.standard_normal((9, 3))
    with pytest.raises(DataError, match=r"2 or more of either, got 8 and 1"):
        fitted(X[:8], X[8:])
    with pytest.raises(DataError, match=r"2 or more of either, got 9 and 0"):
        fitted(X)
    method, _ = fitted(X[:4], X[4:])
    with pytest.raises(DataError, match=r"does not know the dataset 'z'.*'a', 'b'"):
        method.transform(X, np.full(9, "z"))
