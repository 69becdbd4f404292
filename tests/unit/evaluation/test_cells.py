"""Clips of one dataset that weigh as another has their cells."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from earshift.evaluation import cells


def test_cells_become_as_common_as_in_the_target():
    rng = np.random.default_rng(0)
    both = np.repeat([0, 1, -1], [30, 10, 4]), np.repeat([0, 1, 2], [10, 28, 2])
    draws = tuple(rng.poisson(1.0, (len(own), 5)) + 0.1 for own in both)
    weights = cells.weights(both, draws)
    shares = [
        [(own == k) @ w / w.sum(axis=0) for k in (0, 1)]
        for own, w in zip(both, (draws[0] * weights, draws[1]), strict=True)
    ]
    assert_allclose(np.divide(*shares[0]), np.divide(*shares[1]))
    assert (weights[30:40] > weights[0]).all()
    assert (weights[40:] == 0).all()


@pytest.mark.parametrize(
    ("both", "reason"),
    [
        (([0, 0, 1, 1], [0, 1, 1, 1]), ""),
        (([0, 0, 1, 1], [0, 1, 2, 2]), "lacks the kinds of 50% of the target's"),
        (([0] * 99 + [1], [1] * 9 + [0]), "leave an effective"),
    ],
)
def test_cells_that_cannot_be_weighed_are_refused(both, reason):
    found = cells.refused(tuple(map(np.array, both)), "kinds")
    assert reason in found
    assert bool(found) == bool(reason)
