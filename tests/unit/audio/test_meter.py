"""Each measure on made signals whose answer is known."""

import numpy as np
import pytest
import soundfile
import soxr
from scipy.signal import butter, sosfiltfilt

from earshift.audio import meter as measures
from earshift.audio import reading

RATE = 44_100


def measured(samples, rate=RATE, block=10_000):
    """Measure samples of shape (n,) or (n, channels) in blocks."""
    samples = np.asarray(samples, np.float32).reshape(len(samples), -1)
    meter = measures.Meter(rate, samples.shape[1])
    for start in range(0, len(samples), block):
        meter.add(samples[start : start + block])
    return meter.results()


def file_measured(path):
    opened = reading.AudioFile(path)
    meter = measures.Meter(opened.sample_rate_hz, opened.n_channels)
    for block in opened.blocks():
        meter.add(block)
    return meter.results()


def noise(seconds=4.0, rate=RATE, level=0.1, seed=0):
    rng = np.random.default_rng(seed)
    return level * rng.standard_normal(int(seconds * rate)).astype(np.float32)


def sine(hertz, seconds=2.0, rate=RATE, amplitude=1.0):
    return amplitude * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


def low_passed(samples, hertz, rate=RATE):
    return sosfiltfilt(butter(12, hertz, fs=rate, output="sos"), samples)


@pytest.mark.parametrize("gain", [1.2, 2.0, 5.0])
def test_the_clipped_share_of_a_sine_is_that_of_the_formula(gain):
    share = measured(np.clip(sine(100, amplitude=gain), -1, 1))["clipped_share"]
    # Less the first sample of each run, which does not follow a flat one.
    first = 2 * 100 / RATE
    exact = 1 - 2 / np.pi * np.arcsin(1 / gain)
    assert share == pytest.approx(exact - first, abs=first)


@pytest.mark.parametrize("hertz", [100, 1000])
def test_a_sine_up_to_full_scale_is_not_clipped(hertz):
    found = measured(sine(hertz))
    assert found["peak"] == pytest.approx(1, abs=1e-3)
    assert found["clipped_share"] < 1e-4


def test_what_exceeds_full_scale_is_clipped():
    samples = noise()
    samples[::100] = 1.5
    assert measured(samples)["clipped_share"] == pytest.approx(0.01, rel=0.01)


def test_blocks_do_not_change_any_measure():
    samples = np.clip(np.stack([sine(440, amplitude=3), noise(2.0)], axis=1), -1, 1)
    one, many = measured(samples, block=10**9), measured(samples, block=997)
    assert one.keys() == many.keys()
    for key in one:
        np.testing.assert_allclose(
            *(_numbers(found[key]) for found in (one, many)), rtol=1e-5, atol=1e-6
        )


def _numbers(value):
    return (
        np.frombuffer(value, np.int8)
        if isinstance(value, bytes)
        else (list(value.encode()) if isinstance(value, str) else value)
    )


def test_the_offset_is_that_of_the_worst_channel():
    samples = np.stack([noise() + 0.01, noise(seed=1) - 0.05], axis=1)
    assert measured(samples)["dc_offset"] == pytest.approx(-0.05, abs=1e-3)


def test_the_hash_is_of_the_samples_and_their_rate_and_channels(tmp_path):
    samples = (noise() * 2**15).astype(np.int16)
    for name in ("a.wav", "a.flac", "a.aiff"):
        soundfile.write(tmp_path / name, samples, RATE, subtype="PCM_16")
    soundfile.write(tmp_path / "b.wav", samples, RATE // 2)
    soundfile.write(tmp_path / "c.wav", np.stack([samples] * 2, axis=1), RATE)
    samples[1000] += 1
    soundfile.write(tmp_path / "d.wav", samples, RATE)
    hashes = {
        path.name: file_measured(path)["content_hash"] for path in tmp_path.iterdir()
    }
    assert hashes["a.wav"] == hashes["a.flac"] == hashes["a.aiff"]
    assert len(set(hashes.values())) == 4


def test_the_bandwidth_of_noise_is_that_of_its_low_pass():
    assert measured(noise())["bandwidth_hz"] == RATE / 2
    for hertz in (4000, 8000, 16_000):
        found = measured(low_passed(noise(), hertz))["bandwidth_hz"]
        # The filter falls by 72 dB an octave in each of its two directions.
        assert hertz < found < 1.35 * hertz


def test_the_rounding_of_16_bits_is_no_bandwidth(tmp_path):
    quiet = low_passed(noise(level=0.01), 2000)
    soundfile.write(tmp_path / "a.wav", quiet, RATE, subtype="PCM_16")
    assert 2000 < file_measured(tmp_path / "a.wav")["bandwidth_hz"] < 2700


def test_material_upsampled_from_22_khz_shows():
    samples = soxr.resample(noise(rate=22_050), 22_050, RATE, quality="HQ")
    assert 10_000 < measured(samples)["bandwidth_hz"] <= 11_500


@pytest.mark.parametrize(
    ("name", "level", "low", "high"),
    [  # 98, 57 and 40 kbit/s: the encoder's own low-pass; qualities of Vorbis
        ("a.mp3", 0.8, 20_000, 20_600),
        ("a.mp3", 0.9, 16_500, 17_200),
        ("a.mp3", 0.97, 10_300, 10_900),
        ("a.ogg", 0.6, 19_200, 19_700),
        ("a.ogg", 0.99, 15_000, 17_000),
    ],
)
def test_the_low_pass_of_a_codec_shows(tmp_path, name, level, low, high):
    kind = {".mp3": {"bitrate_mode": "CONSTANT"}, ".ogg": {"subtype": "VORBIS"}}
    settings = kind[name[1:]] | {"compression_level": level}
    soundfile.write(tmp_path / name, noise(), RATE, **settings)
    # As it is often found: decoded once and stored again without loss.
    decoded, _ = soundfile.read(tmp_path / name)
    soundfile.write(tmp_path / "again.flac", decoded, RATE)
    for file in (name, "again.flac"):
        assert low < file_measured(tmp_path / file)["bandwidth_hz"] < high


def test_the_power_of_a_sine_is_in_its_third_octave():
    spectrum = np.array(measured(sine(1000, amplitude=0.01))["spectrum_db"])
    band = int(np.argmin(np.abs(np.array(measures.CENTRES_HZ) - 1000)))
    assert spectrum[band] == pytest.approx(0, abs=0.05)
    assert (np.delete(spectrum, [band - 1, band, band + 1]) < -60).all()


def test_white_noise_rises_by_1_db_a_third_octave():
    spectrum = np.array(measured(noise(20.0))["spectrum_db"])
    # The top bands are wider by 10 ** 0.1 each: 1 dB.
    np.testing.assert_allclose(np.diff(spectrum[10:26]), 1, atol=0.3)


def test_a_low_rate_has_nothing_above_its_half():
    found = measured(noise(rate=8000), rate=8000)
    beyond = np.array(measures.CENTRES_HZ) > 4500
    assert (np.array(found["spectrum_db"])[beyond] == measures.SPECTRUM_FLOOR_DB).all()
    assert found["bandwidth_hz"] == 4000


@pytest.mark.parametrize("n_samples", [1, 2, 100, 3000])
def test_a_clip_shorter_than_any_window_is_measured(n_samples):
    found = measured(sine(1000)[40 : 40 + n_samples])
    assert len(found["spectrum_db"]) == len(measures.CENTRES_HZ)
    assert np.isfinite(found["spectrum_db"]).all()


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        ([1, 1], 0),
        ([1], 0),
        ([1, 0], -3.01),
        ([1] + [0] * 7, -9.03),
        ([1, -0.5], -10.0),
        ([1, -1], measures.SPECTRUM_FLOOR_DB),
    ],
)
def test_the_level_of_the_mix_is_that_of_the_formula(channels, expected):
    found = measured(np.stack([gain * noise() for gain in channels], axis=1))
    assert found["mix_db"] == pytest.approx(expected, abs=0.01)


def test_channels_without_anything_in_common_mix_at_3_db_less():
    found = measured(np.stack([noise(seed=0), noise(seed=1)], axis=1))
    assert found["mix_db"] == pytest.approx(-3.01, abs=0.1)


def test_channels_that_cancel_have_no_bandwidth():
    found = measured(np.stack([noise(), -noise()], axis=1))
    assert found["bandwidth_hz"] == 0
    assert found["level_db"] == pytest.approx(-20, abs=0.1)
