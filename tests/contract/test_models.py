"""What every embedding model must do, on the weights that are at hand."""

import copy
import dataclasses
import inspect

import numpy as np
import pytest

from earshift import load_model, models, registry
from earshift.errors import AudioError, ConfigError
from earshift.models._batches import number
from earshift.models._framing import fill_up
from tests.helpers.tones import tone


def needs_nothing(name):
    """Whether a model can be used without options: its weights are in a package."""
    if models.is_imported({"plugin": name}):
        return False
    spec = registry.load("models", name).spec
    options = inspect.signature(spec).parameters.values()
    if any(option.default is option.empty for option in options):
        return False
    return all(file.is_file() for file in spec().weights)


NAMES = [name for name in registry.names("models") if needs_nothing(name)]


def test_every_network_has_a_control_with_random_weights():
    networks = {"musicnn", "openl3", "vggish", "yamnet"}
    assert {f"random_{name}" for name in networks} <= set(NAMES)


@pytest.fixture(params=NAMES, scope="module")
def model(request):
    return load_model(request.param)


def test_frames_have_the_shape_type_and_times_that_the_facts_say(model):
    sound = tone(440, 4.1, 44_100)
    frames = model.embed(sound, 44_100)
    rate = model.spec.sample_rate_hz
    n = model.n_frames(round(len(sound) * rate / 44_100))
    assert frames.values.shape == (n, model.spec.n_features)
    assert frames.values.dtype == np.float32
    np.testing.assert_allclose(np.diff(frames.time_s), model.spec.hop_s)
    assert np.isfinite(frames.values).all()


def test_two_sounds_differ_and_one_sound_twice_does_not(model):
    low, high = tone(110, 4.0), tone(1760, 4.0)
    one, again = (model.embed(low, 16_000).values for _ in range(2))
    other = model.embed(high, 16_000).values
    np.testing.assert_array_equal(one, again)
    # Random weights tell sounds apart less than trained ones.
    least = 0.02 if "random" in model.name else 0.1
    assert np.linalg.norm(one - other) > least * np.linalg.norm(one)


def test_the_size_of_a_batch_changes_nothing(model):
    windows = model.windows(tone(440, 6.5, model.spec.sample_rate_hz))[:4]
    usual = model.embed_windows(windows)
    one = copy.copy(model)
    one.spec = dataclasses.replace(model.spec, batch_size=1)
    scale = np.abs(usual).max()
    np.testing.assert_allclose(one.embed_windows(windows), usual, atol=1e-6 * scale)


def test_several_calls_at_a_time_give_what_one_after_the_other_gives(model):
    windows = model.windows(tone(440, 9.5, model.spec.sample_rate_hz))[:6]
    one = copy.copy(model)
    one.spec = dataclasses.replace(model.spec, batch_size=2)
    expected = one.embed_windows(windows)
    got = np.empty_like(expected)
    for rows, frames in one.run(number([windows], 0, len(windows)), n_threads=3):
        got[rows] = frames
    np.testing.assert_array_equal(got, expected)


def test_half_precision_is_near_or_refused(model):
    if "bfloat16" not in model.spec.precisions:
        with pytest.raises(ConfigError, match=r"computes in float32, not in bfloat16"):
            load_model(model.name, precision="bfloat16")
        return
    sound = tone(440, 3.3)
    full = model.embed(sound, 16_000).values
    half = load_model(model.name, precision="bfloat16").embed(sound, 16_000).values
    assert half.dtype == np.float32
    error = np.linalg.norm(half - full) / np.linalg.norm(full)
    # bfloat16 has 8 bits: steps of 0.4 %, in each of up to 28 layers.
    assert 1e-5 < error < 0.05


def test_neighbours_in_the_batch_change_nothing(model):
    windows = model.windows(tone(440, 9.5, model.spec.sample_rate_hz))[:6]
    together = model.embed_windows(windows)
    alone = model.embed_windows(windows[:1])
    scale = np.abs(together).max()
    np.testing.assert_allclose(alone[0], together[0], atol=1e-6 * scale)


def test_a_tenth_of_a_second_is_padded_skipped_or_refused(model):
    short = tone(440, 0.1)
    assert model.embed(short, 16_000).values.shape == (1, model.spec.n_features)
    skip = load_model(model.name, short="skip")
    error = load_model(model.name, short="error")
    assert len(skip.embed(short, 16_000).values) == 0
    with pytest.raises(AudioError, match="needs at least"):
        error.embed(short, 16_000)


@pytest.mark.parametrize("how", ["repeat", "reflect"])
def test_a_short_sound_may_be_filled_up_with_itself(model, how):
    rate = model.spec.sample_rate_hz
    short = tone(440, 0.1, rate).astype(np.float32)
    other = load_model(model.name, short=how)
    filled = fill_up(short, model.shortest, how)
    expected = model.embed(filled, rate).values
    got = other.embed(short, rate).values
    assert other.n_frames(len(short)) == len(got) == len(expected) > 0
    np.testing.assert_array_equal(got, expected)
    assert np.abs(got[0] - model.embed(short, rate).values[0]).max() > 1e-4


@pytest.mark.parametrize("how", ["repeat", "reflect", "skip", "error"])
def test_a_sound_of_one_window_or_more_is_the_same_whatever_becomes_of_short_ones(
    model, how
):
    other = load_model(model.name, short=how)
    rng = np.random.default_rng(0)
    for n in (model.shortest, model.shortest + 1, 2 * model.shortest + 7):
        sound = rng.standard_normal(n).astype(np.float32)
        expected = model.windows(sound)
        assert other.n_frames(n) == model.n_frames(n) == len(expected)
        for size in (n, 1000):
            blocks = [sound[i : i + size] for i in range(0, n, size)]
            np.testing.assert_array_equal(
                np.concatenate(list(other.pieces(blocks))), expected
            )
    assert not (other.n_frames(model.shortest - 1) and how in ("skip", "error"))


@pytest.mark.parametrize("bad", [np.zeros(0), np.full(16_000, np.nan)])
def test_an_empty_or_nan_waveform_is_refused(model, bad):
    with pytest.raises(AudioError):
        model.embed(bad, 16_000)


def test_stereo_is_averaged(model):
    sound = tone(440, 4.0)
    stereo = np.stack([sound, sound], axis=1)
    mono, both = (model.embed(x, 16_000).values for x in (sound, stereo))
    np.testing.assert_allclose(mono, both, atol=1e-4 * np.abs(mono).max())
