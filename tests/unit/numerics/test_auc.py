"""Metrics of ranked clips and of a threshold, against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    precision_recall_fscore_support,
)

from earshift.numerics import auc


@pytest.mark.parametrize("decimals", [1, 6])
def test_the_average_precision_is_that_of_scikit_learn(decimals):
    rng = np.random.default_rng(decimals)
    scores = np.round(rng.standard_normal(200), decimals)  # with ties, if few decimals
    present = rng.random(200) < 0.3
    folds = np.repeat([0, 1], 100)
    expected = [
        average_precision_score(present[folds == f], scores[folds == f]) for f in (0, 1)
    ]
    weights = [present[folds == f].sum() for f in (0, 1)]
    found = auc.fold_average_precision(scores, present, folds)
    assert found == pytest.approx(np.average(expected, weights=weights))


def test_a_class_that_no_test_clip_has_gives_no_precision():
    nothing = np.zeros(3, bool)
    assert np.isnan(auc.fold_average_precision(np.arange(3.0), nothing, np.zeros(3)))


@pytest.mark.parametrize("threshold", [-9.0, 0.0, 9.0])
def test_threshold_metrics_are_those_of_scikit_learn(threshold):
    rng = np.random.default_rng(0)
    scores = rng.standard_normal(200) - threshold  # all called present, some, none
    present = rng.random(200) < 0.3
    said = scores > 0
    expected = precision_recall_fscore_support(
        present, said, average="binary", zero_division=0
    )
    found = auc.threshold_metrics(scores, present)
    assert found.pop("accuracy") == pytest.approx(accuracy_score(present, said))
    assert list(found) == ["precision", "recall", "f1"]
    assert list(found.values()) == pytest.approx(expected[:3])


def test_threshold_metrics_of_a_known_table():
    scores = np.array([1, 1, -1, -1, 1.0])
    present = np.array([True, True, True, False, False])
    found = auc.threshold_metrics(scores, present)
    assert found == pytest.approx(
        {"accuracy": 0.6, "precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3}
    )


def test_the_recall_of_a_class_that_no_clip_has_is_unknown():
    none = np.zeros(3, bool)
    found = auc.threshold_metrics(np.array([1.0, -1.0, -1.0]), none)
    assert np.isnan(found.pop("recall"))
    assert found == {"accuracy": pytest.approx(2 / 3), "precision": 0.0, "f1": 0.0}
