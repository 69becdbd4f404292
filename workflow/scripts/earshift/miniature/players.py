"""Who plays, and on what: the timbre that all clips of one recording share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True)
class Player:
    """One player with one instrument, drawn once per recording.

    Each instrument reads these in its own way. Without them all notes of a class
    would sound alike and telling classes apart would be trivial.

    Parameters
    ----------
    brightness : float
        From -1 (dark: soft reed, old strings) to 1 (bright).
    body : float
        From -1 (large body or long vocal tract: low resonances) to 1 (small).
    vibrato : float
        From -1 (nearly none) to 1 (wide).
    noise : float
        From -1 (clean) to 1 (much breath, bow or hammer).
    attack : float
        From -1 (slow, soft) to 1 (abrupt).
    register : float
        From -1 (plays low) to 1 (plays high).
    stop : float
        From 0 to 1; chooses among an instrument's sorts (organ stops, voice type).
    tuning_cents : float
        Deviation from 440 Hz in hundredths of a semitone.
    """

    brightness: float
    body: float
    vibrato: float
    noise: float
    attack: float
    register: float
    stop: float
    tuning_cents: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Return a player whose traits are drawn uniformly and independently."""
        traits = [float(trait) for trait in rng.uniform(-1.0, 1.0, size=6)]
        return cls(
            brightness=traits[0],
            body=traits[1],
            vibrato=traits[2],
            noise=traits[3],
            attack=traits[4],
            register=traits[5],
            stop=float(rng.uniform()),
            tuning_cents=float(rng.normal(0.0, 8.0)),
        )
