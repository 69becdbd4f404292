"""The ten classes: which instrument each is, its range, and how it is sounded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from earshift.miniature import struck, sustained, winds
from earshift.miniature.players import Player
from earshift.miniature.sound import Note, Samples, unit_rms


@dataclass(frozen=True)
class Instrument:
    """One sort of instrument.

    Parameters
    ----------
    name : str
        The class, for instance ``"guitar"``.
    irmas_code : str
        Its three letters in IRMAS, for instance ``"gel"``.
    low, high : int
        Range as MIDI note numbers.
    plays_chords : bool
        Whether several notes may sound together.
    render : callable
        Turns (score, player, n_samples, rng) into a track.
    """

    name: str
    irmas_code: str
    low: int
    high: int
    plays_chords: bool
    render: Callable[[list[Note], Player, int, np.random.Generator], Samples]


#: Every sort of instrument, by its IRMAS code. Guitar has two.
INSTRUMENTS = {
    instrument.irmas_code: instrument
    for instrument in (
        Instrument("cello", "cel", 36, 67, False, sustained.bow_low),
        Instrument("clarinet", "cla", 50, 84, False, sustained.blow_clarinet),
        Instrument("flute", "flu", 62, 93, False, sustained.blow_flute),
        Instrument("guitar", "gac", 40, 76, True, struck.pluck_acoustic),
        Instrument("guitar", "gel", 40, 81, True, struck.pluck_electric),
        Instrument("organ", "org", 43, 84, True, winds.press_organ),
        Instrument("piano", "pia", 33, 93, True, struck.strike_piano),
        Instrument("saxophone", "sax", 49, 80, False, winds.blow_saxophone),
        Instrument("trumpet", "tru", 55, 84, False, winds.blow_trumpet),
        Instrument("violin", "vio", 55, 93, False, sustained.bow),
        Instrument("voice", "voi", 45, 77, False, winds.sing),
    )
}

#: The classes in the order of the alphabet.
CLASSES = tuple(sorted({instrument.name for instrument in INSTRUMENTS.values()}))


def play(
    code: str,
    score: list[Note],
    player: Player,
    n_samples: int,
    rng: np.random.Generator,
) -> Samples:
    """Play a score.

    Parameters
    ----------
    code : str
        A key of `INSTRUMENTS`.
    score : list of Note
        What to play, at 440 Hz; the player's own tuning is added.
    player : Player
        Timbre.
    n_samples : int
        Length of the track.
    rng : Generator
        Draws what differs between two notes of the same player.

    Returns
    -------
    ndarray of shape (n_samples,)
        The track, of root mean square 1 (all zeros for an empty score).
    """
    cents = player.tuning_cents / 100.0
    tuned = [replace(note, pitch=note.pitch + cents) for note in score]
    return unit_rms(INSTRUMENTS[code].render(tuned, player, n_samples, rng))
