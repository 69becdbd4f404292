"""Four genres: what is played, how, and over which accompaniment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from earshift.miniature.instruments import INSTRUMENTS
from earshift.miniature.players import Player
from earshift.miniature.sound import Note


@dataclass(frozen=True)
class Genre:
    """How the music of one genre goes.

    Parameters
    ----------
    name, irmas_code : str
        The genre, and its code in IRMAS file names.
    fma_titles, fma_subtitles : tuple of str
        Genres under which the Free Music Archive lists it, and narrower ones that
        only ever come second.
    tempo_bpm : tuple of float
        Slowest and fastest tempo, in beats per minute.
    scale : tuple of int
        Semitones above the tonic that melodies use.
    chords : tuple of tuple of int
        One chord per bar of four beats, in semitones above the tonic.
    beats : tuple of float
        Note values, in beats, each as likely as it is frequent here.
    rest : float
        Probability that a note is left out.
    legato : float
        Part of its value for which a note is held.
    swing : float
        Part of a beat that the first of two quavers takes; 0.5 is even.
    levels : tuple of float
        Softest and loudest note, from 0 to 1.
    leap : float
        Standard deviation of the melody's steps, in degrees of the scale.
    backing_db : float
        Level of the accompaniment relative to the instruments.
    """

    name: str
    irmas_code: str
    fma_titles: tuple[str, ...]
    fma_subtitles: tuple[str, ...]
    tempo_bpm: tuple[float, float]
    scale: tuple[int, ...]
    chords: tuple[tuple[int, ...], ...]
    beats: tuple[float, ...]
    rest: float
    legato: float
    swing: float
    levels: tuple[float, float]
    leap: float
    backing_db: float


GENRES = {
    genre.name: genre
    for genre in (
        Genre(
            name="pop_rock",
            irmas_code="pop_roc",
            fma_titles=("Rock", "Pop", "Indie-Rock"),
            fma_subtitles=("Punk",),
            tempo_bpm=(112.0, 138.0),
            scale=(0, 3, 5, 7, 10),
            chords=((0, 7, 12), (10, 17, 22), (5, 12, 17), (0, 7, 12)),
            beats=(0.5, 0.5, 0.5, 1.0),
            rest=0.1,
            legato=0.8,
            swing=0.5,
            levels=(0.6, 1.0),
            leap=1.5,
            backing_db=-11.0,
        ),
        Genre(
            name="jazz_blue",
            irmas_code="jaz_blu",
            fma_titles=("Jazz",),
            fma_subtitles=("Blues",),
            tempo_bpm=(120.0, 180.0),
            scale=(0, 2, 3, 4, 5, 7, 9, 10, 11),
            chords=((2, 5, 9, 12), (7, 11, 14, 17), (0, 4, 7, 11), (9, 13, 16, 19)),
            beats=(0.5, 0.5, 0.5, 0.5, 1.0, 1.5),
            rest=0.2,
            legato=0.7,
            swing=0.66,
            levels=(0.3, 0.9),
            leap=2.5,
            backing_db=-14.0,
        ),
        Genre(
            name="classical",
            irmas_code="cla",
            fma_titles=("Classical",),
            fma_subtitles=("Chamber Music",),
            tempo_bpm=(60.0, 90.0),
            scale=(0, 2, 4, 5, 7, 9, 11),
            chords=((0, 4, 7), (5, 9, 12), (7, 11, 14), (0, 4, 7)),
            beats=(0.5, 1.0, 1.0, 2.0),
            rest=0.05,
            legato=1.0,
            swing=0.5,
            levels=(0.1, 0.8),
            leap=1.5,
            backing_db=-16.0,
        ),
        Genre(
            name="country_folk",
            irmas_code="cou_fol",
            fma_titles=("Country", "Folk"),
            fma_subtitles=("Bluegrass",),
            tempo_bpm=(90.0, 116.0),
            scale=(0, 2, 4, 7, 9),
            chords=((0, 4, 7), (5, 9, 12), (0, 4, 7), (7, 11, 14)),
            beats=(0.5, 0.5, 1.0),
            rest=0.12,
            legato=0.9,
            swing=0.55,
            levels=(0.4, 0.8),
            leap=1.2,
            backing_db=-14.0,
        ),
    )
}


@dataclass(frozen=True)
class Song:
    """What all clips of one recording share musically.

    Parameters
    ----------
    genre : Genre
        How it goes.
    tempo_bpm : float
        Beats per minute.
    tonic : int
        Semitones above C, from 0 to 11.
    """

    genre: Genre
    tempo_bpm: float
    tonic: int

    @classmethod
    def draw(cls, genre: Genre, rng: np.random.Generator) -> Self:
        """Return a song of `genre` with a random tempo and key."""
        return cls(genre, float(rng.uniform(*genre.tempo_bpm)), int(rng.integers(12)))

    @property
    def beat_s(self) -> float:
        """Length of a beat, in seconds."""
        return 60.0 / self.tempo_bpm

    def chord(self, beat: float) -> tuple[int, ...]:
        """Return the pitch classes (not reduced to 0..11) sounding at `beat`."""
        chords = self.genre.chords
        steps = chords[int(beat // 4) % len(chords)]
        return tuple(self.tonic + step for step in steps)


def compose(
    song: Song,
    code: str,
    player: Player,
    duration_s: float,
    rng: np.random.Generator,
) -> list[Note]:
    """Write a part for one instrument.

    A melody wanders over the scale and lands on chord notes where a bar begins;
    instruments that can also strike the chord of each bar below it.

    Parameters
    ----------
    song : Song
        Genre, tempo and key.
    code : str
        Instrument, a key of `INSTRUMENTS`.
    player : Player
        Decides which part of the range is used.
    duration_s : float
        Length of the part, in seconds.
    rng : Generator
        Draws rhythm, pitches and levels.

    Returns
    -------
    list of Note
        In order of their start; never empty.
    """
    instrument = INSTRUMENTS[code]
    middle = 0.5 * (instrument.low + instrument.high) + 4.0 * player.register
    low, high = max(instrument.low, middle - 10.0), min(instrument.high, middle + 10.0)
    notes = _melody(song, low, high, duration_s, rng)
    if instrument.plays_chords:
        notes += _chords(song, max(instrument.low, low - 10.0), duration_s, rng)
    return sorted(notes, key=lambda note: (note.start_s, note.pitch))


def _in_range(steps: tuple[int, ...], low: float, high: float) -> list[int]:
    """Return all pitches from `low` to `high` whose class is among `steps`."""
    classes = {step % 12 for step in steps}
    return [
        pitch for pitch in range(round(low), round(high) + 1) if pitch % 12 in classes
    ]


def _melody(
    song: Song, low: float, high: float, duration_s: float, rng: np.random.Generator
) -> list[Note]:
    """Return a single line of notes."""
    genre = song.genre
    scale = _in_range(tuple(song.tonic + step for step in genre.scale), low, high)
    degree = int(rng.integers(len(scale)))
    notes: list[Note] = []
    beat = first = 4.0 * float(rng.integers(len(genre.chords)))
    while (beat - first) * song.beat_s < duration_s:
        value = float(rng.choice(genre.beats))
        degree += round(rng.normal(0.0, genre.leap))
        degree = min(max(degree, 0), len(scale) - 1)
        pitch = scale[degree]
        if beat % 4 == 0:
            pitch = min(
                _in_range(song.chord(beat), low, high), key=lambda p: abs(p - pitch)
            )
        level = float(rng.uniform(*genre.levels)) + (0.08 if beat % 1 == 0 else 0.0)
        if not notes or rng.uniform() >= genre.rest:
            start_s = (_swung(beat, genre.swing) - first) * song.beat_s
            hold_s = genre.legato * value * song.beat_s
            notes.append(Note(start_s, hold_s, float(pitch), min(level, 1.0)))
        beat += value
    return notes


def _swung(beat: float, swing: float) -> float:
    """Return when `beat` is played: off-beats move to `swing`."""
    return beat + swing - 0.5 if beat % 1 == 0.5 else beat


def _chords(
    song: Song, low: float, duration_s: float, rng: np.random.Generator
) -> list[Note]:
    """Return two chords a bar, each spread a little in time."""
    notes: list[Note] = []
    hold_s = 2.0 * song.beat_s * song.genre.legato
    first = 4.0 * float(rng.integers(len(song.genre.chords)))
    for half in range(int(duration_s / (2.0 * song.beat_s)) + 1):
        level = float(rng.uniform(*song.genre.levels)) - 0.25
        pitches = _in_range(song.chord(first + 2.0 * half), low, low + 14.0)[:4]
        for place, pitch in enumerate(pitches):
            start_s = 2.0 * half * song.beat_s + 0.015 * place
            notes.append(Note(start_s, hold_s, float(pitch), max(level, 0.0)))
    return notes
