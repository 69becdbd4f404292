"""Shrunken discriminants, against scikit-learn's eigen solver."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from earshift.numerics.discriminant import discriminant, solve_spread


def groups(sizes, n_features, seed=0):
    """Groups of clips, two of whose features are constant within each."""
    rng = np.random.default_rng(seed)
    scale = np.exp(rng.standard_normal(n_features))
    parts = [
        rng.standard_normal((n, n_features)) * scale + rng.standard_normal(n_features)
        for n in sizes
    ]
    for i, part in enumerate(parts):
        if n_features > 2:
            part[:, 0], part[:, 1] = 0.0, 1.0 + i
    return parts


@pytest.mark.parametrize("shrinkage", ["auto", 0.3])
@pytest.mark.parametrize(
    ("sizes", "n_features"),
    [((100, 120), 20), ((30, 40), 200), ((200, 1), 50), ((60,), 100), ((5, 7), 1)],
)
def test_it_is_the_coefficient_of_the_eigen_solver(sizes, n_features, shrinkage):
    parts = groups(sizes, n_features)
    reference = LinearDiscriminantAnalysis(solver="eigen", shrinkage=shrinkage)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one class, one clip
        reference.fit(np.concatenate(parts), np.repeat(np.arange(len(sizes)), sizes))
    found = discriminant(parts, shrinkage)
    expected = reference.coef_
    assert np.linalg.norm(found - expected) < 1e-8 * np.linalg.norm(expected)


def test_three_groups_have_a_row_each_against_the_mean():
    parts = groups((30, 40, 50), 8)
    reference = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto")
    reference.fit(np.concatenate(parts), np.repeat([0, 1, 2], (30, 40, 50)))
    expected = reference.coef_ - reference.coef_.mean(axis=0)
    # Zero but for rounding, which differs between machines.
    assert_allclose(discriminant(parts), expected, rtol=1e-8, atol=1e-13)


def test_the_space_of_clips_gives_what_the_space_of_features_does():
    rng = np.random.default_rng(0)
    rows, right = rng.standard_normal((30, 80)), rng.standard_normal((2, 80))
    diagonal = np.exp(rng.standard_normal(80))
    found = solve_spread(rows, diagonal, right)
    system = rows.T @ rows + np.diag(diagonal)
    assert_allclose(found, np.linalg.solve(system, right.T).T, rtol=1e-10)


def test_a_singular_spread_has_a_finite_discriminant():
    part = np.ones((4, 3))
    found = discriminant([part, part + np.array([1.0, 0.0, 0.0])])
    assert np.isfinite(found).all()
