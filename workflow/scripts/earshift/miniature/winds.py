"""Reeds, brass, organ and voice."""

from __future__ import annotations

import numpy as np

from earshift.miniature.players import Player
from earshift.miniature.sound import (
    RATE_HZ,
    Note,
    Samples,
    band_noise,
    high_pass,
    resonate,
    swell,
    wander,
)
from earshift.miniature.sustained import Gesture, Timbre, hold

#: Organ registrations: amplitude of harmonics of the 16-foot fundamental. The first
#: two are drawbars of an electric organ, the others choruses of pipes.
ORGAN_STOPS: tuple[tuple[dict[int, float], bool], ...] = (
    ({1: 1.0, 2: 1.0, 3: 0.9}, True),
    ({1: 0.6, 2: 1.0, 3: 0.5, 4: 0.7, 6: 0.4, 8: 0.6, 12: 0.35, 16: 0.5}, True),
    ({2: 1.0, 4: 0.9, 6: 0.3, 8: 0.65, 10: 0.15, 12: 0.3, 16: 0.4, 24: 0.2}, False),
    ({1: 0.7, 2: 1.0, 4: 0.45, 6: 0.55, 8: 0.25, 12: 0.3, 20: 0.1}, False),
)

#: Formants of sung vowels in Hz (men; a player's `body` and `stop` raise them).
VOWELS_HZ: tuple[tuple[float, float, float, float], ...] = (
    (730.0, 1_090.0, 2_440.0, 3_300.0),
    (530.0, 1_840.0, 2_480.0, 3_500.0),
    (570.0, 840.0, 2_410.0, 3_200.0),
    (300.0, 2_200.0, 2_900.0, 3_600.0),
    (440.0, 1_020.0, 2_240.0, 3_200.0),
)

#: Bandwidths of the four formants, in Hz.
FORMANT_WIDTHS_HZ = (90.0, 110.0, 150.0, 220.0)


def blow_saxophone(
    score: list[Note], player: Player, n_samples: int, rng: np.random.Generator
) -> Samples:
    """Play the saxophone: a conical reed, with all harmonics and a nasal formant.

    Notes start below their pitch, and the reed's breath is heard between harmonics.

    Parameters
    ----------
    score : list of Note
        What to play.
    player : Player
        Timbre.
    n_samples : int
        Length of the track.
    rng : Generator
        Draws phases, jitter and breath.

    Returns
    -------
    ndarray of shape (n_samples,)
        The track, about 0.3 of root mean square.

    References
    ----------
    Fletcher and Rossing (1998), "The Physics of Musical Instruments", chapter 15.
    """
    cutoff_hz = 950.0 * (1.0 + 0.2 * player.brightness)

    def timbre(k: Samples, f0_hz: float, position: float) -> Samples:
        ratio = k * f0_hz / cutoff_hz
        strength = np.where(k == 1, 0.65, 1.0)
        return np.asarray(strength / (1.0 + ratio ** (3.0 - 1.2 * position)))

    gesture = Gesture(
        attack_s=0.035 - 0.015 * player.attack,
        release_s=0.07,
        vibrato_hz=5.1 + 0.5 * player.vibrato,
        vibrato_cents=16.0 + 12.0 * player.vibrato,
        tremolo=0.12,
        scoop_cents=70.0,
        jitter_cents=5.0,
    )
    tone, envelope = hold(score, timbre, gesture, n_samples, rng)
    growl = 1.0 + 0.12 * band_noise(n_samples, 40.0, 110.0, rng)
    breath = band_noise(n_samples, 2_000.0, 7_000.0, rng)
    tone = tone * growl + (0.035 + 0.025 * player.noise) * envelope * breath
    size = 1.0 + 0.1 * player.body
    return resonate(
        tone,
        (620.0 * size, 1_250.0 * size, 2_900.0 * size),
        (-4, 7, 5),
        (0.4, 0.4, 0.3),
    )


def blow_trumpet(
    score: list[Note], player: Player, n_samples: int, rng: np.random.Generator
) -> Samples:
    """Play the trumpet: the louder, the more high harmonics, so attacks brighten.

    References
    ----------
    Risset and Mathews (1969), "Analysis of musical-instrument tones", Physics Today
    22 (2), 23-30.
    """

    def timbre(k: Samples, f0_hz: float, position: float) -> Samples:
        edge_hz = (800.0 + 3_000.0 * position) * (1.0 + 0.25 * player.brightness)
        return 1.0 / (1.0 + (k * f0_hz / edge_hz) ** 3.0)

    gesture = Gesture(
        attack_s=0.03 - 0.012 * player.attack,
        release_s=0.05,
        vibrato_hz=5.3,
        vibrato_cents=8.0 + 7.0 * player.vibrato,
        jitter_cents=3.0,
        scoop_cents=25.0,
        sag=0.25,
    )
    tone, envelope = hold(score, timbre, gesture, n_samples, rng)
    lips = band_noise(n_samples, 1_000.0, 5_000.0, rng)
    tone = tone + (0.012 + 0.008 * player.noise) * envelope * lips
    size = 1.0 + 0.08 * player.body
    return resonate(tone, (1_200.0 * size, 2_300.0 * size), (6, 4), (0.5, 0.5))


def press_organ(
    score: list[Note], player: Player, n_samples: int, rng: np.random.Generator
) -> Samples:
    """Play the organ: fixed harmonics without decay; electric ones click and rotate."""
    stops, electric = ORGAN_STOPS[min(int(player.stop * 4), 3)]

    def timbre(k: Samples, f0_hz: float, position: float) -> Samples:
        del position  # an organ pipe knows one loudness only
        # k counts from the 8-foot pitch, halved below: see `octave_down`.
        strength = np.zeros_like(k)
        for number, amplitude in stops.items():
            strength[k == number] += amplitude
            if not electric:  # pipes have overtones of their own
                strength[k == 2 * number] += 0.3 * amplitude
                strength[k == 3 * number] += 0.12 * amplitude
        return strength * (k * f0_hz / 500.0) ** (0.25 * player.brightness)

    octave_down = [
        Note(note.start_s, note.duration_s, note.pitch - 12.0, 0.8) for note in score
    ]
    gesture = Gesture(
        attack_s=0.008 if electric else 0.05 - 0.02 * player.attack,
        release_s=0.02 if electric else 0.12,
        jitter_cents=1.0,
        sag=0.0,
    )
    tone, envelope = hold(octave_down, timbre, gesture, n_samples, rng)
    if not electric:
        wind = band_noise(n_samples, 800.0, 5_000.0, rng)
        return tone + 0.012 * envelope * wind
    clicks = np.abs(np.diff(envelope, prepend=0.0)) * 60.0
    tone = tone + clicks * band_noise(n_samples, 1_500.0, 6_000.0, rng)
    rate_hz = 6.6 if player.vibrato > 0 else 0.9
    turn = np.sin(2.0 * np.pi * rate_hz * np.arange(n_samples) / RATE_HZ)
    return tone * (1.0 + 0.3 * turn)


def sing(
    score: list[Note], player: Player, n_samples: int, rng: np.random.Generator
) -> Samples:
    """Sing: glottal pulses through four formants that glide from vowel to vowel.

    One note in three begins with a hissed consonant.

    References
    ----------
    Klatt (1980), "Software for a cascade/parallel formant synthesizer", Journal of
    the Acoustical Society of America 67, 971-995; formants after Peterson and Barney
    (1952), "Control methods used in a study of the vowels", ibid. 24, 175-184.
    """
    size = 1.0 + 0.06 * player.body + (0.16 if player.stop > 0.5 else 0.0)
    gesture = Gesture(
        attack_s=0.06 - 0.02 * player.attack,
        release_s=0.09,
        vibrato_hz=5.6 + 0.5 * player.vibrato,
        vibrato_cents=38.0 + 30.0 * player.vibrato,
        jitter_cents=9.0,
        scoop_cents=60.0,
        tremolo=0.08,
        glide=True,
    )
    timbre = _vowels(size, player.brightness, rng)
    tone, envelope = hold(score, timbre, gesture, n_samples, rng)
    hiss = np.zeros(n_samples)
    for note in score:
        if rng.uniform() < 0.34:
            start_s = max(note.start_s - 0.07, 0.0)
            span = Note(start_s, 0.08, 0.0, 0.0).span(0.04, n_samples)
            hiss[span] += note.gain * swell(span.stop - span.start, 0.08, 0.03, 0.04)
    sibilant = high_pass(band_noise(n_samples, 4_500.0, 9_000.0, rng), 3_000.0)
    breath = band_noise(n_samples, 1_500.0, 6_000.0, rng)
    shimmer = 1.0 + 0.06 * wander(n_samples, rng, 30.0)
    tone = tone * shimmer + (0.025 + 0.02 * player.noise) * envelope * breath
    return tone + (0.3 + 0.1 * player.noise) * hiss * sibilant


def _vowels(size: float, tilt: float, rng: np.random.Generator) -> Timbre:
    """Return a timbre that takes another vowel, at random, each time it is asked."""

    def timbre(k: Samples, f0_hz: float, position: float) -> Samples:
        del position  # both ends of a note are vowels of their own
        omega = 1j * k * f0_hz
        # Glottal flow falls by 12 dB per octave; radiation gives 6 back.
        strength = k ** -(1.15 - 0.2 * tilt)
        formants_hz = VOWELS_HZ[int(rng.integers(len(VOWELS_HZ)))]
        for centre_hz, width_hz in zip(formants_hz, FORMANT_WIDTHS_HZ, strict=True):
            pole = complex(-0.5 * width_hz, size * centre_hz)
            shape = (omega - pole) * (omega - pole.conjugate())
            strength = strength * abs(pole) ** 2 / np.abs(shape)
        return strength

    return timbre
