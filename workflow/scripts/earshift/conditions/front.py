"""Give clips of any collection the same beginning, end and level: a correction."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

version = 1
label = "conditioning"
unit = ""
identity = "none"
limits = None
random = False
correction = True

#: Length of the stretches whose level decides what is trimmed, in seconds.
STRETCH_S = 0.02


def apply(
    waveform: NDArray[np.float32],
    sample_rate_hz: int,
    strength: Literal[
        "none", "level", "fill", "level+fill", "trim+fill", "trim+level+fill"
    ],
    rng: np.random.Generator,
    *,
    trim_db: float = -45.0,
    level_db: float = -20.0,
    n_samples: int | None = None,
) -> NDArray[np.float32]:
    """Return the waveform without its quiet ends, at one level, repeated to its length.

    Parameters
    ----------
    waveform : ndarray of shape (n_samples,), float32
        Mono, nominally in [-1, 1].
    sample_rate_hz : int
        Its rate, in Hz.
    strength : str
        Which of the parts: ``trim`` cuts both ends up to where the level reaches
        `trim_db`; ``level`` then scales to `level_db`, or to a peak of 1 where that is
        less; ``fill`` repeats what is left to the full length. A clip keeps its number
        of windows, so to trim is to fill.
    rng : Generator
        Not used.
    trim_db : float, default=-45.0
        Level below which ends are cut, in dB relative to the loudest 20 ms.
    level_db : float, default=-20.0
        Root mean square of the result, in dB relative to 1.
    n_samples : int, optional
        Length to fill up to: that of whole windows of the model. Without, that of the
        waveform.

    Returns
    -------
    ndarray of shape (n_samples,), float32
        Silence stays silence.
    """
    del rng
    parts = strength.split("+")
    sound = waveform
    if "trim" in parts:
        sound = sound[_loud(sound, round(STRETCH_S * sample_rate_hz), trim_db)]
    if "level" in parts:
        sound = sound * _factor(sound, level_db)
    if "fill" in parts and len(sound):
        return np.resize(sound, n_samples or len(waveform))
    return sound


def _loud(sound: NDArray[np.float32], n: int, trim_db: float) -> slice:
    """Return the part between the first and the last of the loud stretches of `n`."""
    n = max(1, n)
    padded = np.pad(sound.astype(np.float64), (0, -len(sound) % n))
    power = np.square(padded).reshape(-1, n).mean(axis=1)
    loud = np.flatnonzero(power >= power.max(initial=0.0) * 10 ** (trim_db / 10))
    if not len(loud):
        return slice(0, len(sound))
    return slice(int(loud[0]) * n, (int(loud[-1]) + 1) * n)


def _factor(sound: NDArray[np.float32], level_db: float) -> np.float32:
    """Return what brings a sound to a level without a peak above 1."""
    exact = sound.astype(np.float64)
    rms = np.sqrt(np.square(exact).mean()) if len(sound) else 0.0
    if rms == 0.0:
        return np.float32(1)
    return np.float32(min(10 ** (level_db / 20) / rms, 1 / np.abs(exact).max()))
