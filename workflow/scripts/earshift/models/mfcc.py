"""MFCC: the control model without weights, twice a second.

Mel-frequency cepstral coefficients know no music and no instrument; they follow the
spectral envelope, hence also microphones, rooms and codecs. A debias method that helps
a trained embedding no more than it helps these has removed recording conditions only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from earshift.models._framing import Framing
from earshift.models._frontend import hann, slaney_filterbank
from earshift.models._model import ModelSpec, Network

env = "analysis"
version = 1
licence = "BSD-3-Clause"
citation = (
    "Davis and Mermelstein (1980), Comparison of parametric representations for "
    "monosyllabic word recognition in continuously spoken sentences, IEEE Transactions "
    "on Acoustics, Speech, and Signal Processing 28(4), 357-366"
)

# The front end that music researchers know as the default: 93 ms every 23 ms.
SAMPLE_RATE_HZ = 22_050
FRAME, FRAME_HOP = 2_048, 512  # samples
N_MELS, N_MFCC = 128, 20

#: Least power of a mel band.
FLOOR = 1e-10

#: Frames on each side that the slope of a coefficient is fitted to.
DELTA_REACH = 4


def spec() -> ModelSpec:
    """Return the facts of the model; it has no options.

    Returns
    -------
    ModelSpec
        Windows of 1 s every 0.5 s, 120 features: the mean over the window of 20
        coefficients, of their slopes and of their slopes' slopes, and then the standard
        deviations in the same order.
    """
    return ModelSpec(
        sample_rate_hz=SAMPLE_RATE_HZ,
        framing=Framing(window=SAMPLE_RATE_HZ, hop=SAMPLE_RATE_HZ // 2),
        n_features=6 * N_MFCC,
        batch_size=8,
    )


def dct_matrix(n_in: int, n_out: int) -> NDArray[np.float64]:
    """Return the first `n_out` columns of the orthonormal DCT-II of `n_in` points."""
    angle = np.pi * np.outer(np.arange(n_in) + 0.5, np.arange(n_out)) / n_in
    basis: NDArray[np.float64] = np.sqrt(2.0 / n_in) * np.cos(angle)
    basis[:, 0] = np.sqrt(1.0 / n_in)
    return basis


def slopes(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the least-squares slope of each coefficient over the frames around it.

    Parameters
    ----------
    values : ndarray of shape (n_windows, n_frames, n_coefficients), float64
        Coefficients; the first and the last frame are repeated beyond the ends.

    Returns
    -------
    ndarray of the same shape, float64
        Change per frame, by regression over `DELTA_REACH` frames to either side
        ("The HTK Book", section 5.9).
    """
    reach = DELTA_REACH
    n = values.shape[1]
    padded = np.pad(values, ((0, 0), (reach, reach), (0, 0)), mode="edge")
    total = np.zeros_like(values)
    for k in range(1, reach + 1):
        ahead = padded[:, reach + k : reach + k + n]
        behind = padded[:, reach - k : reach - k + n]
        total += k * (ahead - behind)
    return total / (2 * sum(k * k for k in range(1, reach + 1)))


def network(spec: ModelSpec) -> Network:
    """Return the function from windows to features.

    Parameters
    ----------
    spec : ModelSpec
        What `spec` returned.

    Returns
    -------
    callable
        Maps (n_windows, 22050) float32 in [-1, 1] to (n_windows, 120) float32.
    """
    del spec
    taper = hann(FRAME).astype(np.float32)
    bank = slaney_filterbank(sample_rate_hz=SAMPLE_RATE_HZ, n_fft=FRAME, n_mels=N_MELS)
    dct = dct_matrix(N_MELS, N_MFCC)

    def embed(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        frames = np.lib.stride_tricks.sliding_window_view(windows, FRAME, axis=1)
        spectrum = np.fft.rfft(frames[:, ::FRAME_HOP] * taper)
        # In float64, so that the number of threads of a product leaves no trace.
        power = spectrum.real.astype(np.float64) ** 2 + spectrum.imag**2
        coefficients = 10 * np.log10(np.maximum(power @ bank, FLOOR)) @ dct
        delta = slopes(coefficients)
        series = np.concatenate([coefficients, delta, slopes(delta)], axis=2)
        moments = [series.mean(axis=1), series.std(axis=1)]
        return np.concatenate(moments, axis=1).astype(np.float32)

    return embed
