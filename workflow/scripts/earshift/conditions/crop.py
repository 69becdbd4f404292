"""Keep the beginning of a clip, and silence the rest: a shorter sound."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

version = 1
label = "crop"
unit = "% of the clip"
identity = 100.0
limits = (1.0, 100.0)
random = False


def apply(
    waveform: NDArray[np.float32],
    sample_rate_hz: int,
    strength: float,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Return the waveform with silence behind that share of it."""
    del sample_rate_hz, rng
    kept = -(-len(waveform) * strength // 100)
    return np.where(np.arange(len(waveform)) < kept, waveform, np.float32(0))
