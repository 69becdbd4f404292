"""Take low frequencies out."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from earshift.audio import effects

version = 1
label = "high-pass filter"
unit = "Hz"
identity = "none"
stronger = "higher"
limits = (20.0, 20_000.0)
random = False


def apply(
    waveform: NDArray[np.float32],
    sample_rate_hz: int,
    strength: float | Literal["none"],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Return the waveform above a cutoff (`effects.chebyshev`)."""
    del rng
    if strength == "none":
        return waveform
    return effects.chebyshev(waveform, sample_rate_hz, strength, "high")
