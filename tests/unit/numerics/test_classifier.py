import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression

from earshift import classifiers
from earshift.errors import DataError
from earshift.numerics import classifier, logistic

GRID = [1e-4, 1e-2, 1.0, 100.0]


def problem(n=120, d=20, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    y = X[:, 0] - X[:, 1] + rng.standard_normal(n) > 0.8
    return X, y, np.arange(n) % 3


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
    X, y, folds = problem(40, 300)
    assert classifier.products(X[:, :20]) is None
    fitted = classifier.fit(X, y, [0.1], folds)
    coef, b = logistic.fit_path(X, y, [0.1])
    assert_allclose(fitted.coef, coef[0], atol=1e-9)
    assert fitted.intercept == pytest.approx(b[0])


def test_the_penalty_follows_the_data():
    """Pure noise wants the strongest penalty; a clear class does not."""
    X, y, folds = problem(200, 60)
    clear = X[:, 0] > 0.3
    fitted = classifier.fit(X, clear, GRID, folds)
    assert GRID[0] < fitted.C
    assert np.mean((fitted.score(X) > 0) == clear) > 0.9
    del y


def test_one_kind_of_label_is_refused():
    X, _, folds = problem()
    with pytest.raises(DataError, match="clips that do not"):
        classifier.fit(X, np.ones(120, bool), GRID, folds)


def drawn_weights(n):
    return np.random.default_rng(7).gamma(0.5, size=n)


@pytest.mark.parametrize("by_products", [False, True])
@pytest.mark.parametrize(("n", "d"), [(120, 20), (60, 200)])
def test_weights_of_clips_are_those_of_scikit_learn(n, d, by_products):
    """They multiply; then either class has half of their sum."""
    X, y, _ = problem(n, d)
    weights = drawn_weights(n)
    if by_products:
        clips, intercept = logistic.fit_clips(X @ X.T, y, GRID, weights=weights)
        coef = clips @ X
    else:
        coef, intercept = logistic.fit_path(X, y, GRID, weights=weights)
    half = weights.sum() / 2
    each = weights * np.where(y, half / weights[y].sum(), half / weights[~y].sum())
    for i, C in enumerate(GRID):
        reference = LogisticRegression(C=C, solver="newton-cholesky", tol=1e-12)
        reference.fit(X, y, sample_weight=each)
        scale = np.abs(reference.coef_).max()
        assert_allclose(coef[i], reference.coef_[0], atol=1e-6 * scale)
        assert_allclose(intercept[i], reference.intercept_[0], atol=1e-6 * scale)


@pytest.mark.parametrize("by_products", [False, True])
@pytest.mark.parametrize(("n", "d"), [(120, 20), (60, 200)])
def test_whole_weights_are_clips_that_are_repeated(n, d, by_products):
    """In the choice of C, too: clips of a fold stay in it."""
    X, y, folds = problem(n, d)
    weights = np.random.default_rng(7).integers(0, 4, n)
    many, present, own = (np.repeat(each, weights, axis=0) for each in (X, y, folds))
    K, K_many = (X @ X.T, many @ many.T) if by_products else (None, None)
    grid = [10.0**i for i in range(-5, 3)]
    found = classifier.out_of_fold(X, K, y, folds, grid, weights=weights)
    expected = classifier.out_of_fold(many, K_many, present, own, grid)
    spread = np.ptp(expected, axis=1, keepdims=True)
    assert (np.abs(np.repeat(found, weights, axis=1) - expected) < 1e-6 * spread).all()
    one = classifier.fit(X, y, grid, folds, K=K, weights=weights.astype(float))
    two = classifier.fit(many, present, grid, own, K=K_many)
    assert one.C == two.C
    assert_allclose(one.coef, two.coef, atol=1e-6 * np.abs(two.coef).max())
    assert one.intercept == pytest.approx(two.intercept, abs=1e-6)


def test_the_choice_of_the_penalty_looks_at_clips_as_their_weights_say():
    """Half of the clips are noise: without weight, they do not ask for a penalty."""
    X, y, folds = problem(200, 60)
    y = X[:, 0] > 0.3
    noise = np.arange(200) % 2 == 0
    y[noise] = np.random.default_rng(1).random(noise.sum()) < 0.5
    weights = np.where(noise, 1e-9, 1.0)
    grid = [10.0**i for i in range(-5, 3)]
    fitted = classifier.fit(X, y, grid, folds, weights=weights)
    alone = classifier.fit(X[~noise], y[~noise], grid, folds[~noise])
    assert fitted.C == alone.C != classifier.fit(X, y, grid, folds).C


def test_equal_weights_are_none():
    X, y, folds = problem()
    one = classifier.fit(X, y, GRID, folds, weights=np.ones(len(y)))
    two = classifier.fit(X, y, GRID, folds)
    assert_array_equal(one.coef, two.coef)
    assert (one.intercept, one.C) == (two.intercept, two.C)


def test_each_of_many_classes_is_told_from_the_rest_as_scikit_learn_does():
    rng = np.random.default_rng(0)
    y = np.array(["bass", "flute", "voice"])[rng.integers(3, size=120)]
    X = rng.standard_normal((120, 5)) + (y[:, None] == ["bass", "flute", "", "", ""])
    weights = drawn_weights(120)
    ours = classifiers.make("logistic", C=[0.5]).fit(X, y, sample_weight=weights)
    for c, name in enumerate(ours.classes_):
        reference = LogisticRegression(
            C=0.5, class_weight="balanced", solver="newton-cholesky", tol=1e-12
        ).fit(X, y == name, sample_weight=weights)
        expected = reference.decision_function(X)
        assert_allclose(ours.decision_function(X)[:, c], expected, atol=1e-6)
