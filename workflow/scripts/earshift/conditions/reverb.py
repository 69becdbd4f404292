"""Put the sound into a room, by a reverberator of Schroeder's kind."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from earshift.audio import effects

version = 1
label = "reverberation"
unit = "room size"
identity = "none"
stronger = "higher"
limits = (0.0, 1.0)
random = False


def apply(
    waveform: NDArray[np.float32],
    sample_rate_hz: int,
    strength: float | Literal["none"],
    rng: np.random.Generator,
    *,
    damping: float = 0.5,
    wet: float = 0.33,
    dry: float = 0.4,
) -> NDArray[np.float32]:
    """Return the waveform with its reverberation in a room.

    Parameters
    ----------
    waveform : ndarray of shape (n_samples,), float32
        Mono.
    sample_rate_hz : int
        Its rate, in Hz.
    strength : float or "none"
        Size of the room, from 0 to 1. The smallest is a room, too: "none" alone leaves
        the waveform as it is.
    rng : Generator
        Not used.
    damping : float, default=0.5
        From 0 to 1: how much of high frequencies the walls take.
    wet, dry : float
        Shares of the reverberation and of the sound itself. By default, and with the
        scales of 3 and 2 that Freeverb has, those of the ICASSP 2025 study.

    Returns
    -------
    ndarray of shape (n_samples,), float32
        The reverberation beyond the end of the clip is cut off.
    """
    del rng
    if strength == "none":
        return waveform
    found = effects.reverberation(waveform, sample_rate_hz, strength, damping)
    return np.asarray(3 * wet * found + 2 * dry * waveform, np.float32)
