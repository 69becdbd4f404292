"""Round samples to so many bits, as old samplers and cheap converters do."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

version = 1
label = "bit depth"
unit = "bits"
identity = "none"
stronger = "lower"
limits = (1, 24)
random = False


def apply(
    waveform: NDArray[np.float32],
    sample_rate_hz: int,
    strength: int | Literal["none"],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Return samples at the nearest of ``2**strength`` levels over [-1, 1], undithered.

    Samples beyond [-1, 1] are rounded alike, and not clipped.
    """
    del sample_rate_hz, rng
    if strength == "none":
        return waveform
    levels = 2.0 ** (strength - 1)
    return np.asarray(
        np.rint(waveform.astype(np.float64) * levels) / levels, np.float32
    )
