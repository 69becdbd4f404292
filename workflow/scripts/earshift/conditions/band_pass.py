"""Keep a band of frequencies, as a telephone or a small loudspeaker does."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from earshift.audio import effects

version = 1
label = "band-pass filter"
unit = "octaves"
identity = "none"
stronger = "lower"
limits = (0.5, 10.0)
random = False


def apply(
    waveform: NDArray[np.float32],
    sample_rate_hz: int,
    strength: float | Literal["none"],
    rng: np.random.Generator,
    *,
    centre_hz: float = 1000.0,
) -> NDArray[np.float32]:
    """Return a band of the waveform, as wide as `strength` says, around a centre.

    Parameters
    ----------
    waveform : ndarray of shape (n_samples,), float32
        Mono.
    sample_rate_hz : int
        Its rate, in Hz.
    strength : float or "none"
        Width of the band, in octaves.
    rng : Generator
        Not used.
    centre_hz : float, default=1000.0
        Centre of the band; 3.5 octaves around it are what a telephone passes.

    Returns
    -------
    ndarray of shape (n_samples,), float32
        Behind a low-pass and a high-pass filter (`effects.chebyshev`).
    """
    del rng
    if strength == "none":
        return waveform
    half = 2 ** (strength / 2)
    low = effects.chebyshev(waveform, sample_rate_hz, centre_hz * half, "low")
    return effects.chebyshev(low, sample_rate_hz, centre_hz / half, "high")
