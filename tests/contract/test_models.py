"""What every embedding model must do, on the weights that are at hand."""

import inspect

import numpy as np
import pytest

from earshift import load_model, registry
from earshift.errors import AudioError
from tests.conftest import tone


def needs_nothing(name):
    """Whether a model can be loaded without options: its weights are in a package."""
    options = inspect.signature(registry.load("models", name).spec).parameters
    return all(option.default is not option.empty for option in options.values())


NAMES = [name for name in registry.names("models") if needs_nothing(name)]


@pytest.fixture(params=NAMES, scope="module")
def model(request):
    return load_model(request.param)


def test_frames_have_the_shape_type_and_times_that_the_facts_say(model):
    sound = tone(440, 7.3, 44_100)
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
    assert np.linalg.norm(one - other) > 0.1 * np.linalg.norm(one)


def test_neighbours_in_the_batch_change_nothing(model):
    windows = model.windows(tone(440, 12.0, model.spec.sample_rate_hz))
    together = model.embed_windows(windows)
    alone = model.embed_windows(windows[:1])
    scale = np.abs(together).max()
    np.testing.assert_allclose(alone[0], together[0], atol=1e-6 * scale)


def test_a_tenth_of_a_second_is_padded_skipped_or_refused(model):
    short = tone(440, 0.1)
    assert model.embed(short, 16_000).values.shape == (1, model.spec.n_features)
    skip = load_model(model.name, short="skip")
    error = load_model(model.name, short="error")
    if model.spec.framing.tail == "pad":
        assert len(skip.embed(short, 16_000).values) == 1
    else:
        assert len(skip.embed(short, 16_000).values) == 0
        with pytest.raises(AudioError, match="needs at least"):
            error.embed(short, 16_000)


@pytest.mark.parametrize("bad", [np.zeros(0), np.full(16_000, np.nan)])
def test_an_empty_or_nan_waveform_is_refused(model, bad):
    with pytest.raises(AudioError):
        model.embed(bad, 16_000)


def test_stereo_is_averaged(model):
    sound = tone(440, 4.0)
    stereo = np.stack([sound, sound], axis=1)
    mono, both = (model.embed(x, 16_000).values for x in (sound, stereo))
    np.testing.assert_allclose(mono, both, atol=1e-4 * np.abs(mono).max())
