"""Front ends shared by the models: mel filter banks, windows, STFT, rounding.

What returns NumPy arrays needs no framework. What takes tensors uses `keras.ops`, so it
runs on every backend of Keras, inside the network's graph.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.floating[Any]]

#: A tensor of Keras' backend, or a symbolic one while a network is being built.
Tensor: TypeAlias = Any

#: A function applied to each element, such as `numpy.cos`.
Elementwise = Callable[[Any], Any]


def hann(
    n_samples: int, *, cos: Elementwise = np.cos, dtype: type = np.float64
) -> Floats:
    """Return a periodic Hann window.

    Parameters
    ----------
    n_samples : int
        Length.
    cos : callable, default=numpy.cos
        Cosine. Next to a loud tone a spectrum shows the window's rounding errors, so
        numbers of a model trained on TensorFlow need `tensorflow_cos`.
    dtype : type, default=numpy.float64
        Type to compute in.

    Returns
    -------
    ndarray of shape (n_samples,), dtype
        Between 0 and 1, first 0.
    """
    angle = 2.0 * np.pi * np.arange(n_samples, dtype=dtype) / n_samples
    window: Floats = 0.5 - 0.5 * cos(angle)
    return window


#: pi / 2 in parts, since whole multiples of the larger ones are exact.
_HALF_PI = (1.5703125, 4.8398972e-4, -1.6286504e-7, -5.5644316e-11)

#: Polynomials, the highest power first. In the square of an angle: cos(x), and
#: sin(x) / x - 1. In x: two whose ratio is log(1 + x).
_COS = np.array([2.4372266e-5, -1.388652e-3, 4.166662e-2, -0.5, 1.0], np.float32)
_SIN = np.array([-1.9592341e-4, 8.332687e-3, -0.16666662, 0.0], np.float32)
_LOG_UPPER = np.array([0.18256296, 1.0, 1.0, 0.0], np.float32)
_LOG_LOWER = np.array([4.9616248e-2, 0.5992325, 1.5, 1.0], np.float32)


def tensorflow_cos(x: Floats) -> Floats:
    """Return the cosine as TensorFlow computes it on a CPU, to the last bit.

    That is not always the nearest float32, and NumPy, JAX and PyTorch each give other
    bits.

    Parameters
    ----------
    x : ndarray of any shape, float32
        Angles from 0 to a few turns.

    Returns
    -------
    ndarray of the same shape, float32
        Cosine.

    References
    ----------
    Eigen, https://eigen.tuxfamily.org, GenericPacketMathFunctions.h: the approximations
    without fused multiply-add.
    """
    quarters = np.rint(x * np.float32(2.0 / np.pi))
    rest = x
    for part in _HALF_PI:
        rest = rest - quarters * np.float32(part)
    square = rest * rest
    cos = np.polyval(_COS, square)
    sin = np.polyval(_SIN, square) * rest + rest
    chosen: Floats = np.choose(quarters.astype(int) % 4, [cos, -sin, -cos, sin])
    return chosen


def tensorflow_log(x: Floats) -> Floats:
    """Return the natural logarithm as TensorFlow computes it on a CPU.

    Parameters
    ----------
    x : ndarray of shape (n,), float32
        Positive. What is left over from blocks of eight is rounded exactly, as there.

    Returns
    -------
    ndarray of shape (n,), float32
        Logarithm.

    References
    ----------
    As of `tensorflow_cos`.
    """
    mantissa, exponent = np.frexp(x)  # from 0.5 to 1
    low = mantissa < np.float32(np.sqrt(0.5))
    rest = np.ldexp(mantissa, low) - np.float32(1.0)
    ratio = np.polyval(_LOG_UPPER, rest) / np.polyval(_LOG_LOWER, rest)
    log: Floats = (exponent - low).astype(np.float32) * np.float32(np.log(2.0)) + ratio
    left = len(x) // 8 * 8
    log[left:] = np.log(x[left:].astype(np.float64))
    return log


def hz_to_htk_mel(f_hz: Floats, log: Elementwise = np.log) -> Floats:
    """Map frequency in Hz to mel on the HTK scale, 1127 ln(1 + f / 700)."""
    mel: Floats = 1127.0 * log(1.0 + f_hz / 700.0)
    return mel


def hz_to_slaney_mel(f_hz: ArrayLike) -> Floats:
    """Map frequency in Hz to mel, scale of Slaney's Auditory Toolbox.

    Linear up to 1000 Hz, which is 15 mel; above, 27 mel for each factor 6.4.
    """
    f = np.asarray(f_hz, np.float64)
    octaves = np.log(np.maximum(f, 1000.0) / 1000.0) / np.log(6.4)
    return np.where(f < 1000.0, 3.0 * f / 200.0, 15.0 + 27.0 * octaves)


def slaney_mel_to_hz(mel: ArrayLike) -> Floats:
    """Map Slaney mel to frequency in Hz: the inverse of `hz_to_slaney_mel`."""
    m = np.asarray(mel, np.float64)
    high = 1000.0 * 6.4 ** (np.maximum(m - 15.0, 0.0) / 27.0)
    return np.where(m < 15.0, 200.0 * m / 3.0, high)


def _triangles(points: Floats, edges: Floats) -> Floats:
    """Return triangles over `edges`, evaluated at `points`: (n_points, n_triangles)."""
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    rising = (points[:, None] - low) / (middle - low)
    falling = (high - points[:, None]) / (high - middle)
    triangles: Floats = np.maximum(0.0, np.minimum(rising, falling))
    return triangles


def htk_filterbank(
    *,
    sample_rate_hz: int,
    n_fft: int,
    n_mels: int,
    low_hz: float,
    high_hz: float,
    log: Elementwise = np.log,
    dtype: type = np.float64,
) -> NDArray[np.float32]:
    """Return mel filters whose triangles are linear in HTK mel and peak at 1.

    Parameters
    ----------
    sample_rate_hz, n_fft : int
        Rate of the audio in Hz, and length of the FFT in samples.
    n_mels : int
        Number of filters.
    low_hz, high_hz : float
        Lower edge of the first filter and upper edge of the last, in Hz.
    log : callable, default=numpy.log
        Natural logarithm.
    dtype : type, default=numpy.float64
        Type to compute in.

    Returns
    -------
    ndarray of shape (n_fft // 2 + 1, n_mels), float32
        To be multiplied from the right to spectra; the row of 0 Hz is zero.

    References
    ----------
    Young et al. (2006), "The HTK Book", section 5.4.
    """
    bins: Floats = np.linspace(0.0, sample_rate_hz / 2, n_fft // 2 + 1, dtype=dtype)
    ends = hz_to_htk_mel(np.array([low_hz, high_hz], dtype), log)
    edges: Floats = np.linspace(ends[0], ends[1], n_mels + 2, dtype=dtype)
    bank = _triangles(hz_to_htk_mel(bins, log), edges)
    bank[0] = 0.0
    return bank.astype(np.float32)


def slaney_filterbank(
    *, sample_rate_hz: int, n_fft: int, n_mels: int
) -> NDArray[np.float32]:
    """Return mel filters whose triangles are linear in Hz and have equal area.

    Parameters
    ----------
    sample_rate_hz, n_fft : int
        Rate of the audio in Hz, and length of the FFT in samples.
    n_mels : int
        Number of filters, from 0 Hz to half the sample rate.

    Returns
    -------
    ndarray of shape (n_fft // 2 + 1, n_mels), float32
        To be multiplied from the right to spectra. A filter spans an area of 1, in Hz.

    References
    ----------
    Slaney (1998), "Auditory Toolbox", version 2, Interval Research TR 1998-010.
    """
    bins = np.linspace(0.0, sample_rate_hz / 2, n_fft // 2 + 1)
    top = hz_to_slaney_mel(sample_rate_hz / 2)
    edges = slaney_mel_to_hz(np.linspace(0.0, top, n_mels + 2))
    area = 2.0 / (edges[2:] - edges[:-2])
    return (_triangles(bins, edges) * area).astype(np.float32)


def spectra(
    windows: Tensor,
    *,
    taper: Floats,
    hop: int,
    n_fft: int,
) -> tuple[Tensor, Tensor]:
    """Return the short-time Fourier transform of a batch of windows.

    Parameters
    ----------
    windows : tensor of shape (n_windows, n_samples), float32
        Audio; frames start at its first sample, and incomplete ones are left out.
    taper : ndarray of shape (n_taper,), float32 or float64
        Window function; its length is that of a frame, and its type that of the result.
    hop, n_fft : int
        Samples from frame to frame, and length of the FFT, which zeros fill up.

    Returns
    -------
    tuple of two tensors of shape (n_windows, n_frames, n_fft // 2 + 1)
        Real and imaginary part.
    """
    from keras import ops

    frames = ops.cast(_frames(windows, len(taper), hop), str(taper.dtype)) * taper
    if n_fft > len(taper):
        frames = ops.pad(frames, ((0, 0), (0, 0), (0, n_fft - len(taper))))
    real, imaginary = ops.rfft(frames)
    return real, imaginary


def _frames(windows: Tensor, length: int, hop: int) -> Tensor:
    """Cut (n_windows, n_samples) into frames, (n_windows, n_frames, length).

    Not by `keras.ops.extract_sequences`, which on JAX is a convolution: slow, and
    rounded on a GPU.
    """
    from keras import ops

    step = math.gcd(length, hop)
    n_steps = windows.shape[1] // step
    n_frames = 1 + (windows.shape[1] - length) // hop
    steps = ops.reshape(windows[:, : n_steps * step], (-1, n_steps, step))
    first = np.arange(n_frames) * (hop // step)
    chosen = ops.take(steps, first[:, None] + np.arange(length // step), axis=1)
    return ops.reshape(chosen, (-1, n_frames, length))


def round_to_float16(values: Tensor) -> Tensor:
    """Round to the nearest float16 without changing the type.

    Written as arithmetic because a compiler may drop a cast to float16 and back.

    Parameters
    ----------
    values : tensor of any shape, float32
        Not negative, below the largest float16, 65504.

    Returns
    -------
    tensor of the same shape, float32
        Multiples of 2^-10 of the power of two below; of 2^-24 where subnormal.
    """
    from keras import ops

    exponent = ops.maximum(ops.floor(ops.log2(values)), -14.0)
    step = ops.power(2.0, exponent - 10.0)
    return ops.round(values / step) * step
