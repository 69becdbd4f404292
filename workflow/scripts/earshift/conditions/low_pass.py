"""Take high frequencies out, as the ICASSP 2025 study does."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from earshift.audio import effects

version = 1
label = "low-pass filter"
unit = "Hz"
identity = "none"
stronger = "lower"
limits = (50.0, 40_000.0)
random = False


def apply(
    waveform: NDArray[np.float32],
    sample_rate_hz: int,
    strength: float | Literal["none"],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Return the waveform below a cutoff (`effects.chebyshev`)."""
    del rng
    if strength == "none":
        return waveform
    return effects.chebyshev(waveform, sample_rate_hz, strength, "low")
