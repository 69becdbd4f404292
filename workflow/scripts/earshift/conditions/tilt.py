"""Tilt the spectrum, brighter or darker, at the same level."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from earshift.audio import effects

version = 1
label = "spectral tilt"
unit = "dB an octave"
identity = 0.0
limits = (-12.0, 12.0)
random = False


def apply(
    waveform: NDArray[np.float32],
    sample_rate_hz: int,
    strength: float,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Return the waveform, brighter above 0 and darker below (`effects.tilted`)."""
    del rng
    if strength == 0:
        return waveform
    return effects.tilted(waveform, sample_rate_hz, strength)
