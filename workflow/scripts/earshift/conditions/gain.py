"""Make the audio louder or softer, without clipping it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

version = 1
label = "gain"
unit = "dB"
identity = 0.0
limits = (-120.0, 120.0)
random = False


def apply(
    waveform: NDArray[np.float32],
    sample_rate_hz: int,
    strength: float,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Return the waveform, `strength` dB louder; samples may leave [-1, 1]."""
    del sample_rate_hz, rng
    return waveform * np.float32(10 ** (strength / 20))
