"""Move the sound in time: another place in the windows of a model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

version = 1
label = "shift in time"
unit = "s"
identity = 0.0
limits = (-60.0, 60.0)
random = False


def apply(
    waveform: NDArray[np.float32],
    sample_rate_hz: int,
    strength: float,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Return the waveform so much later; what leaves its end comes in at its start."""
    del rng
    return np.roll(waveform, round(strength * sample_rate_hz))
