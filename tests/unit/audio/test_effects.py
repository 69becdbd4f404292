"""Effects do what theory says, in the quantities that conditions are asked in."""

import numpy as np
import pytest
import soundfile
from scipy import signal

from earshift import registry
from earshift.audio import effects
from earshift.errors import AudioError
from tests.helpers.tones import tone

RATE = 44_100


def noise(n=4 * RATE, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


def changed(name, sound, strength, rate=RATE, seed=0, **options):
    plugin = registry.load("conditions", name)
    return plugin.apply(sound, rate, strength, np.random.default_rng(seed), **options)


def gain_db(before, after, low, high, rate=RATE):
    """Power of a band after a change over that before it, in dB."""
    powers = []
    for sound in (before, after):
        frequency, power = signal.welch(sound, rate, nperseg=8192)
        powers.append(power[(frequency >= low) & (frequency < high)].mean())
    return 10 * np.log10(powers[1] / powers[0])


def impulse(n=8 * RATE):
    sound = np.zeros(n, np.float32)
    sound[0] = 1
    return sound


@pytest.mark.parametrize("cutoff", [200.0, 1600.0, 6000.0, 18_333.0])
@pytest.mark.parametrize("kind", ["low", "high"])
def test_a_filter_has_the_response_that_its_design_says(kind, cutoff):
    low, high = cutoff / 1.1, cutoff * 1.1
    passed, stopped = (low, high) if kind == "low" else (high, low)
    response = np.abs(np.fft.rfft(changed(f"{kind}_pass", impulse(), cutoff)))
    at = np.arange(len(response)) * RATE / (8 * RATE)
    beyond = at >= stopped if kind == "low" else at <= stopped
    within = at <= passed if kind == "low" else at >= passed
    # -80 dB and -3 dB, with what single precision leaves.
    assert response[beyond].max() < 1.1e-4
    assert response[within].min() > 10 ** (-3.05 / 20)
    assert response[within].max() < 1.001


def test_a_band_passes_what_is_within_and_stops_what_is_not():
    before = noise()
    after = changed("band_pass", before, 2.0)  # 500 to 2,000 Hz
    assert gain_db(before, after, 700, 1400) == pytest.approx(0, abs=0.2)
    assert gain_db(before, after, 20, 400) < -60
    assert gain_db(before, after, 2500, 20_000) < -60


@pytest.mark.parametrize(
    ("name", "strength"),
    [
        *(("low_pass", 3900.0), ("high_pass", 3900.0), ("band_pass", 4.5)),
        *(("bandwidth", 4000.0), ("bandwidth", 8000.0)),
    ],
)
def test_a_rate_that_is_too_low_is_said(name, strength):
    with pytest.raises(
        AudioError, match=r"needs a sample rate above .*the clip has 8000"
    ):
        changed(name, noise(8000), strength, 8000)


@pytest.mark.parametrize("bits", [1, 4, 8, 12])
def test_bits_leave_so_many_levels_and_their_noise(bits):
    before = np.random.default_rng(0).uniform(-1, 1, RATE).astype(np.float32)
    after = changed("bit_depth", before, bits)
    assert len(np.unique(after)) == 2**bits + 1  # both ends
    step = 2.0 ** (1 - bits)
    error = (after - before).astype(np.float64)
    assert np.abs(error).max() <= step / 2
    assert error.std() == pytest.approx(step / np.sqrt(12), rel=0.02)


@pytest.mark.parametrize("colour", ["white", "pink", "brown", "hum"])
@pytest.mark.parametrize("snr", [-10.0, 0.0, 25.0])
def test_noise_has_the_ratio_that_was_asked_for(colour, snr):
    before = tone(440, 3.0, RATE).astype(np.float32)
    added = changed("noise", before, snr, colour=colour) - before.astype(np.float64)
    ratio = 20 * np.log10(effects.rms(before) / effects.rms(added))
    assert ratio == pytest.approx(snr, abs=0.02)


@pytest.mark.parametrize(("colour", "slope"), [("white", 0), ("pink", 3), ("brown", 6)])
def test_noise_falls_by_so_many_decibels_an_octave(colour, slope):
    found = effects.coloured(20 * RATE, RATE, colour, np.random.default_rng(0))
    frequency, power = signal.welch(found, RATE, nperseg=16384)
    octaves = [
        10 * np.log10(power[(frequency >= low) & (frequency < 2 * low)].mean())
        for low in (100, 200, 400, 800, 1600, 3200)
    ]
    assert np.diff(octaves) == pytest.approx(-slope, abs=0.5)


def test_a_hum_is_its_tones():
    found = effects.coloured(10 * RATE, RATE, "hum", np.random.default_rng(0), 60.0)
    spectrum = np.abs(np.fft.rfft(found)) / (5 * RATE)
    peaks = np.flatnonzero(spectrum > 0.01) / 10
    assert peaks == pytest.approx([60, 180, 300, 420, 540])
    assert spectrum[spectrum > 0.01] == pytest.approx([1, 1 / 2, 1 / 4, 1 / 8, 1 / 16])


def test_silence_has_no_ratio():
    with pytest.raises(AudioError, match="a silent clip has no signal-to-noise"):
        changed("noise", np.zeros(100, np.float32), 10.0)


def decay_time(response, rate=RATE):
    """Reverberation time by Schroeder's backward integral, from -5 to -25 dB."""
    energy = np.cumsum(np.square(response.astype(np.float64))[::-1])[::-1]
    level = 10 * np.log10(energy / energy[0] + 1e-30)
    start, stop = np.argmax(level < -5), np.argmax(level < -25)
    return 3 * (stop - start) / rate


@pytest.mark.parametrize("rate", [16_000, 44_100])
@pytest.mark.parametrize("size", [0.0, 0.5, 0.9])
def test_a_room_decays_as_its_combs_do(size, rate):
    """A comb loses 20 log10(feedback) dB in each round, whatever the sample rate."""
    rounds = np.mean(effects.COMBS) / 44_100
    expected = -60 / (20 * np.log10(0.7 + 0.28 * size)) * rounds
    sound = impulse(8 * rate)
    found = changed("reverb", sound, size, rate, damping=0.0, dry=0.0)
    assert decay_time(found, rate) == pytest.approx(expected, rel=0.15)


def test_damping_takes_high_frequencies_and_the_direct_sound_is_first():
    plain, damped = (
        changed("reverb", impulse(), 0.8, damping=d, dry=0.0) for d in (0.0, 1.0)
    )
    assert gain_db(plain, damped, 8000, 16_000) < gain_db(plain, damped, 50, 400) - 6
    assert changed("reverb", impulse(), 0.8)[0] == pytest.approx(0.8)  # 2 x .4
    assert not damped[:200].any()


def by_the_sample(sound, rate, room_size, damping):
    """What `effects.reverberation` computes, from its difference equations."""
    n, loss = len(sound), 0.4 * damping
    wet = np.zeros(n)
    for delay in (round(d * rate / 44_100) for d in effects.COMBS):
        out, low = np.zeros(n), 0.0
        for t in range(delay, n):
            low = loss * low + (1 - loss) * out[t - delay]
            out[t] = 0.015 * sound[t - delay] + (0.7 + 0.28 * room_size) * low
        wet += out
    for delay in (round(d * rate / 44_100) for d in effects.ALL_PASSES):
        kept, out = np.zeros(n), np.zeros(n)
        for t in range(n):
            before = kept[t - delay] if t >= delay else 0.0
            out[t], kept[t] = before - wet[t], wet[t] + 0.5 * before
        wet = out
    return wet


@pytest.mark.parametrize("damping", [0.0, 0.7])
def test_a_reverberation_is_that_of_its_difference_equations(damping):
    sound = noise(700)
    found = effects.reverberation(sound, 441, 0.6, damping)
    expected = by_the_sample(sound.astype(np.float64), 441, 0.6, damping)
    assert found == pytest.approx(expected, abs=1e-12)
    assert np.abs(expected).max() > 1e-3


@pytest.mark.parametrize("bandwidth", [2000.0, 8000.0])
def test_a_bandwidth_is_what_is_left(bandwidth):
    before = noise()
    after = changed("bandwidth", before, bandwidth)
    assert gain_db(before, after, 100, 0.9 * bandwidth) == pytest.approx(0, abs=0.1)
    assert gain_db(before, after, 1.02 * bandwidth, 20_000) < -60
    lag = signal.correlate(after, before, method="fft").argmax() - (len(before) - 1)
    assert lag == 0


def rate_of(sound, rate, codec, kbps):
    """Bit rate of what is really written, in kbit/s."""
    written = []
    true_write = soundfile.write

    def write(file, *arguments, **options):
        true_write(file, *arguments, **options)
        written.append(len(file.getvalue()))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(soundfile, "write", write)
        effects.coded(sound, rate, codec, kbps)
    return written[0] * 8 / (len(sound) / rate) / 1000


@pytest.mark.parametrize(
    ("codec", "rate", "kbps"),
    [
        *(("mp3", 44_100, 64), ("mp3", 44_100, 320), ("mp3", 22_050, 32)),
        *(("mp3", 8000, 16), ("opus", 48_000, 24), ("opus", 16_000, 64)),
        ("opus", 44_100, 128),
    ],
)
def test_a_codec_has_the_bit_rate_and_the_time_that_it_should(codec, rate, kbps):
    before = noise(4 * rate) + tone(440, 4.0, rate).astype(np.float32)
    # Headers, and the last, unfinished frame.
    assert rate_of(before, rate, codec, kbps) == pytest.approx(kbps, rel=0.12)
    after = effects.coded(before, rate, codec, kbps)
    assert len(after) == len(before)
    lag = signal.correlate(after, before, method="fft").argmax() - (len(before) - 1)
    assert abs(lag) <= 1
    assert gain_db(before, after, 100, 1500, rate) == pytest.approx(0, abs=1.5)


def test_fewer_bits_sound_less_like_the_original():
    before = noise() + tone(440, 4.0, RATE).astype(np.float32)
    errors = [
        effects.rms(changed("codec", before, kbps) - before) for kbps in (320, 128, 48)
    ]
    assert errors == sorted(errors)
    assert errors[0] < 0.5 * errors[2]


@pytest.mark.parametrize(
    ("codec", "rate", "kbps", "message"),
    [
        ("mp3", 44_100, 16.0, "MP3 at 44100 Hz has 32 to 320 kbit/s, and 16 is asked"),
        ("mp3", 8000, 128.0, "MP3 at 8000 Hz has 8 to 64 kbit/s, and 128 is asked for"),
        ("opus", 48_000, 320.0, "Opus has 6 to 256 kbit/s, and 320 is asked for"),
    ],
)
def test_a_bit_rate_that_a_codec_lacks_is_said(codec, rate, kbps, message):
    with pytest.raises(AudioError, match=message):
        effects.coded(noise(1000), rate, codec, kbps)


@pytest.mark.parametrize("percent", [0.1, 5.0, 60.0])
def test_so_many_samples_are_clipped(percent):
    before = noise()
    after = changed("clipping", before, percent)
    assert np.mean(before != after) == pytest.approx(percent / 100, abs=2e-5)
    assert set(np.abs(after[before != after])) == {np.abs(after).max()}


@pytest.mark.parametrize("ratio", [2.0, 4.0, 20.0])
def test_what_is_above_the_threshold_comes_out_by_its_ratio(ratio):
    t = np.arange(2 * RATE) / RATE
    sine = np.sin(2 * np.pi * 1000 * t).astype(np.float32)
    for level in (-45.0, -35.0, -10.0):
        before = sine * np.float32(np.sqrt(2) * 10 ** (level / 20))
        after = changed("compression", before, ratio, threshold_db=-40.0)
        end = slice(RATE, None)  # after the level has been measured
        found = 20 * np.log10(effects.rms(after[end]) / effects.rms(before[end]))
        assert found == pytest.approx(-max(level + 40, 0) * (1 - 1 / ratio), abs=0.15)


@pytest.mark.parametrize("slope", [-3.0, 6.0])
def test_a_tilt_is_so_many_decibels_an_octave_at_the_same_level(slope):
    before = noise()
    after = changed("tilt", before, slope)
    found = [
        gain_db(before, after, f / 1.1, f * 1.1) for f in (250, 500, 1000, 2000, 4000)
    ]
    assert np.diff(found) == pytest.approx(slope, abs=0.15)
    assert effects.rms(after) == pytest.approx(effects.rms(before), rel=1e-5)


def test_a_shift_moves_every_sample():
    before = noise(RATE)
    assert np.array_equal(
        changed("shift", before, 0.25)[RATE // 4 :], before[: -RATE // 4]
    )
    assert np.array_equal(np.sort(changed("shift", before, 0.25)), np.sort(before))


@pytest.mark.parametrize("speed", [0.5, 1.25, 3.0])
def test_at_another_speed_pitch_and_length_change_together(speed):
    t = np.arange(2 * RATE) / RATE
    before = np.where(t < 1, np.sin(2 * np.pi * 1000 * t), 0).astype(np.float32)
    after = changed("speed", before, speed)
    spectrum = np.abs(np.fft.rfft(after))
    assert spectrum.argmax() / 2 == pytest.approx(1000 * speed, abs=1)
    loud = np.flatnonzero(np.abs(after) > 0.1)
    assert loud[-1] / RATE == pytest.approx(min(2, 1 / speed), abs=0.01)


def test_what_is_not_kept_is_silent():
    before = noise(1001)
    after = changed("crop", before, 25.0)
    assert np.array_equal(after[:251], before[:251])
    assert not after[251:].any()
