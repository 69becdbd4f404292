"""Clip the loudest samples, as an overdriven converter does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

version = 1
label = "clipping"
unit = "% of samples"
identity = 0.0
limits = (0.0, 90.0)
random = False


def apply(
    waveform: NDArray[np.float32],
    sample_rate_hz: int,
    strength: float,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Return the waveform clipped where so many of its samples are beyond."""
    del sample_rate_hz, rng
    if strength == 0:
        return waveform
    level = np.quantile(np.abs(waveform), 1 - strength / 100).astype(np.float32)
    return np.clip(waveform, -level, level)
