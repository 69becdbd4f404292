import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression

from earshift import classifier, logistic
from earshift.errors import DataError

GRID = [1e-4, 1e-2, 1.0, 100.0]


def problem(n=120, d=20, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    y = X[:, 0] - X[:, 1] + rng.standard_normal(n) > 0.8
    return X, y, np.arange(n).astype(str)


@pytest.mark.parametrize(("n", "d"), [(120, 20), (60, 200)])
def test_the_path_solves_the_same_problem_as_scikit_learn(n, d):
    X, y, _ = problem(n, d)
    coef, intercept = logistic.fit_path(X, y, GRID)
    for i, C in enumerate(GRID):
        reference = LogisticRegression(
            C=C, class_weight="balanced", solver="newton-cholesky", tol=1e-10
        ).fit(X, y)
        scale = np.abs(reference.coef_).max()
        assert_allclose(coef[i], reference.coef_[0], atol=1e-4 * scale)
        assert_allclose(intercept[i], reference.intercept_[0], atol=1e-4)


def test_separable_clips_have_a_finite_solution():
    X = np.array([[-1.0], [-2.0], [1.0], [2.0]])
    y = np.array([False, False, True, True])
    coef, intercept = logistic.fit_path(X, y, [1e6])
    assert np.isfinite(coef).all()
    assert ((X @ coef[0] + intercept[0] > 0) == y).all()


@pytest.mark.parametrize(("n", "d"), [(120, 20), (60, 200)])
@pytest.mark.parametrize("C", GRID)
def test_a_penalised_intercept_is_that_of_a_constant_feature(n, d, C):
    X, y, _ = problem(n, d)
    coef, intercept = logistic.fit_path(X, y, [C], penalise_intercept=True)
    reference = LogisticRegression(
        C=C,
        class_weight="balanced",
        solver="newton-cholesky",
        tol=1e-12,
        fit_intercept=False,
    ).fit(np.column_stack([X, np.ones(n)]), y)
    found, expected = np.append(coef[0], intercept), reference.coef_[0]
    assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("penalise", [False, True])
def test_products_of_clips_give_the_same_classifier(penalise):
    X, y, _ = problem(150, 40)
    coef, b = logistic.fit_path(X, y, GRID, penalise_intercept=penalise)
    clips, c = logistic.fit_clips(X @ X.T, y, GRID, penalise_intercept=penalise)
    assert_allclose(clips @ X, coef, atol=1e-6 * np.abs(coef).max())
    assert_allclose(c, b, atol=1e-6)


def test_a_long_path_is_that_of_single_fits():
    X, y, _ = problem(60, 200)
    grid = [10.0**i for i in range(-8, 4)]
    path, _ = logistic.fit_path(X, y, grid)
    for C, coef in zip(grid, path, strict=True):
        alone, _ = logistic.fit_path(X, y, [C])
        assert_allclose(coef, alone[0], atol=1e-6 * np.abs(coef).max())


def test_products_are_used_where_features_are_many():
    X, y, recordings = problem(40, 300)
    assert classifier.products(X[:, :20]) is None
    fitted = classifier.fit(X, y, recordings, [0.1], 3, np.random.default_rng(0))
    coef, b = logistic.fit_path(X, y, [0.1])
    assert_allclose(fitted.coef, coef[0], atol=1e-9)
    assert fitted.intercept == pytest.approx(b[0])


def test_the_penalty_follows_the_data():
    """Pure noise wants the strongest penalty; a clear class does not."""
    rng = np.random.default_rng(0)
    X, y, recordings = problem(200, 60)
    clear = X[:, 0] > 0.3
    fitted = classifier.fit(X, clear, recordings, GRID, 3, rng)
    assert GRID[0] < fitted.C
    assert np.mean((fitted.score(X) > 0) == clear) > 0.9
    del y


def test_one_kind_of_label_is_refused():
    X, _, recordings = problem()
    with pytest.raises(DataError, match="clips that do not"):
        classifier.fit(
            X, np.ones(120, bool), recordings, GRID, 3, np.random.default_rng(0)
        )
