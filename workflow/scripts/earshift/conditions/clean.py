"""Leave the audio as it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

version = 1
label = "unchanged audio"
unit = ""
identity = None
limits = None
random = False


def apply(
    waveform: NDArray[np.float32],
    sample_rate_hz: int,
    strength: None,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Return the waveform itself."""
    del sample_rate_hz, strength, rng
    return waveform
