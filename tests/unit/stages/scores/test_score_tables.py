import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from earshift.stages.scores import score_tables


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
    found = score_tables._average_precision(scores, present, folds)
    assert found == pytest.approx(np.average(expected, weights=weights))


def test_a_class_that_no_test_clip_has_gives_no_precision():
    nothing = np.zeros(3, bool)
    assert np.isnan(
        score_tables._average_precision(np.arange(3.0), nothing, np.zeros(3))
    )
