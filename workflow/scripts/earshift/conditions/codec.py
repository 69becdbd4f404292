"""Code and decode the audio, as a file of a low bit rate was."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from earshift.audio import effects

version = 1
label = "codec"
unit = "kbit/s"
identity = "none"
stronger = "lower"
limits = (6.0, 320.0)
random = False


def apply(
    waveform: NDArray[np.float32],
    sample_rate_hz: int,
    strength: float | Literal["none"],
    rng: np.random.Generator,
    *,
    codec: Literal["mp3", "opus"] = "mp3",
) -> NDArray[np.float32]:
    """Return the waveform after a round trip through a codec (`effects.coded`)."""
    del rng
    if strength == "none":
        return waveform
    return effects.coded(waveform, sample_rate_hz, codec, strength)
