"""What each method removes, against closed forms."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from earshift.debias import LDA, MeanProjection, MultiLDA
from tests.helpers.two_domains import domain_r2


def test_a_linear_fit_finds_the_domain_before_and_not_after(two_domains):
    X, domain = two_domains
    assert domain_r2(X, domain) > 0.5
    out = MeanProjection().fit_transform(X, domain)
    assert_allclose(domain_r2(out, domain), 0, atol=1e-12)


def test_lda_removes_its_direction_but_not_all_that_is_linear(two_domains):
    X, domain = two_domains
    method = LDA().fit(X, domain)
    assert_allclose(np.ptp(method.transform(X) @ method.directions_[0]), 0, atol=1e-9)
    assert 0.01 < domain_r2(method.transform(X), domain) < domain_r2(X, domain)


def test_lda_finds_the_direction_of_the_eigen_solver(two_domains):
    X, domain = two_domains
    reference = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto")
    expected = reference.fit(X, domain).coef_[0]
    cosine = LDA().fit(X, domain).directions_[0] @ expected / np.linalg.norm(expected)
    assert abs(cosine) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("method", [LDA(), MeanProjection()])
def test_only_one_direction_is_lost_for_two_domains(method, two_domains):
    X, domain = two_domains
    removed = X - method.fit_transform(X, domain)
    assert np.linalg.matrix_rank(removed - removed.mean(axis=0), tol=1e-8) == 1


@pytest.mark.parametrize("method", [LDA(), MeanProjection(), MultiLDA()])
def test_removing_twice_is_removing_once(method, two_domains):
    X, domain = two_domains
    once = method.fit(X, domain).transform(X)
    assert_allclose(method.transform(once), once, atol=1e-10)


@pytest.fixture
def subgroups(two_domains):
    """A subgroup that is shifted its own way, and one that domain b lacks."""
    X, domain = two_domains
    subgroup = np.array(["p", "q", None, "r"] * 50, dtype=object)
    subgroup[(domain == "b") & (subgroup == "r")] = "p"
    X[(subgroup == "q") & (domain == "b"), 2] += 5
    return X, domain, subgroup


def test_mlda_takes_one_direction_per_shared_subgroup(subgroups):
    X, domain, subgroup = subgroups
    method = MultiLDA().fit(X, domain, subgroup=subgroup)
    assert method.subgroups_ == ["p", "q"]
    assert [one.subgroup for one in method.skipped_] == ["r"]
    assert method.directions_.shape == (2, 6)
    assert_allclose(method.directions_ @ method.directions_.T, np.eye(2), atol=1e-12)


def test_mlda_removes_the_direction_of_each_subgroup(subgroups):
    X, domain, subgroup = subgroups
    out = MultiLDA().fit(X, domain, subgroup=subgroup).transform(X)
    plain = LDA().fit(X, domain).transform(X)
    for group in ("p", "q"):
        own = subgroup == group
        direction = LDA().fit(X[own], domain[own]).directions_[0]
        assert np.ptp(plain @ direction) > 0.1
        assert_allclose(np.ptp(out @ direction), 0, atol=1e-8)


def test_mlda_without_subgroups_is_lda(two_domains):
    X, domain = two_domains
    assert_allclose(
        MultiLDA().fit_transform(X, domain), LDA().fit_transform(X, domain), atol=1e-12
    )


def test_mlda_with_no_shared_subgroup_is_lda_and_says_so(two_domains):
    X, domain = two_domains
    method = MultiLDA().fit(X, domain, subgroup=domain.astype(object))
    assert_allclose(method.directions_, LDA().fit(X, domain).directions_)
    assert method.subgroups_ == []
    assert [one.subgroup for one in method.skipped_] == ["a", "b"]


def test_three_domains_lose_two_directions(two_domains):
    X, domain = two_domains
    domain = np.where(np.arange(200) % 3 == 0, "c", domain)
    assert MeanProjection().fit(X, domain).directions_.shape == (2, 6)
    assert LDA().fit(X, domain).directions_.shape[0] == 2
