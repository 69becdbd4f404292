"""Held sounds (bowed strings, winds, organ, voice): wavetables under a gesture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from earshift.miniature.players import Player
from earshift.miniature.sound import (
    RATE_HZ,
    Note,
    Samples,
    band_noise,
    crossfade,
    harmonics_below,
    high_pass,
    low_pass,
    resonate,
    swell,
    wander,
    wavetable,
)

#: Amplitude of harmonics, from (harmonic numbers, fundamental in Hz, position); the
#: position is how loud the note is just then, from 0 to 1.
Timbre = Callable[[Samples, float, float], Samples]


@dataclass(frozen=True)
class Gesture:
    """How a note is begun, held and ended.

    Parameters
    ----------
    attack_s, release_s : float
        Time to full level, and from there to silence, in seconds.
    vibrato_hz, vibrato_cents : float
        Rate of the vibrato, and its depth in hundredths of a semitone.
    tremolo : float
        Relative change of level that goes with the vibrato, from 0 to 1.
    jitter_cents : float
        Slow random deviation of pitch (standard deviation).
    scoop_cents : float
        How far below its pitch a note begins.
    sag : float
        Fraction of the level lost while a note is held.
    glide : bool
        Whether the timbre moves with time (position 0 to 1 along the note) rather
        than with the level.
    """

    attack_s: float = 0.04
    release_s: float = 0.08
    vibrato_hz: float = 5.5
    vibrato_cents: float = 0.0
    tremolo: float = 0.0
    jitter_cents: float = 3.0
    scoop_cents: float = 0.0
    sag: float = 0.1
    glide: bool = False


def hold(
    score: list[Note],
    timbre: Timbre,
    gesture: Gesture,
    n_samples: int,
    rng: np.random.Generator,
) -> tuple[Samples, Samples]:
    """Play a score on a wavetable oscillator.

    Each note has two band-limited tables, the timbre at position 0 and at 1, and is
    crossfaded between them. Vibrato sets in a quarter of a second after the note.

    Parameters
    ----------
    score : list of Note
        What to play; pitches already tuned.
    timbre : Timbre
        Spectrum of the source.
    gesture : Gesture
        How notes begin and end.
    n_samples : int
        Length of the track.
    rng : Generator
        Draws phases and jitter.

    Returns
    -------
    tone, envelope : ndarray of shape (n_samples,)
        The sound, and the level of it (for breath or bow noise).
    """
    tone, envelope = np.zeros(n_samples), np.zeros(n_samples)
    for note in score:
        span = note.span(gesture.release_s, n_samples)
        length = span.stop - span.start
        if length < 32:
            continue
        shape = swell(
            length, note.duration_s, gesture.attack_s, gesture.release_s, gesture.sag
        )
        time_s = np.arange(length) / RATE_HZ
        f0_hz = note.frequency_hz
        harmonics = harmonics_below(f0_hz)
        cents, wobble = _bend(time_s, gesture, rng)
        # A hundredth of a semitone is a factor of 1 + log(2) / 1200, nearly.
        step = f0_hz / RATE_HZ * (1.0 + np.log(2.0) / 1200.0 * cents)
        wave = crossfade(
            wavetable(timbre(harmonics, f0_hz, 0.0)),
            wavetable(timbre(harmonics, f0_hz, 1.0)),
            np.cumsum(step) + rng.uniform(),
            time_s / time_s[-1] if gesture.glide else shape * note.level,
        )
        shape *= note.gain * (1.0 + gesture.tremolo * wobble)
        tone[span] += shape * wave
        envelope[span] += shape
    return tone, envelope


def _bend(
    time_s: Samples, gesture: Gesture, rng: np.random.Generator
) -> tuple[Samples, Samples]:
    """Return the deviation from a note's pitch in cents, and the vibrato in [-1, 1]."""
    cents = gesture.jitter_cents * wander(len(time_s), rng, 12.0)
    turns = gesture.vibrato_hz * time_s + rng.uniform()
    if gesture.scoop_cents:
        cents -= gesture.scoop_cents * np.exp(-time_s / 0.05)
    if not (gesture.vibrato_cents or gesture.tremolo):
        return cents, np.zeros_like(time_s)
    wobble = np.sin(2.0 * np.pi * turns) * np.clip((time_s - 0.15) / 0.2, 0.0, 1.0)
    return cents + gesture.vibrato_cents * wobble, wobble


def bow(
    score: list[Note], player: Player, n_samples: int, rng: np.random.Generator
) -> Samples:
    """Play the violin.

    A bowed string moves in a sawtooth (Helmholtz motion); the body's air and wood
    resonances and the broad hill of the bridge shape it.

    Parameters
    ----------
    score : list of Note
        What to play.
    player : Player
        Timbre.
    n_samples : int
        Length of the track.
    rng : Generator
        Draws phases, jitter and bow noise.

    Returns
    -------
    ndarray of shape (n_samples,)
        The track, about 0.3 of root mean square.

    References
    ----------
    Mathews and Kohut (1973), "Electronic simulation of violin resonances", Journal
    of the Acoustical Society of America 53, 1620-1626.
    """
    size = 1.0 + 0.07 * player.body
    tone = _bowed(score, player, 3_600.0, n_samples, rng)
    centres = [size * hz for hz in (278.0, 460.0, 550.0, 1_150.0, 2_500.0, 3_400.0)]
    tone = resonate(
        tone, centres, (9, 9, 8, -5, 9, 5), (0.1, 0.08, 0.08, 0.5, 0.5, 0.3)
    )
    return high_pass(tone, 190.0)


def bow_low(
    score: list[Note], player: Player, n_samples: int, rng: np.random.Generator
) -> Samples:
    """Play the cello: as `bow`, with the resonances of a body three times as large."""
    size = 1.0 + 0.07 * player.body
    tone = _bowed(score, player, 1_700.0, n_samples, rng)
    centres = [size * hz for hz in (102.0, 180.0, 232.0, 600.0, 1_250.0, 2_000.0)]
    tone = resonate(tone, centres, (8, 9, 8, -4, 6, 4), (0.15, 0.1, 0.1, 0.5, 0.4, 0.3))
    return high_pass(tone, 60.0)


def _bowed(
    score: list[Note],
    player: Player,
    cutoff_hz: float,
    n_samples: int,
    rng: np.random.Generator,
) -> Samples:
    """Return the string alone: sawtooth, vibrato, and the noise of the bow hair."""

    def timbre(k: Samples, f0_hz: float, position: float) -> Samples:
        edge_hz = cutoff_hz * (1.0 + position + 0.35 * player.brightness)
        return np.exp(-k * f0_hz / edge_hz) / k

    gesture = Gesture(
        attack_s=0.07 - 0.035 * player.attack,
        release_s=0.12,
        vibrato_hz=5.6 + 0.6 * player.vibrato,
        vibrato_cents=17.0 + 12.0 * player.vibrato,
        jitter_cents=5.0,
        tremolo=0.06,
    )
    tone, envelope = hold(score, timbre, gesture, n_samples, rng)
    hair = band_noise(n_samples, cutoff_hz, 3.0 * cutoff_hz, rng)
    grip = 1.0 + 0.5 * wander(n_samples, rng, 40.0)
    return tone + (0.035 + 0.02 * player.noise) * envelope * grip * hair


def blow_clarinet(
    score: list[Note], player: Player, n_samples: int, rng: np.random.Generator
) -> Samples:
    """Play the clarinet.

    A cylinder closed at the reed favours odd harmonics; even ones catch up only above
    the cut-off of the tone-hole lattice near 1.5 kHz, where all of them fall off.

    References
    ----------
    Fletcher and Rossing (1998), "The Physics of Musical Instruments", chapter 15.
    """
    lattice_hz = 1_550.0 * (1.0 + 0.12 * player.body)

    def timbre(k: Samples, f0_hz: float, position: float) -> Samples:
        frequency = k * f0_hz
        even = 0.04 + 0.55 / (1.0 + np.exp(-(frequency - 1.2 * lattice_hz) / 300.0))
        strength = np.where(k % 2 == 1, 1.0, even)
        slope = 3.4 - 1.3 * position - 0.4 * player.brightness
        return strength * k**-0.5 / (1.0 + (frequency / lattice_hz) ** slope)

    gesture = Gesture(
        attack_s=0.035 - 0.015 * player.attack,
        release_s=0.06,
        vibrato_cents=2.0 + 2.0 * player.vibrato,
        jitter_cents=2.5,
    )
    tone, envelope = hold(score, timbre, gesture, n_samples, rng)
    breath = band_noise(n_samples, 1_000.0, 4_000.0, rng)
    return tone + (0.012 + 0.008 * player.noise) * envelope * breath


def blow_flute(
    score: list[Note], player: Player, n_samples: int, rng: np.random.Generator
) -> Samples:
    """Play the flute: few harmonics, audible breath, and a vibrato of the level.

    References
    ----------
    Fletcher and Rossing (1998), "The Physics of Musical Instruments", chapter 16.
    """

    def timbre(k: Samples, f0_hz: float, position: float) -> Samples:
        fall = 2.6 - 0.8 * position - 0.3 * player.brightness
        strength = k**-fall * np.exp(-k * f0_hz / 4_000.0)
        # Low notes are overblown a little: their octave rivals the fundamental.
        octave = 1.0 + 1.8 * np.exp(-f0_hz / 350.0) * position
        return np.where(k == 2, octave * strength, strength)

    gesture = Gesture(
        attack_s=0.06 - 0.03 * player.attack,
        release_s=0.08,
        vibrato_hz=5.0 + 0.5 * player.vibrato,
        vibrato_cents=6.0 + 4.0 * player.vibrato,
        tremolo=0.18 + 0.12 * player.vibrato,
    )
    tone, envelope = hold(score, timbre, gesture, n_samples, rng)
    edge = band_noise(n_samples, 900.0, 6_500.0, rng)
    puff = np.maximum(np.diff(low_pass(envelope, 12.0), prepend=0.0), 0.0) * RATE_HZ
    level = (0.07 + 0.04 * player.noise) * (envelope + 0.12 * puff)
    return tone + level * edge
