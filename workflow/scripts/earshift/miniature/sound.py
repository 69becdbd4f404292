"""Building blocks of synthesis: oscillators, decaying partials, envelopes, filters."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import signal

#: Sampling rate of everything in this package, in Hz.
RATE_HZ = 44_100

#: Points in one period of a wavetable.
TABLE_SIZE = 2_048

#: Partials at or above this frequency are left out, in Hz: nothing ever aliases.
HIGHEST_HZ = 18_000.0

#: Samples synthesised per row of the matrix product in `damped_partials`.
_BLOCK = 192

#: Mono audio, or any curve over time at `RATE_HZ`.
Samples = NDArray[np.float64]


@dataclass(frozen=True)
class Note:
    """One note of a score.

    Parameters
    ----------
    start_s, duration_s : float
        When it starts, and how long it is held, in seconds.
    pitch : float
        MIDI note number: 69 is 440 Hz, 1 is a semitone.
    level : float
        Loudness from 0 (pianissimo) to 1 (fortissimo); spans 20 dB.
    """

    start_s: float
    duration_s: float
    pitch: float
    level: float

    @property
    def gain(self) -> float:
        """Amplitude factor, from 0.1 to 1."""
        return float(10.0 ** (self.level - 1.0))

    @property
    def frequency_hz(self) -> float:
        """Fundamental, in Hz."""
        return float(440.0 * 2.0 ** ((self.pitch - 69.0) / 12.0))

    def span(self, tail_s: float, n_samples: int) -> slice:
        """Return the samples that the note and its tail cover in a track."""
        start = round(self.start_s * RATE_HZ)
        stop = start + round((self.duration_s + tail_s) * RATE_HZ)
        return slice(min(start, n_samples), min(stop, n_samples))


def harmonics_below(f0_hz: float, highest_hz: float = HIGHEST_HZ) -> Samples:
    """Return the numbers 1, 2, ... of the harmonics of `f0_hz` under `highest_hz`."""
    return np.arange(1, max(2, int(highest_hz / f0_hz) + 1), dtype=np.float64)


def wavetable(amplitudes: Samples) -> Samples:
    """Return one period of a sum of sines, scaled to a root mean square of 1.

    Parameters
    ----------
    amplitudes : ndarray of shape (n_harmonics,)
        Amplitude of harmonics 1, 2, ..., in any linear unit.

    Returns
    -------
    ndarray of shape (TABLE_SIZE + 1,)
        The period; the last point repeats the first, for interpolation.
    """
    spectrum = np.zeros(TABLE_SIZE // 2 + 1, dtype=np.complex128)
    n_kept = min(len(amplitudes), TABLE_SIZE // 2 - 1)
    spectrum[1 : n_kept + 1] = -1j * amplitudes[:n_kept]
    period = np.fft.irfft(spectrum)
    period /= np.sqrt(np.mean(period**2)) + 1e-12
    return np.append(period, period[0])


def crossfade(first: Samples, last: Samples, phase: Samples, where: Samples) -> Samples:
    """Read two wavetables at once, and fade from one to the other.

    Parameters
    ----------
    first, last : ndarray of shape (TABLE_SIZE + 1,)
        Results of `wavetable`.
    phase : ndarray of shape (n_samples,)
        In cycles; never negative.
    where : ndarray of shape (n_samples,)
        0 for `first`, 1 for `last`, anything between for a mixture.

    Returns
    -------
    ndarray of shape (n_samples,)
        The wave, linearly interpolated between the points of the tables.
    """
    position = phase * TABLE_SIZE
    whole = position.astype(np.int64)
    position -= whole
    index = whole & (TABLE_SIZE - 1)
    change = last - first
    wave: Samples = first[index] + np.diff(first)[index] * position
    wave += where * (change[index] + np.diff(change)[index] * position)
    return wave


def damped_partials(
    frequencies_hz: Samples, amplitudes: Samples, decays_s: Samples, n_samples: int
) -> Samples:
    """Return a sum of exponentially decaying sines, all starting at phase 0.

    Parameters
    ----------
    frequencies_hz, amplitudes, decays_s : ndarray of shape (n_partials,)
        Of each partial: frequency, amplitude at the start, and the time in which
        it falls by a factor e. Partials above `HIGHEST_HZ`, or 80 dB below the
        strongest, are left out.
    n_samples : int
        Length of the result.

    Returns
    -------
    ndarray of shape (n_samples,)
        The sum, in the unit of `amplitudes`.

    Notes
    -----
    A sample at ``i * block + j`` is a product of a factor in i and one in j, so the
    whole sum is one matrix product rather than a sine per partial and sample.
    """
    audible = np.abs(amplitudes) > 1e-4 * np.abs(amplitudes).max()
    kept = audible & (frequencies_hz < HIGHEST_HZ)
    pole = -1.0 / decays_s[kept] + 2j * np.pi * frequencies_hz[kept]
    n_blocks = -(-n_samples // _BLOCK)
    coarse = amplitudes[kept] * _powers(pole * (_BLOCK / RATE_HZ), n_blocks)
    fine = _powers(pole / RATE_HZ, _BLOCK)
    left = np.hstack([coarse.real, coarse.imag])
    right = np.hstack([fine.imag, fine.real]).T
    return np.asarray(left @ right).reshape(-1)[:n_samples]


def _powers(exponent: NDArray[np.complex128], n_powers: int) -> NDArray[np.complex128]:
    """Return exp(0), exp(x), exp(2 x), ... of shape (n_powers, n_partials)."""
    few = 16
    giant = np.exp(np.arange(-(-n_powers // few))[:, None] * (few * exponent))
    baby = np.exp(np.arange(few)[:, None] * exponent)
    return (giant[:, None, :] * baby).reshape(-1, len(exponent))[:n_powers]


def swell(
    n_samples: int, hold_s: float, attack_s: float, release_s: float, sag: float = 0.0
) -> Samples:
    """Return the envelope of a held note, from 0 over 1 back to 0.

    Parameters
    ----------
    n_samples : int
        Length of the result; may end before the release does.
    hold_s : float
        Time from the start to the beginning of the release, in seconds.
    attack_s, release_s : float
        Length of the raised-cosine rise and fall, in seconds.
    sag : float, default=0
        Fraction of the level lost towards the end of the hold, from 0 to 1.

    Returns
    -------
    ndarray of shape (n_samples,)
        Values in [0, 1].
    """
    shape = np.linspace(1.0, 1.0 - sag * n_samples / (hold_s * RATE_HZ), n_samples)
    np.maximum(shape, 1.0 - sag, out=shape)
    n_rise = min(n_samples, round(attack_s * RATE_HZ))
    shape[:n_rise] *= _half_cosine(attack_s)[:n_rise]
    n_hold = min(n_samples, round(hold_s * RATE_HZ))
    fall = _half_cosine(release_s)[::-1][: n_samples - n_hold]
    shape[n_hold : n_hold + len(fall)] *= fall
    shape[n_hold + len(fall) :] = 0.0
    return shape


@functools.lru_cache(maxsize=64)
def _half_cosine(length_s: float) -> Samples:
    """Return a raised-cosine rise from 0 to 1."""
    n_samples = round(length_s * RATE_HZ)
    rise: Samples = 0.5 - 0.5 * np.cos(np.pi * np.arange(n_samples) / n_samples)
    return rise


def wander(n_samples: int, rng: np.random.Generator, points_per_s: float) -> Samples:
    """Return a slow random curve of unit variance, for jitter and expression."""
    n_points = int(n_samples / RATE_HZ * points_per_s) + 3
    knots = rng.standard_normal(n_points)
    where = np.arange(n_samples) * (points_per_s / RATE_HZ)
    curve: Samples = np.interp(where, np.arange(n_points), knots)
    return curve


def band_noise(
    n_samples: int, low_hz: float, high_hz: float, rng: np.random.Generator
) -> Samples:
    """Return noise between two frequencies, scaled to a root mean square of 1."""
    sos = _butterworth(1, (low_hz, high_hz), "bandpass")
    # White is white whatever the distribution, and this one is the quickest to draw.
    white = rng.random(n_samples)
    white -= 0.5
    noise = np.asarray(signal.sosfilt(sos, white))
    noise /= rms(noise) + 1e-9
    return noise


@functools.lru_cache(maxsize=256)
def _butterworth(
    order: int,
    edges_hz: float | tuple[float, float],
    kind: Literal["lowpass", "highpass", "bandpass"],
) -> Samples:
    """Return the second-order sections of a Butterworth filter."""
    return np.asarray(signal.butter(order, edges_hz, kind, fs=RATE_HZ, output="sos"))


def low_pass(samples: Samples, cutoff_hz: float, order: int = 2) -> Samples:
    """Return `samples` after a Butterworth low-pass."""
    sos = _butterworth(order, cutoff_hz, "lowpass")
    return np.asarray(signal.sosfilt(sos, samples, axis=0))


def high_pass(samples: Samples, cutoff_hz: float, order: int = 2) -> Samples:
    """Return `samples` after a Butterworth high-pass."""
    sos = _butterworth(order, cutoff_hz, "highpass")
    return np.asarray(signal.sosfilt(sos, samples, axis=0))


def resonate(
    samples: Samples,
    centres_hz: Sequence[float],
    gains_db: Sequence[float],
    widths: Sequence[float],
) -> Samples:
    """Boost or cut bands around given frequencies, one after another.

    Parameters
    ----------
    samples : ndarray of shape (n_samples,) or (n_samples, n_channels)
        The sound.
    centres_hz, gains_db, widths : sequence of float
        Centre of each band in Hz, its gain in dB, its width as a fraction of the
        centre (the inverse of the quality factor).

    Returns
    -------
    ndarray
        Of the shape of `samples`.

    References
    ----------
    Bristow-Johnson, "Cookbook formulae for audio EQ biquad filter coefficients",
    the peaking filter.
    """
    sections = []
    for centre_hz, gain_db, width in zip(centres_hz, gains_db, widths, strict=True):
        omega = 2.0 * np.pi * centre_hz / RATE_HZ
        alpha = 0.5 * np.sin(omega) * width
        gain = 10.0 ** (gain_db / 40.0)
        bottom, middle = 1.0 + alpha / gain, -2.0 * np.cos(omega)
        b = (1.0 + alpha * gain, middle, 1.0 - alpha * gain)
        a = (bottom, middle, 1.0 - alpha / gain)
        sections.append(np.array(b + a) / bottom)
    return np.asarray(signal.sosfilt(np.stack(sections), samples, axis=0))


def rms(samples: NDArray[np.floating]) -> float:
    """Return the root mean square of all of `samples`."""
    flat = samples.ravel()
    return float(np.sqrt(flat @ flat / len(flat)))


def unit_rms(samples: Samples) -> Samples:
    """Return `samples` scaled to a root mean square of 1; silence stays silence."""
    return samples / (rms(samples) + 1e-9)
