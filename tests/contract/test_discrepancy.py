"""What every measure of the distance between datasets must do."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from earshift import discrepancy, registry
from earshift.stages.discrepancy import curves
from earshift.stages.discrepancy.pair import Side, measure_pair
from tests.helpers.plugins import PLUGINS

#: A measure that scores no clips is held to the same rules.
MMD = str(PLUGINS / "mmd.py")

#: Measures that say what a difference is like, not how large it is.
NO_DISTANCES = {"class_domain_overlap"}


def each(names):
    return pytest.mark.parametrize("name", names, ids=lambda name: Path(name).stem)


each_measure = each([*registry.names("discrepancy"), MMD])
each_distance = each([*sorted({*registry.names("discrepancy")} - NO_DISTANCES), MMD])


def side(name, X, recordings=None):
    """Clips of a dataset, each its own recording, with two classes partly known."""
    ids = np.arange(len(X)).astype(str)
    known = recordings if recordings is not None else ids
    clips = pd.DataFrame({"dataset": name, "clip_id": ids, "recording": known})
    labels = np.random.default_rng(1).integers(-1, 2, (len(X), 2), np.int8)
    return Side(X, labels, clips)


def rows_of(name, a, b, seed=0):
    key = {"measure": "it", "a": "a", "b": "b"}
    rng = np.random.default_rng(seed)
    return measure_pair({"plugin": name}, a, b, rng, key)


def curve(name, a, b, seed=0):
    """What the final table says of two sides, as that of one half of one repeat."""
    key = {"model": "m", "condition": "clean", "method": "none"}
    rows = rows_of(name, a, b, seed).assign(**key, repeat=0, fold=0)
    ((_, found),) = curves.curves(rows, 199, seed)
    return found


def is_detected(name, found, confidence=0.99):
    """Whether two datasets are more different than chance explains."""
    plugin = registry.load("discrepancy", name)
    p_value = found.p_value(plugin.better, plugin.at_equality)
    return curves.is_detected(p_value, confidence)


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    return rng.standard_normal((150, 8)), rng.standard_normal((120, 8))


@each_measure
def test_what_it_returns_is_complete_and_within_its_range(name, pair):
    a, b = (side(n, X) for n, X in zip("ab", pair, strict=True))
    plugin = registry.load("discrepancy", name)
    result = plugin.measure(
        *pair,
        recordings_a=a.clips["recording"].to_numpy(str),
        recordings_b=b.clips["recording"].to_numpy(str),
        y_a=a.labels,
        y_b=b.labels,
        rng=np.random.default_rng(0),
    )
    assert discrepancy.is_within(result.value, plugin.range)
    if result.scores is None:
        assert len(result.resampled) >= 100
        assert plugin.at_equality is not None or len(result.null) >= 100
        assert np.ptp(result.resampled) > 0
    else:
        assert result.value == pytest.approx(curve(name, a, b).value, abs=1e-12)


@each_measure
def test_two_draws_of_one_dataset_are_not_told_apart(name, pair):
    found = curve(name, *(side(n, X) for n, X in zip("ab", pair, strict=True)))
    assert not is_detected(name, found)
    # Nor are they more alike than equal datasets.
    plugin = registry.load("discrepancy", name)
    if found.null is None:
        low, high = found.interval(0.99)
        assert low <= plugin.at_equality <= high
    else:
        assert found.null.min() <= found.value <= found.null.max()


def wide(X):
    """Clips that vary most along the first half of their features."""
    return X * np.repeat([4.0, 1.0], 4)


def turned(X, angle):
    """Clips turned from the first half of the features towards the second."""
    x, y = np.split(X, 2, axis=1)
    sine, cosine = np.sin(angle), np.cos(angle)
    return np.hstack([cosine * x - sine * y, sine * x + cosine * y])


#: Ways in which datasets differ, given one of them and how much: a measure may be blind
#: to some.
DIFFERENCES = {
    "mean": lambda X, much: X + 2 * much,
    "spread": lambda X, much: (1 + much) * X,
    "direction": turned,
}


@each_distance
def test_some_difference_is_found_and_a_larger_one_is_further(name, pair):
    sign = 1 if registry.load("discrepancy", name).better == "lower" else -1
    X_a, X_b = map(wide, pair)
    near = curve(name, side("a", X_a), side("b", X_b))
    seen = set()
    for kind, changed in DIFFERENCES.items():
        far, further = (
            curve(name, side("a", X_a), side("b", changed(X_b, much)))
            for much in (0.4, 0.9)
        )
        if is_detected(name, far) and is_detected(name, further):
            assert sign * further.value > sign * far.value > sign * near.value
            seen.add(kind)
    assert seen


@each_measure
def test_it_is_about_the_same_the_other_way_round(name, pair):
    X_a, X_b = pair[0], pair[1] + 0.4
    one = curve(name, side("a", X_a), side("b", X_b))
    low, high = one.interval(0.99)
    assert low <= curve(name, side("a", X_b), side("b", X_a)).value <= high


@each_measure
def test_the_same_draws_give_the_same_rows(name, pair):
    sides = [side(n, X) for n, X in zip("ab", pair, strict=True)]
    first, again = (rows_of(name, *sides, seed=3) for _ in range(2))
    pd.testing.assert_frame_equal(first, again, check_exact=True)


@each_measure
def test_what_it_draws_does_not_depend_on_the_features(name, pair):
    """Methods are compared on the same draws."""
    states = []
    for scale in (1.0, 3.0):
        rng = np.random.default_rng(0)
        sides = [side(n, scale * X**2) for n, X in zip("ab", pair, strict=True)]
        measure_pair({"plugin": name}, *sides, rng, {"measure": "it"})
        states.append(rng.bit_generator.state)
    assert states[0] == states[1]
    assert states[0] != np.random.default_rng(0).bit_generator.state


@each_measure
def test_what_it_is_given_is_not_changed(name, pair):
    given = [pair[0], pair[1], *(np.arange(len(X)).astype(str) for X in pair)]
    given += [np.eye(2, dtype=np.int8)[np.arange(len(X)) % 2] for X in pair]
    before = [each.copy() for each in given]
    registry.load("discrepancy", name).measure(
        *given[:2],
        recordings_a=given[2],
        recordings_b=given[3],
        y_a=given[4],
        y_b=given[5],
        rng=np.random.default_rng(0),
    )
    for was, now in zip(before, given, strict=True):
        np.testing.assert_array_equal(was, now)


@each_distance
def test_clips_of_one_recording_are_never_taken_for_independent(name):
    """Copies of a clip share its recording: they must not make datasets different."""
    rng = np.random.default_rng(0)
    X_a, X_b = (np.repeat(rng.standard_normal((25, 40)), 6, axis=0) for _ in range(2))
    own = np.repeat(np.arange(25), 6).astype(str)
    leaked = curve(name, side("a", X_a), side("b", X_b))
    honest = curve(name, side("a", X_a, own), side("b", X_b, own))
    assert is_detected(name, leaked)
    assert not is_detected(name, honest)


def test_only_the_nonlinear_measure_sees_a_difference_of_spread(pair):
    sides = side("a", pair[0]), side("b", 3 * pair[1])
    assert curve("domain_auc_linear", *sides).value < 0.65
    assert curve("domain_auc_nonlinear", *sides).value > 0.9
