"""What every acoustic condition must do, whatever is done to the audio."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from earshift import conditions, registry
from earshift.errors import AudioError, ConfigError
from tests.helpers.tones import tone

NAMES = registry.names("conditions")
RATES = (8_000, 44_100)


def strengths(name):
    """Strengths of a plugin: the one that changes nothing, and some others."""
    plugin = registry.load("conditions", name)
    if plugin.limits is not None:
        low, high = plugin.limits
        middle = type(low)((low + high) / 3)
        return list(dict.fromkeys((plugin.identity, low, middle, high)))
    rules = registry.rules_of("conditions", name, "strength")
    return list(dict.fromkeys((plugin.identity, *rules.get("enum", ()))))


def sound(rate, seed=0):
    return tone(330, 0.7, rate, seed=seed).astype(np.float32)


def apply(plugin, waveform, rate, strength, seed=0):
    """What comes out: nothing of a clip whose rate is too low for a strength."""
    try:
        return plugin.apply(waveform, rate, strength, np.random.default_rng(seed))
    except AudioError as error:
        if error.status == "low_rate":
            return np.zeros(0, np.float32)
        raise


def cases():
    return [(name, strength) for name in NAMES for strength in strengths(name)]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("name", NAMES)
def test_the_identity_changes_no_sample(name, rate):
    plugin = registry.load("conditions", name)
    waveform = sound(rate)
    same = apply(plugin, waveform, rate, plugin.identity)
    assert same.tobytes() == waveform.tobytes()


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("name", "strength"), cases())
def test_a_waveform_of_the_same_length_comes_back(name, strength, rate):
    waveform = sound(rate)
    given = waveform.copy()
    given.flags.writeable = False
    changed = apply(registry.load("conditions", name), given, rate, strength)
    if not len(changed):
        pytest.skip(f"a clip of {rate} Hz is left out")
    assert changed.dtype == np.float32
    assert changed.shape == waveform.shape
    assert np.isfinite(changed).all()


@pytest.mark.parametrize(("name", "strength"), cases())
def test_the_waveform_that_is_given_stays_as_it_is(name, strength):
    waveform = sound(16_000)
    before = waveform.copy()
    apply(registry.load("conditions", name), waveform, 16_000, strength)
    assert_array_equal(waveform, before)


@pytest.mark.parametrize(("name", "strength"), cases())
def test_nothing_stays_from_one_clip_to_the_next(name, strength):
    first, second = sound(16_000, 1), sound(16_000, 2)[:5_000]
    with registry.copied("conditions", name) as plugin:
        alone = apply(plugin, second, 16_000, strength)
    with registry.copied("conditions", name) as plugin:
        apply(plugin, first, 16_000, strength)
        apply(plugin, first, 44_100, strength)
        assert_array_equal(apply(plugin, second, 16_000, strength), alone)


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides_what_is_random_and_nothing_else_is(name):
    plugin = registry.load("conditions", name)
    waveform, differ = sound(16_000), []
    for strength in strengths(name):
        one, again, other = (
            apply(plugin, waveform, 16_000, strength, seed) for seed in (3, 3, 4)
        )
        assert_array_equal(one, again)
        differ.append(not np.array_equal(one, other))
    assert any(differ) == plugin.random


@pytest.mark.parametrize("name", NAMES)
def test_other_strengths_change_something(name):
    plugin = registry.load("conditions", name)
    # Longer than what a condition may fill it up from.
    waveform = np.append(sound(16_000), np.zeros(801, np.float32))
    for strength in strengths(name)[1:]:
        if strength == "fill":  # what is as long as it has to be
            continue
        assert not np.array_equal(apply(plugin, waveform, 16_000, strength), waveform)


@pytest.mark.parametrize("name", NAMES)
def test_its_strengths_are_checked(name):
    plugin = registry.load("conditions", name)
    if plugin.identity is None:
        assert conditions.strengths_of({"plugin": name}) == [None]
        with pytest.raises(ConfigError, match="takes no 'strengths'"):
            conditions.strengths_of({"plugin": name, "strengths": [1.0]})
        return
    entry = {"plugin": name, "strengths": strengths(name)}
    assert conditions.strengths_of(entry) == strengths(name)
    wrong = [strengths(name)[0]] * 2, [{}], [None], [], [True]
    for given in wrong:
        with pytest.raises(ConfigError, match="strength"):
            conditions.strengths_of({"plugin": name, "strengths": given})
    if plugin.limits is not None:
        for beyond in (plugin.limits[0] - 1, plugin.limits[1] + 1):
            with pytest.raises(ConfigError, match="strengths of"):
                conditions.strengths_of({"plugin": name, "strengths": [beyond]})


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_does(name):
    plugin = registry.load("conditions", name)
    assert plugin.label
    assert isinstance(plugin.unit, str)
    assert isinstance(plugin.random, bool)
