"""Which clips of a target are labelled, and how much they count."""

import numpy as np
import pytest

from earshift.evaluation import few_labels

IDS = np.array([f"clip{i:03d}" for i in range(60)])
#: Three classes, of 30, 20 and 10 clips; the label of every seventh is unknown.
LABELS = (np.repeat([0, 1, 2], [30, 20, 10])[:, None] == np.arange(3)).astype(np.int8)
LABELS[::7, 1] = -1
MAY = np.arange(60) % 4 > 0


def draw(n, ids=IDS, labels=LABELS, may=MAY, key=b"k"):
    return few_labels.at_random(ids, labels, may, n, key)


def test_each_class_has_as_many_labelled_clips_of_those_that_may_train():
    for n in (1, 3, 5):
        chosen = draw(n)
        assert not chosen[~MAY].any()
        assert (LABELS[chosen] == 1).sum(axis=0).tolist() == [n] * 3
    # Of the smallest class there are 8: all of them.
    everyone = draw(100)
    np.testing.assert_array_equal(everyone, MAY & (LABELS == 1).any(axis=1))


def test_fewer_labels_are_among_more_and_other_draws_are_others():
    few, more = draw(2), draw(6)
    assert more[few].all()
    assert more.sum() == 3 * few.sum()
    assert (draw(2, key=b"other") != few).any()


def test_whoever_asks_gets_the_same_clips():
    order = np.random.default_rng(0).permutation(60)
    other = draw(4, IDS[order], LABELS[order], MAY[order])
    assert set(IDS[order][other]) == set(IDS[draw(4)])


def test_those_are_asked_for_whose_two_best_classes_are_nearest():
    scores = np.tile([3.0, 0.0, -3.0], (60, 1))
    wavering = [1, 5, 17, 22, 30, 41]
    assert MAY[wavering].all()
    scores[wavering, 1] = 2.9
    scores[8, 1] = 3.0  # may not train
    chosen = few_labels.by_uncertainty(scores, LABELS, MAY, 2)
    assert np.flatnonzero(chosen).tolist() == wavering
    assert few_labels.by_uncertainty(scores, LABELS, MAY, 1).sum() == 3
    # A class without a classifier is no second best.
    scores[:, 1] = np.nan
    scores[9, 2] = 2.0
    assert few_labels.by_uncertainty(scores, LABELS, MAY, 1)[9]


def test_of_a_single_class_those_are_asked_for_that_may_be_either():
    scores = np.linspace(-1, 2, 60)[:, None]
    chosen = few_labels.by_uncertainty(scores, LABELS[:, :1], np.ones(60, bool), 4)
    assert np.flatnonzero(chosen).tolist() == [18, 19, 20, 21]


@pytest.mark.parametrize("n_positive", [1, 3, 7])
def test_balanced_clips_count_as_much_as_the_source_in_each_group(n_positive):
    y_source = np.arange(50) < 12
    y = np.arange(20) < n_positive
    weights = few_labels.WAYS["balanced"](y_source, y)
    assert weights[y].sum() == pytest.approx(12)
    assert weights[~y].sum() == pytest.approx(38)
    assert few_labels.WAYS["pooled"](y_source, y).tolist() == [1] * 20
