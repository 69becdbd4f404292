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


def test_fitting_in_the_row_space_gives_the_same_scores():
    X, y, _ = problem(40, 300)
    basis = classifier.row_space(X)
    assert basis.shape == (40, 300)
    whole, b = logistic.fit_path(X, y, [0.1])
    small, c = logistic.fit_path(X @ basis.T, y, [0.1])
    test = np.random.default_rng(1).standard_normal((10, 300))
    assert_allclose(test @ whole[0] + b[0], test @ basis.T @ small[0] + c[0], atol=1e-6)


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
