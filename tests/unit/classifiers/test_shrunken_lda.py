"""The shrunken linear discriminant, on classes whose distributions are known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import covariance
from sklearn.metrics import roc_auc_score

from earshift import classifiers
from earshift.errors import DataError
from earshift.numerics.discriminant import ledoit_wolf
from tests.helpers.two_domains import run, write_two_domains

D = 4
MEANS = np.array([[0, 0, 0, 0], [1, 1, 0, 2.0], [-1, 2, 1, 0]])


def clips(rng, n_each, root):
    """Clips of classes with one covariance, and the number of the class of each."""
    y = np.repeat(range(len(n_each)), n_each)
    return rng.standard_normal((len(y), D)) @ root + MEANS[y], y


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def root(rng):
    return rng.standard_normal((D, D)) + np.eye(D)


@pytest.mark.parametrize("n_each", [(20000, 20000), (20000, 2000)])
def test_scores_are_the_log_odds_of_equally_common_classes(n_each, rng, root):
    X, y = clips(rng, n_each, root)
    fitted = classifiers.make("shrunken_lda").fit(X, y == 1)
    apart = np.linalg.solve(root.T @ root, MEANS[1])
    assert_allclose(fitted.coef_[0], apart, atol=0.1 * np.abs(apart).max())
    expected = (X - MEANS[1] / 2) @ apart
    off = fitted.decision_function(X) - expected
    assert np.sqrt(np.mean(off**2)) < 0.05 * expected.std()
    assert fitted.shrinkage_ < 0.01


def test_of_three_classes_differences_of_scores_are_log_odds(rng, root):
    X, y = clips(rng, (9000, 3000, 6000), root)
    scores = classifiers.make("shrunken_lda").fit(X, y).decision_function(X)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        apart = np.linalg.solve(root.T @ root, MEANS[other] - MEANS[one])
        expected = (X - MEANS[[one, other]].mean(axis=0)) @ apart
        off = scores[:, other] - scores[:, one] - expected
        assert np.sqrt(np.mean(off**2)) < 0.07 * expected.std()


def test_units_of_features_change_no_score(rng):
    X = rng.standard_normal((40, 60))
    y = X[:, :3].sum(axis=1) > 0
    unit = np.exp(rng.standard_normal(60))
    one = classifiers.make("shrunken_lda").fit(X, y).decision_function(X)
    two = classifiers.make("shrunken_lda").fit(X * unit, y)
    assert_allclose(two.decision_function(X * unit), one)


def test_of_few_clips_in_many_features_it_ranks_better_than_the_nearest_mean(rng):
    """Where one loud direction tells nothing of the class."""
    loud = rng.standard_normal(100)
    apart = rng.standard_normal(100)

    def made_up(n):
        y = np.arange(n) % 2 == 0
        X = rng.standard_normal((n, 100)) + 4 * np.outer(rng.standard_normal(n), loud)
        return X + 0.3 * np.outer(y, apart), y

    (X, y), (new, known) = made_up(60), made_up(2000)
    fitted = classifiers.make("shrunken_lda").fit(X, y)
    nearest = new @ (X[y].mean(axis=0) - X[~y].mean(axis=0))
    assert 0.02 < fitted.shrinkage_ < 0.98
    found = roc_auc_score(known, fitted.decision_function(new))
    assert found > roc_auc_score(known, nearest) + 0.1


def test_where_no_class_varies_the_nearest_mean_decides():
    X = np.array([[0.0, 0], [0, 0], [2, 4]])
    fitted = classifiers.make("shrunken_lda").fit(X, [False, False, True])
    assert_allclose(fitted.coef_, [[2, 4]])
    assert_allclose(fitted.decision_function([[1, 2], [2, 4]]), [0, 10])


def test_clips_of_one_class_are_refused():
    X = np.eye(3)
    with pytest.raises(DataError, match=r"two classes or more, .*\[True\], for the 2"):
        classifiers.make("shrunken_lda").fit(
            X, [True, True, False], sample_weight=[1, 1, 0]
        )


@pytest.mark.parametrize("shape", [(30, 8), (8, 30)])
def test_the_shrinkage_is_that_of_ledoit_and_wolf_and_weights_are_counts(shape, rng):
    Z = rng.standard_normal(shape) * np.exp(rng.standard_normal(shape[1]))
    weights = rng.integers(1, 4, shape[0])
    share, level = ledoit_wolf(Z)
    assert_allclose(
        share, covariance.ledoit_wolf_shrinkage(Z, assume_centered=True), atol=1e-12
    )
    assert 0 < share < 1
    assert_allclose(level, np.mean(Z**2))
    repeated = ledoit_wolf(np.repeat(Z, weights, axis=0))
    assert_allclose(ledoit_wolf(Z, weights.astype(float)), repeated)


def test_a_run_trains_it_again_on_clips_that_it_labels(tmp_path):
    entries = write_two_domains(tmp_path)
    classifier = {"plugin": "shrunken_lda", "n_inner_folds": 3}
    methods = {"adapt": {"plugin": "adapt"}}
    rows, scores = run(tmp_path, entries, methods=methods, classifier=classifier)
    assert rows["C"].isna().all()
    across = scores[scores["train"] != scores["test"]]
    assert across["roc_auc"].mean() > 0.8
    assert across["balanced_accuracy"].mean() > 0.7
