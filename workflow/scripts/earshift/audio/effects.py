"""Changes of one mono waveform: filters, noise, reverberation, codecs.

All are pure functions of arrays, computed in double precision. What cannot be done at a
sample rate raises `AudioError`: the clip is left out, and not passed on unchanged.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Literal

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from earshift.errors import AudioError

Sound = NDArray[np.float32]
Array = NDArray[np.float64]

#: Loss in the pass band at most, and in the stop band at least, of `chebyshev`, in dB.
PASS_DB, STOP_DB = 3.0, 80.0

#: Edges of pass and stop band lie by this factor to both sides of a cutoff.
TRANSITION = 1.1

#: Delays of the comb filters in parallel and of the all-pass filters in series, in
#: samples at 44.1 kHz: the published tunings of Freeverb (Jezar 2000, public domain).
COMBS = (1116, 1188, 1277, 1356, 1422, 1491, 1557, 1617)
ALL_PASSES = (556, 441, 341, 225)

#: Rates at which Opus works, in Hz.
OPUS_HZ = (8_000, 12_000, 16_000, 24_000, 48_000)

#: Samples that a decoder is late if an MP3 does not say how long its sound is.
MP3_DELAY = 1105

Passes = Literal["low", "high"]
Codec = Literal["mp3", "opus"]
Colour = Literal["white", "pink", "brown", "hum"]


def chebyshev(sound: Sound, rate: int, cutoff_hz: float, kind: Passes) -> Sound:
    """Return the sound behind a Chebyshev filter of the second kind.

    Parameters
    ----------
    sound : ndarray of shape (n_samples,), float32
        Mono.
    rate : int
        Its sample rate, in Hz.
    cutoff_hz : float
        The pass band ends at 1/1.1 of it, with a loss of 3 dB, and the stop band begins
        at 1.1 times it, with a loss of 80 dB; for ``"high"`` the other way round.
    kind : {"low", "high"}
        Which frequencies pass.

    Returns
    -------
    ndarray of shape (n_samples,), float32
        Filtered forwards in time, once.

    Raises
    ------
    AudioError
        If the rate is too low for the filter.
    """
    from scipy import signal

    low, high = cutoff_hz / TRANSITION, cutoff_hz * TRANSITION
    if 2 * high >= rate:
        raise too_low(rate, f"a {kind}-pass filter at {cutoff_hz:g} Hz", 2 * high)
    edges = (low, high) if kind == "low" else (high, low)
    order, natural = signal.cheb2ord(*edges, PASS_DB, STOP_DB, fs=rate)
    sections = signal.cheby2(
        int(order), STOP_DB, float(natural), kind, analog=False, output="sos", fs=rate
    )
    return np.asarray(signal.sosfilt(sections, sound.astype(np.float64)), np.float32)


def too_low(rate: int, what: str, needed_hz: float) -> AudioError:
    """Return the error that a sample rate is too low for something."""
    return AudioError(
        "low_rate",
        f"{what} needs a sample rate above {needed_hz:.0f} Hz, and the clip has {rate}",
    )


def rms(sound: NDArray[np.floating]) -> float:
    """Return the root mean square of a sound."""
    return float(np.sqrt(np.square(sound.astype(np.float64)).mean()))


def with_noise(sound: Sound, noise: Array, snr_db: float) -> Sound:
    """Add noise at a ratio of powers over the whole clip.

    Parameters
    ----------
    sound : ndarray of shape (n_samples,), float32
        Mono.
    noise : ndarray of shape (n_samples,), float64
        Of any level above 0.
    snr_db : float
        Power of the sound over that of the noise, in dB.

    Returns
    -------
    ndarray of shape (n_samples,), float32
        The sum.

    Raises
    ------
    AudioError
        If the clip is silent, so that it has no such ratio.
    """
    level = rms(sound)
    if level == 0:
        raise AudioError("silent", "a silent clip has no signal-to-noise ratio")
    scale = level / rms(noise) * 10 ** (-snr_db / 20)
    return np.asarray(sound + scale * noise, np.float32)


def coloured(
    n: int, rate: int, colour: Colour, rng: np.random.Generator, hum_hz: float = 50.0
) -> Array:
    """Return noise.

    Parameters
    ----------
    n : int
        Samples.
    rate : int
        Sample rate, in Hz.
    colour : {"white", "pink", "brown", "hum"}
        The power falls by 0, 3 or 6 dB an octave, above 20 Hz; or the hum of the mains:
        a tone and its odd overtones up to the ninth, each 6 dB softer than the one
        before, all of random phases.
    rng : Generator
        Draws it.
    hum_hz : float, default=50.0
        Pitch of the hum.

    Returns
    -------
    ndarray of shape (n,), float64
        Of no particular level.
    """
    if colour == "hum":
        t = np.arange(n) / rate
        phases = rng.uniform(0, 2 * np.pi, 5)
        tones = [
            0.5**k * np.sin(2 * np.pi * (2 * k + 1) * hum_hz * t + phase)
            for k, phase in enumerate(phases)
            if (2 * k + 1) * hum_hz < rate / 2
        ]
        return np.asarray(np.sum(tones, axis=0))
    white = rng.standard_normal(n)
    slope = {"white": 0.0, "pink": 0.5, "brown": 1.0}[colour]
    return _shaped(white, rate, lambda f: (np.maximum(f, 20.0) / 1000) ** -slope)


def _shaped(sound: Array, rate: int, gain: Callable[[Array], Array]) -> Array:
    """Return a sound whose spectrum is multiplied by a gain, without a shift in time.

    Zeros behind the sound keep its end from reaching its beginning.
    """
    from scipy import fft

    n = fft.next_fast_len(2 * len(sound), real=True)
    spectrum = fft.rfft(sound, n)
    spectrum *= gain(np.arange(len(spectrum)) * rate / n)
    return np.asarray(fft.irfft(spectrum, n)[: len(sound)])


def tilted(sound: Sound, rate: int, db_per_octave: float) -> Sound:
    """Return a sound whose spectrum is tilted, at the level that it had.

    Parameters
    ----------
    sound : ndarray of shape (n_samples,), float32
        Mono.
    rate : int
        Its sample rate, in Hz.
    db_per_octave : float
        Slope of the gain, which is the same below 50 Hz.

    Returns
    -------
    ndarray of shape (n_samples,), float32
        With the root mean square of `sound`.
    """
    found = _shaped(
        sound.astype(np.float64),
        rate,
        lambda f: 10 ** (db_per_octave * np.log2(np.maximum(f, 50.0) / 1000) / 20),
    )
    level = rms(found)
    return np.asarray(found * (rms(sound) / level if level else 1), np.float32)


def reverberation(sound: Sound, rate: int, room_size: float, damping: float) -> Array:
    """Return the reverberation of a sound by Schroeder's combs and all-passes.

    Eight combs with a low-pass in the loop stand in parallel, four all-passes follow
    (Moorer 1979), with the delays of Freeverb, which change with the sample rate.

    Parameters
    ----------
    sound : ndarray of shape (n_samples,), float32
        Mono.
    rate : int
        Its sample rate, in Hz.
    room_size : float
        From 0 to 1: the combs feed back .7 to .98 of their output.
    damping : float
        From 0 to 1: how much of high frequencies is lost on the way.

    Returns
    -------
    ndarray of shape (n_samples,), float64
        The reverberation alone, up to the end of the clip.
    """
    feedback, loss = 0.7 + 0.28 * room_size, 0.4 * damping
    dry = 0.015 * sound.astype(np.float64)
    wet = np.zeros(len(dry))
    for delay in COMBS:
        wet += _comb(dry, max(1, round(delay * rate / 44_100)), feedback, loss)
    for delay in ALL_PASSES:
        wet = _all_pass(wet, max(1, round(delay * rate / 44_100)))
    return wet


def _comb(sound: Array, delay: int, feedback: float, loss: float) -> Array:
    """Return ``y[t] = x[t - delay] + feedback * low_pass(y)[t - delay]``."""
    from scipy import signal

    out = np.zeros(len(sound) + delay)
    state = np.zeros(1)
    for start in range(0, len(sound), delay):
        stop = min(start + delay, len(sound))
        damped, state = signal.lfilter(
            [1 - loss], [1, -loss], out[start:stop], zi=state
        )
        out[start + delay : stop + delay] = sound[start:stop] + feedback * damped
    return out[: len(sound)]


def _all_pass(sound: Array, delay: int) -> Array:
    """Return what comes back from a loop of half, less what goes in."""
    kept = np.zeros(len(sound) + delay)
    for start in range(0, len(sound), delay):
        stop = min(start + delay, len(sound))
        kept[start + delay : stop + delay] = sound[start:stop] + 0.5 * kept[start:stop]
    return kept[: len(sound)] - sound


def at_bandwidth(sound: Sound, rate: int, bandwidth_hz: float) -> Sound:
    """Return a sound that was recorded at twice a bandwidth, at its own rate again.

    Raises
    ------
    AudioError
        If the clip has no more than that.
    """
    if 2 * bandwidth_hz >= rate:
        raise too_low(rate, f"a bandwidth of {bandwidth_hz:g} Hz", 2 * bandwidth_hz)
    return _there_and_back(sound, rate, 2 * bandwidth_hz, lambda s: s)


def at_speed(sound: Sound, speed: float) -> Sound:
    """Return a sound that is played so many times as fast, as long as it was.

    What is faster is followed by silence; the end of what is slower is cut.
    """
    return _of_length(soxr.resample(sound, speed, 1.0), len(sound))


def _there_and_back(
    sound: Sound, rate: float, other_hz: float, change: Callable[[Sound], Sound]
) -> Sound:
    """Return a sound that is changed at another sample rate."""
    changed = change(soxr.resample(sound, rate, other_hz))
    return _of_length(soxr.resample(changed, other_hz, rate), len(sound))


def _of_length(sound: Sound, n: int) -> Sound:
    """Return the first samples; zeros where there are none."""
    return np.pad(sound[:n], (0, max(0, n - len(sound))))


def coded(sound: Sound, rate: int, codec: Codec, kbps: float) -> Sound:
    """Return a sound that was coded and decoded, in memory, by libsndfile.

    Parameters
    ----------
    sound : ndarray of shape (n_samples,), float32
        Mono. Samples beyond [-1, 1] are clipped, as codecs do.
    rate : int
        Its sample rate, in Hz. Opus works at 8, 12, 16, 24 or 48 kHz; clips of other
        rates are resampled to the next higher of these, and back.
    codec : {"mp3", "opus"}
        MP3 at a constant bit rate (LAME), or Opus at a variable one (libopus).
    kbps : float
        Bit rate, in kbit/s. MP3 takes the nearest of its own.

    Returns
    -------
    ndarray of shape (n_samples,), float32
        In time with `sound`: delays of the codecs are taken out.

    Raises
    ------
    AudioError
        If the codec has no such bit rate at this sample rate.
    """
    if codec == "mp3":
        return _of_length(_mp3(sound, rate, kbps), len(sound))
    native = next((hz for hz in OPUS_HZ if hz >= rate), OPUS_HZ[-1])
    if native == rate:
        return _of_length(_opus(sound, native, kbps), len(sound))
    return _there_and_back(sound, rate, native, lambda s: _opus(s, native, kbps))


def _mp3(sound: Sound, rate: int, kbps: float) -> Sound:
    low, high = (32, 320) if rate >= 32_000 else (8, 160) if rate >= 16_000 else (8, 64)
    _check_rate(kbps, low, high, f"MP3 at {rate} Hz")
    found = _round_trip(
        sound, rate, (high - kbps) / (high - low), "MP3", "MPEG_LAYER_III", "CONSTANT"
    )
    return found[MP3_DELAY:] if len(found) > len(sound) else found


def _opus(sound: Sound, rate: int, kbps: float) -> Sound:
    _check_rate(kbps, 6, 256, "Opus")
    return _round_trip(sound, rate, (256 - kbps) / (256 - 6), "OGG", "OPUS", None)


def _check_rate(kbps: float, low: float, high: float, what: str) -> None:
    if not low <= kbps <= high:
        raise AudioError(
            "low_rate", f"{what} has {low} to {high} kbit/s, and {kbps:g} is asked for"
        )


def _round_trip(
    sound: Sound,
    rate: int,
    level: float,
    container: str,
    subtype: str,
    mode: str | None,
) -> Sound:
    """Return a sound that libsndfile wrote and read; 0 is its highest bit rate."""
    file = io.BytesIO()
    clipped = np.clip(sound, -1, 1)
    # It takes a level of 1 for an error.
    options = {"compression_level": min(level, 0.9999), "bitrate_mode": mode}
    soundfile.write(file, clipped, rate, subtype, format=container, **options)
    file.seek(0)
    found: Sound = soundfile.read(file, dtype="float32")[0]
    return found
