"""What every debias method must do, whoever wrote it."""

import inspect
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.utils.estimator_checks import estimator_checks_generator

from earshift import debias, registry
from earshift.debias import Method, _calls, _contract
from earshift.debias._directions import DirectionRemover
from earshift.debias._kernel import KernelMethod
from earshift.errors import ConfigError, DataError
from tests.helpers.cheats import CHEATS, write
from tests.helpers.two_domains import domain_r2

ALL = registry.names("debias")

#: Controls that replace clips, and are neither fitted nor transform: `test_controls`.
REPLACING = [n for n in ALL if Method.of(n, {"plugin": n}).replaces]
NAMES = [n for n in ALL if n not in REPLACING]

#: Methods that compare domains; the others, like ``none``, look at none.
COMPARING = [n for n in NAMES if registry.load("debias", n).access != "none"]


#: Checks of scikit-learn that the contract of a debias method rules out, and why.
NOT_FOR_US = {"check_fit_score_takes_y": "the second argument is the domain, then y"}


def fitted(method, X, domain, **arguments):
    """Fit a method as the workflow does, with what it takes."""
    source = domain[0]
    own = X[domain == source]
    labels = (np.arange(len(own))[:, None] % 3 == np.arange(3)).astype(np.int8)
    told = {"source": source, "source_clips": own, "source_labels": labels}
    return _calls.fit(method, {"X": X, "domain": domain, **told, **arguments})


def changed(name, X, domain, **arguments):
    """Clips as a method leaves them that was fitted to them."""
    method = fitted(debias.make(name), X, domain, **arguments)
    return _calls.transform(method, X, domain)


#: Methods that remove what they find between domains.
REMOVING = [
    name
    for name in COMPARING
    if isinstance(debias.make(name), DirectionRemover | KernelMethod)
]


def is_told(function, word):
    """Whether an argument of this name cannot be left out."""
    parameters = inspect.signature(function).parameters
    return word in parameters and parameters[word].default is not None


def checks_of_scikit_learn():
    """Each method with each check, called by both names.

    Not of methods that must be told the domains of clips, or anything of the source,
    which no check does.
    """
    for name in NAMES:
        method = debias.make(name)
        of_source = [is_told(method.fit, word) for word in _calls.FIT_OPTIONAL]
        if is_told(method.transform, "domain") or any(of_source):
            continue
        for method, check in estimator_checks_generator(debias.make(name)):
            own = check.func.__name__
            expected = own in NOT_FOR_US
            marks = pytest.mark.xfail(reason=NOT_FOR_US[own]) if expected else ()
            yield pytest.param(method, check, id=f"{name}-{own}", marks=marks)


@pytest.mark.parametrize(("method", "check"), list(checks_of_scikit_learn()))
def test_scikit_learn_accepts_it(method, check):
    check(method)


@pytest.mark.parametrize("name", ALL)
def test_it_keeps_the_contract(name):
    """That of methods, or that of controls that replace clips."""
    _contract.check(name)


@pytest.mark.parametrize("name", REPLACING)
def test_a_control_that_replaces_clips_cannot_be_taken_for_a_method(name):
    method = Method.of(name, {"plugin": name})
    assert method.is_control
    assert isinstance(debias.make(name), debias.Control)
    for word in ("fit", "transform", "removed_directions_", "map_and_correction"):
        assert not hasattr(debias.make(name), word)


@pytest.mark.parametrize("name", CHEATS)
def test_who_cheats_does_not(name, tmp_path):
    file = str(write(tmp_path, name))
    with pytest.raises(ConfigError, match=f"method '{file}' cannot be used: .*") as err:
        _contract.check(file)
    assert re.search(CHEATS[name][1], str(err.value))


@pytest.mark.parametrize("name", NAMES)
def test_clips_and_finiteness_are_kept(name, two_domains):
    X, domain = two_domains
    out = changed(name, X, domain)
    assert len(out) == len(X)
    assert np.isfinite(out).all()


@pytest.mark.parametrize("name", NAMES)
def test_held_out_clips_never_change_the_fit(name, two_domains):
    X, domain = two_domains
    train = np.arange(len(X)) % 2 == 0
    before = changed(name, X[train], domain[train])
    X[~train] = 1e6
    after = changed(name, X[train], domain[train])
    assert_array_equal(before, after)


@pytest.mark.parametrize("name", NAMES)
def test_labels_change_nothing_unless_it_may_see_them(name, two_domains):
    X, domain = two_domains
    if registry.load("debias", name).access == "target_labelled":
        pytest.skip("the method may see labels of the target")
    y = np.random.default_rng(1).random(len(X)) < 0.5
    assert_array_equal(changed(name, X, domain, y=y), changed(name, X, domain))


@pytest.mark.parametrize("name", NAMES)
def test_the_names_of_the_domains_do_not_matter(name, two_domains):
    X, domain = two_domains
    swapped = np.where(domain == "a", "z", "b")
    one, two = (changed(name, X, names) for names in (domain, swapped))
    assert_allclose(one, two, atol=1e-8)


@pytest.mark.parametrize("name", COMPARING)
def test_the_domain_is_harder_to_find_afterwards(name, two_domains):
    X, domain = two_domains
    method = fitted(debias.make(name), X, domain)
    if hasattr(method, "weights_"):
        pytest.skip("the method weights clips, and need not change them")
    if (
        getattr(method, "n_rounds", 0)
        and (_calls.transform(method, X, domain) == X).all()
    ):
        pytest.skip("the method trains classifiers again, and need not change clips")
    # A method that maps clips first is compared with its map.
    before = method.map_.transform(X) if hasattr(method, "map_") else X
    assert domain_r2(before, domain) > 0.5
    left = 1 - domain_r2(_calls.transform(method, X, domain), domain)
    assert left > 1.1 * (1 - domain_r2(before, domain))


@pytest.mark.parametrize("name", REMOVING)
def test_it_says_what_it_found_between_the_domains(name, two_domains):
    X, domain = two_domains
    method = debias.make(name).fit(X, domain)
    assert method.found_
    for found in method.found_:
        assert found.n_clips == {"a": 100, "b": 100}
        assert found.vector.shape == method.transform(X[:1])[0].shape


@pytest.mark.parametrize("name", ["none", *REMOVING])
def test_it_may_be_told_what_it_does_not_look_at(name, two_domains):
    X, domain = two_domains
    method = debias.make(name).fit(X, domain, source="a")
    plain = debias.make(name).fit(X, domain)
    assert_array_equal(method.transform(X, domain=domain), plain.transform(X))


def test_no_correction_changes_nothing(two_domains):
    X, domain = two_domains
    assert_array_equal(debias.make("none").fit(X, domain).transform(X), X)


def test_an_unknown_method_gets_the_nearest_name():
    with pytest.raises(ConfigError, match="Did you mean 'mean_projection'"):
        debias.make("mean_projecton")


@pytest.mark.parametrize("name", REMOVING)
def test_one_domain_is_refused_with_a_remedy(name, two_domains):
    X, _ = two_domains
    with pytest.raises(DataError, match=r"200 clips all of domain 'a'.*pooled"):
        debias.make(name).fit(X, np.full(len(X), "a"))
