"""Measures as functions of plain arrays: values, intervals, p-values, errors."""

import inspect
import re
import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest

from earshift import discrepancy, registry
from earshift.discrepancy import Measured
from earshift.errors import ConfigError, DataError
from tests.helpers.places import ROOT
from tests.helpers.plugins import PLUGINS

PAGE = (ROOT / "docs" / "measures.md").read_text()


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    return rng.standard_normal((60, 5)), rng.standard_normal((40, 5)) + 0.6


def test_a_function_gives_what_the_workflow_would_be_given(pair):
    own = [np.repeat(np.arange(len(X) // 2), 2) for X in pair]
    found = discrepancy.mmd(*pair, *own, n_permutations=199, random_state=3)
    plain = registry.load("discrepancy", "mmd").measure(
        *pair,
        recordings_a=own[0].astype(str),
        recordings_b=own[1].astype(str),
        rng=np.random.default_rng(3),
    )
    assert isinstance(found, Measured)
    assert found.value == plain.value
    np.testing.assert_array_equal(found.null, plain.null)
    ends = np.percentile(plain.resampled, [2.5, 97.5])
    np.testing.assert_allclose(found.interval, ends)
    assert found.p_value == (np.sum(plain.null >= plain.value) + 1) / 200
    again = discrepancy.measure("mmd", *pair, *own, n_permutations=199, random_state=3)
    assert again.interval == found.interval


@pytest.mark.parametrize("name", registry.names("discrepancy"))
def test_every_measure_is_a_function_with_as_many_draws_as_asked(name, pair):
    X_a, X_b = pair
    y_a, y_b = (np.resize(["cello", "flute"], len(X)) for X in pair)
    found = getattr(discrepancy, name)(X_a, X_b, y_a=y_a, y_b=y_b, n_permutations=29)
    assert len(found.resampled) == 29
    assert found.null is None or len(found.null) == 29
    assert 1 / 30 <= found.p_value <= 1
    low, high = found.interval
    assert low <= found.value <= high
    assert name in dir(discrepancy)
    function = getattr(discrepancy, name)
    assert list(inspect.signature(function).parameters)[:2] == ["X_a", "X_b"]
    assert "Arguments and result are those of" in function.__doc__
    # Afterwards the workflow has its own number, and its plugins are modules.
    plugin = registry.load("discrepancy", name)
    assert isinstance(plugin, ModuleType)


def test_importing_the_package_imports_no_measure():
    """Whichever way a module of a measure was imported, its name is a function."""
    code = (
        "import sys, earshift.discrepancy as d\n"
        "assert not {'sklearn', 'scipy', 'pandas'} & set(sys.modules)\n"
        "import earshift.discrepancy.pcr\n"
        "from earshift.discrepancy.pcr import label\n"
        "from earshift.discrepancy import pcr\n"
        "found = d.pcr([[0.0], [1]], [[2.0], [5]], n_permutations=9)\n"
        "found = [found.value, pcr is d.pcr, label]\n"
        "print(found, sys.modules['earshift.discrepancy.pcr'].label == label)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100
    )
    assert done.stderr == ""
    # Means 0.5 and 3.5 about 2, which leave 0.25 and 2.25 within.
    share = 2.25 / (2.25 + 1.25)
    assert done.stdout.startswith(f"[{share:.6f}"[:8])
    assert "True, 'dataset variance share" in done.stdout


@pytest.mark.parametrize("name", ["domain_auc_linear", "domain_auc_nonlinear"])
def test_scores_of_clips_give_an_interval_and_a_p_value(name, pair):
    function = getattr(discrepancy, name)
    X_a, X_b = pair
    far = function(X_a, X_b + 1, n_permutations=199)
    assert far.null is None
    assert far.p_value == 1 / 200
    assert 0.5 < far.interval[0] < far.value < far.interval[1] <= 1
    near = function(X_a[:30], X_a[30:], n_permutations=199)
    assert near.p_value > 0.05


def test_one_class_per_clip_is_the_same_as_a_column_for_each(pair):
    classes = [np.resize(["oboe", "cello", "cello"], len(X)) for X in pair]
    columns = [(y[:, np.newaxis] == ["cello", "oboe"]).astype(float) for y in classes]
    one, other = (
        discrepancy.bras(*pair, y_a=y[0], y_b=y[1], n_permutations=9)
        for y in (classes, columns)
    )
    assert one.value == other.value
    unknown = [np.column_stack([y, np.full(len(y), np.nan)]) for y in columns]
    kwargs = {"y_a": unknown[0], "y_b": unknown[1], "n_permutations": 9}
    assert discrepancy.bras(*pair, **kwargs).value == one.value


def test_a_measure_in_a_file_obeys_the_number_of_draws_and_has_its_options(pair):
    found = discrepancy.measure(str(PLUGINS / "mmd.py"), *pair, n_permutations=19)
    assert len(found.null) == 19
    quick = discrepancy.mmd(*pair, n_permutations=19, n_frequencies=4000)
    exact = discrepancy.mmd(*pair, n_permutations=19)
    assert quick.value == pytest.approx(exact.value, rel=0.1)
    assert np.corrcoef(quick.null, exact.null)[0, 1] > 0.98
    with pytest.raises(ConfigError, match=r"no option 'n_frequency'.*n_frequencies"):
        discrepancy.mmd(*pair, n_frequency=3)
    with pytest.raises(ConfigError, match="n_frequencies of 1 or more, got 0"):
        discrepancy.mmd(*pair, n_frequencies=0)


def test_means_of_random_cosines_are_those_of_all_pairs():
    """More clips than a block holds, in recordings that blocks would cut."""
    rng = np.random.default_rng(0)
    X = [rng.standard_normal((n, 2)) + t for n, t in ((900, 0.0), (700, 0.3))]
    own = [np.sort(rng.integers(0, 200, len(x)))[::-1] for x in X]
    found = discrepancy.mmd(*X, *own, n_permutations=1, n_frequencies=3)
    rng = np.random.default_rng(0)
    both = np.concatenate(X) - np.concatenate(X).mean(axis=0)
    drawn = np.sort(rng.permutation(len(both))[:2000])
    gaps = np.linalg.norm(both[drawn][:, np.newaxis] - both[drawn], axis=2)
    discrepancy.resample(lambda *_: 0.0, *(o.astype(str) for o in own), rng, n_draws=1)
    w = rng.standard_normal((2, 3)) / np.median(gaps)
    angles = both @ w
    K = np.mean(np.cos(angles[:, np.newaxis] - angles), axis=2)
    apart = [np.not_equal.outer(o, o) for o in own]
    expected = (
        K[:900, :900][apart[0]].mean()
        + K[900:, 900:][apart[1]].mean()
        - 2 * K[:900, 900:].mean()
    )
    assert found.value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"X_a": np.zeros(4)}, "X_a must have a row per clip .* got shape"),
        ({"X_b": np.zeros((0, 5))}, "X_b must have a row per clip"),
        ({"X_b": np.zeros((9, 4))}, "X_a has 5 features and X_b has 4"),
        ({"X_a": np.full((3, 5), np.nan)}, "X_a must be finite, got 3 clips"),
        ({"X_a": [["x"] * 5]}, "X_a must hold numbers"),
        ({"recordings_a": np.arange(7)}, "recordings_a must name .* each of 60 clips"),
        ({"y_a": np.arange(60)}, "y_b is missing"),
        ({"y_a": np.arange(60), "y_b": np.arange(9)}, "y_b must have .* of 40 clips"),
        ({"y_a": np.ones((60, 2)), "y_b": np.ones(40)}, "same classes, got shapes"),
        ({"y_a": np.full((60, 1), 2), "y_b": np.ones((40, 1))}, "y_a must be 1 "),
        ({"n_permutations": 0}, "n_permutations must be 1 or more, got 0"),
    ],
)
def test_what_cannot_be_measured_is_refused(pair, changed, message):
    given = {"X_a": pair[0], "X_b": pair[1]} | changed
    with pytest.raises(DataError, match=message):
        discrepancy.energy_distance(**given)


def test_an_unknown_measure_is_refused(pair):
    with pytest.raises(ConfigError, match=r"no plugin 'mdd'.*Did you mean 'mmd'"):
        discrepancy.measure("mdd", *pair)
    with pytest.raises(AttributeError, match="no attribute 'mdd'"):
        discrepancy.mdd  # noqa: B018


def test_the_page_lists_every_measure_as_it_is_and_its_example_runs():
    for name in registry.names("discrepancy"):
        plugin = registry.load("discrepancy", name)
        rows = re.findall(rf"^\| `{name}` \|.*", PAGE, re.MULTILINE)
        assert len(rows) >= 3, name  # what it is, what it sees, how many clips
        assert f" | {plugin.better} | " in rows[0]
        low, high = plugin.range
        low = -2 if low is None else low  # of mmd, which chance makes negative
        ends = f"{low:g} and more" if high is None else f"{low:g} to {high:g}"
        assert f" | {ends}" in rows[0]
    scope = {}
    exec(re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1], scope)
    assert scope["found"].p_value == 0.001
    assert len(scope["found"].null) == 999
    assert 0 < scope["mixing"].value < 1
    assert 0 < scope["by_name"].value < 1
