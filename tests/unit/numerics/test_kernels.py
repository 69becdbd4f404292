import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import hadamard
from scipy.stats import chi
from sklearn.utils.estimator_checks import parametrize_with_checks

from earshift.numerics import kernels
from earshift.numerics.kernels import Fastfood, RandomFourier


@parametrize_with_checks([Fastfood(), RandomFourier()])
def test_scikit_learn_accepts_it(estimator, check):
    check(estimator)


@pytest.fixture
def clips():
    rng = np.random.default_rng(0)
    return rng.standard_normal((40, 12)) * np.linspace(0.5, 2, 12)


def kernel(X, sigma):
    distances = ((X[:, None] - X[None]) ** 2).sum(axis=2)
    return np.exp(-distances / (2 * sigma**2))


@pytest.mark.parametrize("kind", [Fastfood, RandomFourier])
def test_inner_products_approach_the_kernel(kind, clips):
    errors = []
    for n_components in (8, 512):
        method = kind(sigma=4.0, n_components=n_components)
        phi = method.fit_transform(clips)
        errors.append(np.abs(phi @ phi.T - kernel(clips, 4.0)).max())
    # The error falls as one over the root of the number of frequencies.
    assert errors[1] < 0.05
    assert errors[1] < errors[0] / 3


@pytest.mark.parametrize("kind", [Fastfood, RandomFourier])
def test_rows_have_length_one_and_the_seed_decides(kind, clips):
    phi = kind(random_state=1).fit_transform(clips)
    assert_allclose(np.linalg.norm(phi, axis=1), 1)
    assert_array_equal(phi, kind(random_state=1).fit_transform(clips))
    assert np.abs(phi - kind(random_state=2).fit_transform(clips)).max() > 0.01


@pytest.mark.parametrize("kind", [Fastfood, RandomFourier])
def test_blocks_of_clips_do_not_matter(kind, clips):
    method = kind().fit(clips)
    many = np.tile(clips, (30, 1))
    assert_allclose(method.transform(many)[-40:], method.transform(clips), atol=1e-14)


def test_fastfood_is_the_product_of_its_matrices(clips):
    """Against dense matrices, with the draws in the order of the published code."""
    method = Fastfood(sigma=3.0, n_components=4, random_state=7).fit(clips)
    d, n_stacks = 16, 3
    rng = np.random.RandomState(7)
    G = rng.normal(size=(n_stacks, d))
    B = rng.choice([-1, 1], size=(n_stacks, d))
    orders = [rng.permutation(d) for _ in range(n_stacks)]
    S = chi.rvs(d, size=(n_stacks, d), random_state=rng)
    S /= np.linalg.norm(G, axis=1, keepdims=True)
    H = hadamard(d)
    V = np.concatenate(
        [
            np.diag(S[i]) @ H @ np.diag(G[i]) @ np.eye(d)[orders[i]] @ H @ np.diag(B[i])
            for i in range(n_stacks)
        ]
    )
    angles = clips @ V[:, :12].T / (3.0 * np.sqrt(d))
    expected = np.hstack([np.cos(angles), np.sin(angles)]) / np.sqrt(n_stacks * d)
    assert_allclose(method.transform(clips), expected, atol=1e-12)


def test_aliased_reads_what_it_has_written(clips):
    """Entries are moved one by one in one array, as libraries without a copy do."""
    exact = Fastfood(random_state=3).fit(clips)
    aliased = Fastfood(random_state=3, aliased=True).fit(clips)
    row = np.arange(len(exact.order_))
    for j, i in enumerate(exact.order_):
        row[j] = row[i]
    assert_array_equal(aliased.order_, row)
    assert len(set(row)) < len(row)
    assert np.abs(aliased.transform(clips) - exact.transform(clips)).max() > 0.01


@pytest.mark.parametrize("d", [1, 2, 64, 256, 1024])
def test_the_fast_transform_is_that_of_the_matrix(d):
    X = np.random.default_rng(0).standard_normal((3, 2, d))
    expected = X @ hadamard(d) if d > 1 else X
    assert_allclose(kernels.walsh_hadamard(X), expected, atol=1e-10)


def test_the_median_counts_a_clip_with_itself():
    # Distances 0, 0, 0, and 1, 2, 3 both ways: the median of nine is the fifth.
    assert kernels.median_distance(np.array([[0.0], [1.0], [3.0]])) == 1.0


def test_the_width_is_the_median_unless_it_is_given(clips):
    assert Fastfood().fit(clips).sigma_ == kernels.median_distance(clips)
    assert Fastfood(sigma=2.0).fit(clips).sigma_ == 2.0
