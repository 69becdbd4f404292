"""Terms of a loss: places of the feature space in which all is counted by hand."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from earshift.errors import ConfigError
from earshift.evaluation import decomposition as terms

N = 40  # clips of each kind and place


def side(places, rng, draws=20):
    """Clips of places, in each of which so many of N clips of either class are right.

    There are two classes, of which the scores are as sure as they are wrong.
    """
    present = np.tile(np.repeat([True, False], N), len(places))
    right = np.concatenate([np.tile(np.arange(N) < n, 2) for n in places])
    score = np.where(present == right, 1.0, -1.0)
    labels = np.stack([present, ~present], axis=1).astype(np.int8)
    weights = np.ones((len(present), 1 + draws))
    weights[:, 1:] = rng.poisson(1.0, (len(present), draws)) + 0.01
    scores = np.stack([score, -score], axis=1)
    return terms.Side(scores, labels, np.zeros(len(present), int), weights)


@pytest.fixture
def sides():
    """The source is in places 0 and 1, the target in places 1 and 2."""
    rng = np.random.default_rng(0)
    return side([40, 36], rng), side([28, 20], rng)


#: Log-odds of each place: place 0 is of the source alone, place 2 of the target.
ODDS = np.repeat([-40.0, 0.0, 0.0, 40.0], 2 * N)


@pytest.mark.parametrize("metric", ["balanced_accuracy", "recall", "brier", "roc_auc"])
def test_terms_are_those_of_the_places(sides, metric):
    source, target = sides
    pair = terms.Pair(source, target, [None, None], ODDS)
    own = terms.metric_of(metric)
    found = terms.losses([pair], [[]], own, 10)
    values = {name: found.curves[name].drawn for name in found.curves}

    def of(one, *places):
        rows = np.isin(np.repeat([0, 1], 2 * N), places)
        return one.value(0, own, one.draws * rows[:, None])

    sign = own.sign
    expected = {
        "x_source": of(source, 0, 1) - of(source, 1),
        "y_given_x": of(source, 1) - of(target, 0),
        "x_target": of(target, 0) - of(target, 0, 1),
    }
    for name, value in expected.items():
        assert_allclose(values[name][0], sign * value, atol=1e-6, err_msg=name)
    assert_allclose(sum(values[name] for name in terms.SPLIT), values["loss"])
    if metric in ("balanced_accuracy", "recall"):
        known = [38 / 40 - 36 / 40, 36 / 40 - 28 / 40, 28 / 40 - 24 / 40]
        assert_allclose([values[n][0, 0] for n in terms.SPLIT], known)
    assert np.isnan(values["label_shares"]).all()
    assert (values["unsplit"] == 0).all()


def test_what_hardly_overlaps_is_not_split(sides):
    odds = np.where(np.arange(len(ODDS)) < 4 * N, -20.0, 20.0)
    odds[:1], odds[-1:] = 10.0, -10.0  # a clip of each is where the other is
    pair = terms.Pair(*sides, [None, None], odds)
    found = terms.losses([pair], [[]], terms.metric_of("balanced_accuracy"), 10)
    for name in terms.SPLIT:
        assert np.isnan(found.curves[name].drawn).all()
        assert found.mean(name).drawn[0, 0] == 0
    assert_allclose(found.curves["unsplit"].drawn, found.curves["loss"].drawn)
    assert (found.effective < terms.MIN_SHARE).all()


def test_training_data_drawn_anew_widen_the_interval(sides):
    source, target = sides
    pair = terms.Pair(source, target, [None, None], ODDS)
    own = terms.metric_of("balanced_accuracy")
    rng = np.random.default_rng(1)
    again = []
    for _ in range(4):
        flipped = np.where(rng.random(len(target.scores)) < 0.2, -1, 1)[:, None]
        one = terms.Side(
            target.scores * flipped, target.labels, target.folds, target.draws[:, :1]
        )
        first = terms.Side(
            source.scores, source.labels, source.folds, source.draws[:, :1]
        )
        again.append(terms.Pair(first, one, [None, None], ODDS))
    plain = terms.losses([pair], [[]], own, 50).mean("y_given_x").mean()
    wider = terms.losses([pair], [again], own, 50).mean("y_given_x").mean()
    assert wider.value == plain.value
    assert wider.se > plain.se


def test_a_metric_that_there_is_not_is_refused():
    with pytest.raises(ConfigError, match="Did you mean 'recall'"):
        terms.metric_of("recalls")
    with pytest.raises(ConfigError, match="nothing can be decomposed"):
        terms.metric_of("balanced_accuracy_chosen")
