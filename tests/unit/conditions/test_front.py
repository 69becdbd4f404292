"""Conditioning of clips before a model: their ends, their level, their length."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from earshift import conditions, load_model, registry
from tests.helpers.tones import tone

RATE = 16_000
ALL = "trim+level+fill"


def front(waveform, strength=ALL, **options):
    plugin = registry.load("conditions", "front")
    return plugin.apply(waveform, RATE, strength, np.random.default_rng(0), **options)


def rms_db(waveform):
    return 10 * np.log10(np.mean(np.square(waveform.astype(np.float64))))


@pytest.fixture
def sound():
    """Half a second of a tone, between half a second of hush and one of silence."""
    loud = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE // 2) / RATE)
    hush = 1e-4 * np.random.default_rng(0).standard_normal(RATE // 2)
    return np.concatenate([hush, loud, np.zeros(RATE)]).astype(np.float32)


def test_quiet_ends_go_and_what_is_left_is_repeated(sound):
    out = front(sound, "trim+fill")
    assert_array_equal(out[: RATE // 2], sound[RATE // 2 : RATE])
    assert_array_equal(out[RATE // 2 : RATE], out[: RATE // 2])
    assert len(out) == len(sound)
    # The hush is 73 dB softer than the tone.
    assert_array_equal(front(sound, "trim+fill", trim_db=-80.0)[:RATE], sound[:RATE])


def test_the_level_is_that_asked_for(sound):
    assert_allclose(rms_db(front(sound)), -20, atol=0.01)
    assert_allclose(rms_db(front(sound, level_db=-30.0)), -30, atol=0.01)
    assert_allclose(rms_db(front(sound, "level")), -20, atol=0.01)


def test_no_peak_is_above_one():
    click = np.zeros(RATE, np.float32)
    click[100] = 0.01
    assert np.abs(front(click, "level")).max() == 1


@pytest.mark.parametrize("strength", ["level", "fill", "trim+fill", ALL])
def test_silence_stays_silence(strength):
    assert_array_equal(front(np.zeros(500, np.float32), strength), 0)


def test_it_fills_up_to_the_length_that_is_asked_for(sound):
    out = front(sound, n_samples=50_000)
    assert out.shape == (50_000,)
    assert_array_equal(out[RATE // 2 :][: RATE // 2], out[: RATE // 2])
    assert len(front(sound, "level", n_samples=50_000)) == len(sound)


@pytest.mark.parametrize("model", ["mfcc", "random_yamnet", "random_vggish", "musicnn"])
def test_windows_are_as_many_and_none_is_padded_any_more(model):
    model = load_model(model)
    framing = model.spec.framing
    for n in (1, 4_000, 16_000, 16_001, 47_999, 48_000, 163_840):
        filled = model.filled(n)
        assert filled >= n
        assert model.n_frames(filled) == model.n_frames(n)
        around = framing.pad_start + filled + framing.pad_end
        needed = framing.window + (model.n_frames(n) - 1) * framing.hop
        assert around >= needed


def test_strengths_are_conditions_but_none_that_are_studied():
    families = {
        "clean": {"plugin": "clean"},
        "front": {"plugin": "front", "strengths": ["level", ALL]},
        "gain": {"plugin": "gain", "strengths": [6.0]},
    }
    known = ["clean", "front_level", f"front_{ALL}", "gain_6"]
    assert list(conditions.conditions_of(families)) == known
    config = {"conditions": families, "sensitivity": {"conditions": []}}
    assert list(conditions.studied(config)) == ["clean", "gain_6"]
    config["sensitivity"] = {"conditions": ["gain"]}
    assert list(conditions.studied(config)) == ["clean"]


def test_a_store_is_keyed_by_the_options():
    entry = {"plugin": "front", "strengths": [ALL], "trim_db": -40.0}
    facts = conditions.stored_as(entry, seed=3)
    assert facts == {
        "plugin": "front",
        "options": {"trim_db": -40.0, "level_db": -20.0},
        "strengths": [ALL],
    }
    change = conditions.Change(facts)
    waveform = tone(330, 0.4, RATE).astype(np.float32)
    assert change(waveform, RATE, ALL, "a", 9_000).shape == (9_000,)
