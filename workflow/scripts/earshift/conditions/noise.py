"""Add noise at a signal-to-noise ratio."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from earshift.audio import effects

version = 1
label = "noise"
unit = "dB SNR"
identity = "none"
stronger = "lower"
limits = (-40.0, 100.0)
random = True


def apply(
    waveform: NDArray[np.float32],
    sample_rate_hz: int,
    strength: float | Literal["none"],
    rng: np.random.Generator,
    *,
    colour: Literal["white", "pink", "brown", "hum"] = "pink",
    hum_hz: float = 50.0,
) -> NDArray[np.float32]:
    """Return the waveform with noise.

    Parameters
    ----------
    waveform : ndarray of shape (n_samples,), float32
        Mono; a silent clip is left out.
    sample_rate_hz : int
        Its rate, in Hz.
    strength : float or "none"
        Power of the clip over that of the noise, in dB.
    rng : Generator
        Draws the noise, which is the same for all strengths, but for its level.
    colour : {"white", "pink", "brown", "hum"}
        Kind of noise (`effects.coloured`).
    hum_hz : float, default=50.0
        Frequency of the mains, for ``"hum"``.

    Returns
    -------
    ndarray of shape (n_samples,), float32
        Samples may leave [-1, 1]; nothing is clipped.
    """
    if strength == "none":
        return waveform
    noise = effects.coloured(len(waveform), sample_rate_hz, colour, rng, hum_hz)
    return effects.with_noise(waveform, noise, strength)
