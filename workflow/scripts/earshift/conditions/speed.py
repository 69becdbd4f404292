"""Play the audio faster or slower, pitch and all, as a tape at another speed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from earshift.audio import effects

version = 1
label = "speed"
unit = "times"
identity = 1.0
limits = (0.25, 4.0)
random = False


def apply(
    waveform: NDArray[np.float32],
    sample_rate_hz: int,
    strength: float,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Return the waveform so many times as fast (`effects.at_speed`)."""
    del sample_rate_hz, rng
    return waveform if strength == 1 else effects.at_speed(waveform, strength)
