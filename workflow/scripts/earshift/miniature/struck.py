"""Sounds that ring and die away: piano and the two guitars."""

from __future__ import annotations

import numpy as np

from earshift.miniature.players import Player
from earshift.miniature.sound import (
    RATE_HZ,
    Note,
    Samples,
    band_noise,
    damped_partials,
    harmonics_below,
    high_pass,
    low_pass,
    resonate,
    swell,
)


def strike_piano(
    score: list[Note], player: Player, n_samples: int, rng: np.random.Generator
) -> Samples:
    """Play the piano.

    Stiff strings have stretched partials; a hammer at an eighth of the string leaves
    out every eighth; two coupled strings give a fast decay followed by a slow one.

    Parameters
    ----------
    score : list of Note
        What to play.
    player : Player
        Timbre.
    n_samples : int
        Length of the track.
    rng : Generator
        Draws the hammer's noise and the strings' mistuning.

    Returns
    -------
    ndarray of shape (n_samples,)
        The track, about 0.3 of root mean square.

    References
    ----------
    Fletcher, Blackham and Stratton (1962), "Quality of piano tones", Journal of the
    Acoustical Society of America 34, 749-761, for the partials; Weinreich (1977),
    "Coupled piano strings", ibid. 62, 1474-1484, for the two decays.
    """
    track = np.zeros(n_samples)
    damper_s = 0.15
    knock = band_noise(n_samples, 80.0, 900.0, rng)
    for note in score:
        span = note.span(damper_s, n_samples)
        length = span.stop - span.start
        if length < 32:
            continue
        f0_hz = note.frequency_hz
        k = harmonics_below(f0_hz, 9_000.0)[:48]
        stiffness = 2.2e-4 * 2.0 ** ((note.pitch - 60.0) / 9.0)
        frequency = k * f0_hz * np.sqrt(1.0 + stiffness * k**2)
        edge_hz = (500.0 + 2_200.0 * note.level**1.5) * (1.0 + 0.4 * player.brightness)
        strength = np.abs(np.sin(np.pi * k / 8.0)) / k**0.4
        strength *= np.exp(-frequency / edge_hz)
        strength /= np.sqrt(np.sum(strength**2)) + 1e-12
        fast_s = 0.9 * (220.0 / f0_hz) ** 0.45 / (1.0 + frequency / 2_500.0)
        beating = frequency * (1.0 + 4e-4 * rng.standard_normal(len(k)))
        ring = damped_partials(
            np.concatenate([frequency, beating]),
            np.concatenate([0.85 * strength, 0.2 * strength]),
            np.concatenate([fast_s, 4.0 * fast_s]),
            length,
        )
        thump = np.exp(-np.arange(length) / (0.018 * RATE_HZ))
        ring += (0.12 + 0.06 * player.noise) * thump * knock[span]
        track[span] += (
            note.gain * ring * swell(length, note.duration_s, 0.003, damper_s)
        )
    size = 1.0 + 0.1 * player.body
    return resonate(track, (110.0 * size, 380.0 * size), (4, 3), (0.5, 0.6))


def pluck(
    note: Note, length: int, where: float, damping: float, rng: np.random.Generator
) -> Samples:
    """Return a plucked string, as the modes of a Karplus-Strong loop.

    The loop is a delay of one period and a filter of gain
    ``1 - damping * (1 - cos w)`` per turn; its modes are harmonics that each decay at
    the filter's loss at their own frequency. Summing the modes gives the loop's sound
    with exact tuning.

    Parameters
    ----------
    note : Note
        Pitch and level; louder plucks are brighter.
    length : int
        Samples to return.
    where : float
        Place of the plectrum, as a fraction of the string.
    damping : float
        Loss of the loop; 0.5 is the classical average of two samples.
    rng : Generator
        Draws the burst of noise that excites the loop.

    Returns
    -------
    ndarray of shape (length,)
        The string, starting with a root mean square of about 0.7.

    References
    ----------
    Karplus and Strong (1983), "Digital synthesis of plucked-string and drum timbres",
    Computer Music Journal 7 (2), 43-55; Jaffe and Smith (1983), "Extensions of the
    Karplus-Strong plucked-string algorithm", ibid., 56-69.
    """
    f0_hz = note.frequency_hz
    k = harmonics_below(f0_hz, 10_000.0)[:60]
    omega = 2.0 * np.pi * k * f0_hz / RATE_HZ
    gain = 0.9965 * (1.0 - damping * (1.0 - np.cos(omega)))
    decay_s = -1.0 / (f0_hz * np.log(np.maximum(gain, 0.05)))
    strength = np.abs(np.sin(np.pi * k * where)) / k ** (1.2 - 0.7 * note.level)
    strength *= np.exp(0.3 * rng.standard_normal(len(k)))
    strength /= np.sqrt(np.sum(strength**2)) + 1e-12
    return damped_partials(k * f0_hz, strength, decay_s, length)


def pluck_acoustic(
    score: list[Note], player: Player, n_samples: int, rng: np.random.Generator
) -> Samples:
    """Play the acoustic guitar: plucked strings on a resonant box."""
    track = np.zeros(n_samples)
    where = 0.2 - 0.07 * player.brightness
    damping = 0.45 - 0.15 * player.brightness
    nail = band_noise(n_samples, 1_500.0, 7_000.0, rng)
    for note in score:
        span = note.span(0.25, n_samples)
        length = span.stop - span.start
        if length < 32:
            continue
        ring = pluck(note, length, where, damping, rng)
        scrape = np.exp(-np.arange(length) / (0.006 * RATE_HZ))
        ring += (0.2 + 0.12 * player.noise) * scrape * nail[span]
        track[span] += note.gain * ring * swell(length, note.duration_s, 0.002, 0.25)
    size = 1.0 + 0.1 * player.body
    centres = (102.0 * size, 205.0 * size, 420.0 * size, 1_000.0 * size)
    track = resonate(track, centres, (7, 8, 4, -4), (0.15, 0.12, 0.3, 0.6))
    return high_pass(track, 70.0)


def pluck_electric(
    score: list[Note], player: Player, n_samples: int, rng: np.random.Generator
) -> Samples:
    """Play the electric guitar: strings, pick-up, overdriven amplifier, loudspeaker.

    The amplifier is fed nothing above 4 kHz, so that what clipping adds stays below
    half the sampling rate.
    """
    track = np.zeros(n_samples)
    for note in score:
        span = note.span(0.12, n_samples)
        length = span.stop - span.start
        if length < 32:
            continue
        ring = pluck(note, length, 0.28 - 0.1 * player.brightness, 0.12, rng)
        track[span] += note.gain * ring * swell(length, note.duration_s, 0.003, 0.12)
    track = low_pass(track, 4_000.0, order=4)
    drive = 2.0 ** (1.5 + 1.5 * player.noise)
    track = np.tanh(drive * track) / np.tanh(drive)
    size = 1.0 + 0.1 * player.body
    track = resonate(track, (130.0 * size, 2_600.0 * size), (4, 7), (0.5, 0.5))
    return high_pass(low_pass(track, 4_800.0, order=4), 80.0)
