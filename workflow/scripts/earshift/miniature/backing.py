"""The quiet accompaniment that makes a genre audible beside the instruments."""

from __future__ import annotations

import numpy as np

from earshift.miniature.arrangement import Genre, Song
from earshift.miniature.sound import (
    RATE_HZ,
    Note,
    Samples,
    band_noise,
    high_pass,
    low_pass,
    unit_rms,
)
from earshift.miniature.struck import pluck
from earshift.miniature.sustained import Gesture, hold


def accompany(song: Song, n_samples: int, rng: np.random.Generator) -> Samples:
    """Return the accompaniment of a song, of root mean square 1.

    Parameters
    ----------
    song : Song
        Genre, tempo and key. Pop and rock get drums, jazz and blues a walking bass
        and a ride cymbal, classical music a soft pad, country and folk strummed
        chords with a tapping foot.
    n_samples : int
        Length of the track.
    rng : Generator
        Draws noises and choices.

    Returns
    -------
    ndarray of shape (n_samples,)
        The track.
    """
    players = {
        "pop_rock": _drums,
        "jazz_blue": _trio,
        "classical": _pad,
        "country_folk": _strum,
    }
    return unit_rms(players[song.genre.name](song, n_samples, rng))


def has_drums(genre: Genre) -> bool:
    """Return whether a genre is accompanied by drums, as IRMAS file names record."""
    return genre.name != "classical"


def _beats(song: Song, n_samples: int) -> int:
    """Return how many beats begin within the track."""
    return int(n_samples / RATE_HZ / song.beat_s) + 1


def _add(track: Samples, hit: Samples, start_s: float, gain: float) -> None:
    """Add a hit to a track in place, cut off where the track ends."""
    start = round(start_s * RATE_HZ)
    length = max(0, min(len(hit), len(track) - start))
    track[start : start + length] += gain * hit[:length]


def _decay(length_s: float, time_constant_s: float) -> Samples:
    """Return a falling exponential that reaches exactly 0 at its end."""
    ramp = np.arange(round(length_s * RATE_HZ), dtype=np.float64)
    shape: Samples = np.exp(-ramp / (time_constant_s * RATE_HZ)) - np.exp(
        -length_s / time_constant_s
    )
    shape[:22] *= np.linspace(0.0, 1.0, 22)  # half a millisecond, against clicks
    return shape


def _kick(deepest_hz: float) -> Samples:
    """Return a bass drum: a sine that falls in pitch and in level."""
    shape = _decay(0.3, 0.07)
    time_s = np.arange(len(shape)) / RATE_HZ
    frequency_hz = deepest_hz * (1.0 + 2.5 * np.exp(-time_s / 0.02))
    return np.asarray(np.sin(2.0 * np.pi * np.cumsum(frequency_hz) / RATE_HZ) * shape)


def _noise_hit(
    length_s: float, fall_s: float, band_hz: tuple[float, float], seed: int
) -> Samples:
    """Return a burst of band noise: snare, hi-hat, cymbal."""
    shape = _decay(length_s, fall_s)
    return shape * band_noise(len(shape), *band_hz, np.random.default_rng(seed))


def _drums(song: Song, n_samples: int, rng: np.random.Generator) -> Samples:
    """Return bass drum, snare and hi-hat in quavers."""
    track = np.zeros(n_samples)
    kick = _kick(float(rng.uniform(48.0, 62.0)))
    low_hz = float(rng.uniform(300.0, 700.0))
    snare = _noise_hit(0.2, 0.05, (low_hz, 6_500.0), int(rng.integers(2**31)))
    hat = _noise_hit(0.09, 0.02, (6_000.0, 12_000.0), int(rng.integers(2**31)))
    phase = int(rng.integers(4))
    for quaver in range(2 * _beats(song, n_samples)):
        start_s = 0.5 * quaver * song.beat_s
        place = (quaver + 2 * phase) % 8
        if place in (0, 4) or (place == 5 and rng.uniform() < 0.5):
            _add(track, kick, start_s, 1.0)
        if place in (2, 6):
            _add(track, snare, start_s, 0.5)
        _add(track, hat, start_s, float(rng.uniform(0.12, 0.25)))
    return track


def _trio(song: Song, n_samples: int, rng: np.random.Generator) -> Samples:
    """Return a plucked bass on every beat, and a ride cymbal with swung quavers."""
    track = np.zeros(n_samples)
    ride = _noise_hit(0.5, 0.12, (5_000.0, 11_000.0), int(rng.integers(2**31)))
    for beat in range(_beats(song, n_samples)):
        start_s = beat * song.beat_s
        steps = song.chord(float(beat))
        pitch = 28 + (int(rng.choice(steps)) - 28) % 12
        note = Note(start_s, song.beat_s, float(pitch), 0.5)
        length = round(0.9 * song.beat_s * RATE_HZ)
        string = pluck(note, length, 0.25, 0.5, rng)
        string[-400:] *= np.linspace(1.0, 0.0, 400)
        _add(track, low_pass(string, 700.0), start_s, 1.0)
        _add(track, ride, start_s, 0.16)
        if beat % 2:
            _add(track, ride, start_s + song.genre.swing * song.beat_s, 0.1)
    return track


def _pad(song: Song, n_samples: int, rng: np.random.Generator) -> Samples:
    """Return soft held chords with slow entries."""

    def timbre(k: Samples, f0_hz: float, position: float) -> Samples:
        return np.exp(-k * f0_hz / (500.0 + 300.0 * position)) / k

    bar_s = 4.0 * song.beat_s
    score = [
        Note(bar * bar_s, bar_s, 48.0 + step % 24, 0.5)
        for bar in range(int(n_samples / RATE_HZ / bar_s) + 1)
        for step in song.chord(4.0 * bar)
    ]
    gesture = Gesture(attack_s=0.4, release_s=0.6, jitter_cents=8.0)
    return hold(score, timbre, gesture, n_samples, rng)[0]


def _strum(song: Song, n_samples: int, rng: np.random.Generator) -> Samples:
    """Return damped steel strings strummed in quavers, and a foot on the beat."""
    track, strings = np.zeros(n_samples), np.zeros(n_samples)
    foot = low_pass(_kick(75.0), 200.0)
    for quaver in range(2 * _beats(song, n_samples)):
        start_s = 0.5 * quaver * song.beat_s
        if quaver % 2 == 0:
            _add(track, foot, start_s, 0.8)
        if quaver % 4 == 0 or rng.uniform() < 0.35:
            continue
        steps = song.chord(0.5 * quaver)
        for place, step in enumerate(steps):
            note = Note(start_s, 0.3, 60.0 + step % 12, 0.9)
            string = pluck(note, round(0.22 * RATE_HZ), 0.11, 0.6, rng)
            string *= _decay(0.22, 0.06)
            _add(strings, string, start_s + 0.012 * place, 0.35)
    return track + high_pass(strings, 300.0)
