"""Resample to a lower rate and back, which leaves a bandwidth."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from earshift.audio import effects

version = 1
label = "bandwidth"
unit = "Hz"
identity = "none"
stronger = "lower"
limits = (250.0, 48_000.0)
random = False


def apply(
    waveform: NDArray[np.float32],
    sample_rate_hz: int,
    strength: float | Literal["none"],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Return the waveform as a recording at twice the bandwidth has it."""
    del rng
    if strength == "none":
        return waveform
    return effects.at_bandwidth(waveform, sample_rate_hz, strength)
