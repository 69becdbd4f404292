"""The control that hears no content: level, silence, bandwidth, spectrum."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from earshift import load_model
from earshift.audio.meter import CENTRES_HZ
from earshift.errors import ConfigError

RATE = 44_100


def embed(sound, *cues):
    return load_model("acoustic_cues", cues=list(cues)).embed(sound, RATE).values


def sine(hz, seconds=1.0):
    return np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)


def noise(seconds=1.0, seed=0):
    return 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * RATE))


def test_level_is_root_mean_square_and_peak():
    sound = 0.5 * sine(1000)
    rms, peak = embed(sound, "level")[0]
    assert rms == pytest.approx(20 * np.log10(0.5) - 3.01, abs=0.01)
    assert peak == pytest.approx(20 * np.log10(0.5), abs=0.01)
    assert_allclose(embed(sound / 10, "level")[0], [rms - 20, peak - 20], atol=1e-3)
    assert_allclose(embed(np.zeros(RATE), "level")[0], -100)


def test_silence_is_found_at_either_end_and_its_floor_is_relative():
    sound = np.zeros(RATE)
    sound[RATE // 5 : RATE // 2] = sine(440, 0.3)
    for factor in (1.0, 0.01):
        floor, share, before, after = embed(factor * sound, "silence")[0]
        assert (before, after) == pytest.approx((0.2, 0.5), abs=0.021)
        assert share == pytest.approx(0.7, abs=0.021)
        assert floor < -40
    with_noise = sound + 10 ** (-30 / 20) * np.abs(sound).max() * noise() / 0.1
    assert embed(with_noise, "silence")[0, 0] == pytest.approx(-27, abs=3)
    assert embed(np.zeros(RATE), "silence")[0].tolist() == [0, 1, 1, 1]


def test_bandwidth_is_where_the_power_ends():
    octaves = embed(sine(1000), "bandwidth")[0]
    assert_allclose(octaves, np.log2(1000), atol=0.05)
    flat = embed(noise(), "bandwidth")[0]
    assert_allclose(
        2**flat, [0.95 * RATE / 2, 0.99 * RATE / 2, 0.999 * RATE / 2], rtol=0.02
    )


def test_the_spectrum_of_a_tone_is_in_its_band_and_does_not_follow_the_level():
    sound = sine(1000)
    levels = embed(sound, "spectrum")[0]
    assert CENTRES_HZ[int(levels.argmax())] == pytest.approx(1000)
    assert levels.max() == pytest.approx(0, abs=0.5)
    assert_allclose(embed(sound / 100, "spectrum")[0], levels, atol=0.01)
    # The power of white noise grows with the width of the band.
    flat = embed(noise(), "spectrum")[0]
    assert flat[-1] - flat[-11] == pytest.approx(10, abs=1)


def test_groups_may_be_chosen_and_come_in_their_order():
    sound = noise(2.5)
    whole = load_model("acoustic_cues").embed(sound, RATE).values
    assert whole.shape[1] == 36
    parts = [embed(sound, "spectrum"), embed(sound, "level")]
    assert_allclose(embed(sound, "spectrum", "level"), np.concatenate(parts, axis=1))
    assert_allclose(whole[:, 9:], parts[0])
    for wrong in (["levels"], [], "level"):
        with pytest.raises(ConfigError, match="cues"):
            load_model("acoustic_cues", cues=wrong)
