"""Compress the dynamic range, as broadcasts and voice recorders do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

version = 1
label = "dynamic range compression"
unit = ": 1"
identity = 1.0
limits = (1.0, 100.0)
random = False


def apply(
    waveform: NDArray[np.float32],
    sample_rate_hz: int,
    strength: float,
    rng: np.random.Generator,
    *,
    threshold_db: float = -40.0,
    time_s: float = 0.05,
) -> NDArray[np.float32]:
    """Return the waveform with less between soft and loud.

    Parameters
    ----------
    waveform : ndarray of shape (n_samples,), float32
        Mono.
    sample_rate_hz : int
        Its rate, in Hz.
    strength : float
        Ratio: what is so many dB above the threshold comes out one dB above it.
    rng : Generator
        Not used.
    threshold_db : float, default=-40.0
        Root mean square above which it is made softer, in dB relative to 1.
    time_s : float, default=0.05
        Time over which the level is measured, in seconds: that of a first-order mean.

    Returns
    -------
    ndarray of shape (n_samples,), float32
        Loud parts are softer; nothing is made louder.
    """
    from scipy import signal

    del rng
    if strength == 1:
        return waveform
    kept = np.exp(-1 / (time_s * sample_rate_hz))
    power = signal.lfilter(
        [1 - kept], [1, -kept], np.square(waveform, dtype=np.float64)
    )
    level = 10 * np.log10(np.maximum(power, 1e-20))
    gain = -(1 - 1 / strength) * np.maximum(level - threshold_db, 0)
    return np.asarray(waveform * 10 ** (gain / 20), np.float32)
