"""What every classifier must do, whoever wrote it."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.utils.estimator_checks import estimator_checks_generator

from earshift import classifiers, registry
from earshift.classifiers import scores
from earshift.errors import DataError
from earshift.evaluation.training import Trainer
from earshift.numerics import classifier
from tests.helpers.plugins import PLUGINS

#: Those of the library, and one of a user: a file that is named by its path.
NAMES = (*registry.names("classifiers"), str(PLUGINS / "nearest.py"))


@pytest.fixture(params=NAMES, ids=lambda name: Path(name).stem)
def trainer(request):
    entry = {"plugin": request.param, "n_inner_folds": 3}
    return Trainer.of(entry)


def problem(n=150, d=8, seed=0):
    """Clips in two recordings each, and a class that two features tell well."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    y = X[:, 0] - X[:, 1] + 0.3 * rng.standard_normal(n) > 0.5
    X[:, :2] *= 2
    return X, y, np.repeat(np.arange(n // 2), 2).astype(str)


def fit(trainer, X, y, recordings, **options):
    rng = np.random.default_rng(1)
    return trainer.fit(X, y, recordings=recordings, rng=rng, **options)


def weighted(trainer):
    if "sample_weight" not in trainer.takes:
        pytest.skip("the classifier takes no weights, and is refused: see below")
    return trainer


@pytest.mark.parametrize("name", registry.names("classifiers"))
def test_scikit_learn_accepts_it(name):
    for estimator, check in estimator_checks_generator(classifiers.make(name)):
        if (
            check.func.__name__ != "check_array_api_input"
        ):  # asks for a setting of SciPy
            check(clone(estimator))


def test_a_class_is_told_from_the_rest_and_the_threshold_is_nought(trainer):
    X, y, recordings = problem()
    new, present, _ = problem(seed=1)
    found = fit(trainer, X, y, recordings).score(new)
    assert found.shape == (150,)
    assert found.dtype == np.float64
    assert np.isfinite(found).all()
    assert roc_auc_score(present, found) > 0.85
    assert np.mean((found > 0) == present) > 0.8


def test_the_same_arguments_give_the_same_bits(trainer):
    X, y, recordings = problem()
    one, two = (fit(trainer, X, y, recordings).score(X) for _ in range(2))
    assert_array_equal(one, two)


def test_a_clip_is_scored_by_itself(trainer):
    X, y, recordings = problem()
    new, *_ = problem(seed=1)
    fitted = fit(trainer, X, y, recordings)
    alone = np.concatenate([fitted.score(clip[None]) for clip in new])
    assert_allclose(alone, fitted.score(new), rtol=0, atol=1e-9)


def test_arguments_are_left_as_they_were(trainer):
    X, y, recordings = problem()
    given = {"X": X, "y": y, "recordings": recordings, "products": X @ X.T}
    if "sample_weight" in trainer.takes:
        given["weights"] = np.linspace(0, 2, len(y))
    before = {name: value.copy() for name, value in given.items()}
    trainer.fit(rng=np.random.default_rng(1), **given).score(X)
    for name, value in given.items():
        assert_array_equal(value, before[name])


def test_clips_that_it_was_not_given_change_nothing(trainer):
    """Neither those beside the training clips in memory, nor those scored before."""
    X, y, recordings = problem()
    some = np.arange(0, 100)
    first = fit(trainer, X[:100], y[:100], recordings[:100])
    before = first.score(X[some])
    X[100:] = 1e6
    first.score(X)
    assert_array_equal(first.score(X[some]), before)
    again = fit(trainer, X[:100], y[:100], recordings[:100])
    assert_array_equal(again.score(X[some]), before)


def test_removed_directions_change_no_score(trainer):
    """Whether they are taken from clips, or from a linear classifier."""
    X, y, recordings = problem()
    rng = np.random.default_rng(3)
    basis = np.linalg.qr(rng.standard_normal((8, 2)))[0].T
    bare, _ = classifier.without(X, None, basis)
    fitted = fit(trainer, bare, y, recordings).without(basis)
    moved = X + rng.standard_normal((len(X), 2)) @ basis
    assert_allclose(fitted.score(moved), fitted.score(X), atol=1e-9)
    assert_allclose(fitted.score(bare), fitted.score(X), atol=1e-9)
    assert roc_auc_score(y, fitted.score(X)) > 0.7


def test_products_change_no_score(trainer):
    """Nor do directions that are missing in the products alone."""
    X, y, recordings = problem(60, 40)
    own = np.linalg.qr(np.random.default_rng(3).standard_normal((40, 2)))[0].T
    plain = fit(trainer, X, y, recordings).score(X)
    shared = fit(trainer, X, y, recordings, products=X @ X.T).score(X)
    assert_allclose(shared, plain, atol=1e-5 * np.ptp(plain))
    bare, _ = classifier.without(X, None, own)
    plain = fit(trainer, bare, y, recordings).without(own).score(X)
    kept = X if "products" in trainer.takes else bare
    shared = fit(trainer, kept, y, recordings, products=bare @ bare.T).without(own)
    assert_allclose(shared.score(X), plain, atol=1e-5 * np.ptp(plain))


def test_more_than_two_classes_have_a_score_each(trainer):
    rng = np.random.default_rng(0)
    names = np.array(["bass", "flute", "voice"])
    y = names[rng.integers(3, size=240)]
    X = rng.standard_normal((240, 5)) + 3 * (y[:, None] == [*names, "", ""])
    fitted = clone(trainer.estimator).fit(X[:160], y[:160])
    found = scores(fitted, X[160:])
    assert found.shape == (80, 3)
    assert_array_equal(fitted.classes_, names)
    assert np.mean(names[found.argmax(axis=1)] == y[160:]) > 0.9
    assert_array_equal(fitted.predict(X[160:]), names[found.argmax(axis=1)])


def test_a_weight_of_nought_leaves_a_clip_out(trainer):
    X, y, recordings = problem()
    weights = np.random.default_rng(2).uniform(0.5, 2, len(y))
    weights[::3] = 0
    used = weights > 0
    spoilt, other = X.copy(), y.copy()
    spoilt[~used], other[~used] = 100.0, True
    given = fit(weighted(trainer), spoilt, other, recordings, weights=weights)
    own = (X[used], y[used], recordings[used])
    without = fit(trainer, *own, weights=weights[used])
    assert_array_equal(given.score(X), without.score(X))


def test_the_estimator_itself_counts_a_clip_as_often_as_its_weight_says(trainer):
    X, y, _ = problem()
    weights = np.random.default_rng(2).integers(0, 4, len(y))
    folds = np.arange(len(y)) % 3
    known = {"folds": folds} if "folds" in trainer.takes else {}
    repeated = {word: np.repeat(folds, weights) for word in known}
    one, two = (clone(weighted(trainer).estimator) for _ in range(2))
    one.fit(X, y, sample_weight=weights.astype(float), **known)
    two.fit(np.repeat(X, weights, axis=0), np.repeat(y, weights), **repeated)
    found, expected = scores(one, X), scores(two, X)
    assert_allclose(found, expected, atol=1e-6 * np.ptp(expected))
    unweighted = scores(clone(trainer.estimator).fit(X, y, **known), X)
    assert np.abs(found - unweighted).max() > 1e-3 * np.ptp(expected)


def test_weights_that_it_does_not_take_are_refused(trainer):
    X, y, recordings = problem()
    if "sample_weight" in trainer.takes:
        fit(trainer, X, y, recordings, weights=np.ones(len(y)))
        return
    with pytest.raises(DataError, match=r"takes none.*such as 'logistic'"):
        fit(trainer, X, y, recordings, weights=np.ones(len(y)))


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_weights_that_cannot_be_are_refused(trainer, bad):
    X, y, recordings = problem()
    weights = np.ones(len(y))
    weights[7] = bad
    with pytest.raises(DataError, match="finite and 0 or more"):
        fit(weighted(trainer), X, y, recordings, weights=weights)


def test_clips_of_one_kind_are_refused(trainer):
    X, y, recordings = problem()
    with pytest.raises(DataError, match="all 150 training clips have it"):
        fit(trainer, X, np.ones(150, bool), recordings)
    with pytest.raises(DataError, match=f"all {y.sum()} training clips have it"):
        fit(weighted(trainer), X, y, recordings, weights=y.astype(float))
