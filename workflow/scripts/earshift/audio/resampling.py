"""Change the sample rate of mono audio, whole or in blocks, with the same numbers."""

from __future__ import annotations

from math import ceil, gcd
from typing import Protocol

import numpy as np
import soxr
from numpy.typing import NDArray

from earshift.errors import ConfigError

#: Name of each resampler.
RESAMPLERS = ("soxr_hq", "paper")

#: Filter "kaiser_best" of resampy 0.2, which the original models used: zero crossings
#: on each side, bits of its table, edge of the pass band, shape of the Kaiser window.
PAPER_ZEROS, PAPER_BITS = 64, 9
PAPER_ROLLOFF, PAPER_BETA = 0.9475937167399596, 14.769656459379492

#: What the paper's resampler holds at a time, in seconds.
PAPER_PIECE_S = 60


class Resampler(Protocol):
    """Resamples one waveform, block by block."""

    def __call__(
        self, block: NDArray[np.float32], *, last: bool = False
    ) -> NDArray[np.float32]:
        """Take the next samples; give those of the output that are settled by now."""
        ...


def resampler(name: str, source_hz: int, target_hz: int) -> Resampler:
    """Return a resampler for one waveform.

    Parameters
    ----------
    name : {"soxr_hq", "paper"}
        The SoX resampler, quality HQ, or what the original models used: a windowed sinc
        with the filter "kaiser_best" of resampy 0.2, within 6e-8 and much slower.
    source_hz, target_hz : int
        Rates in Hz.

    Returns
    -------
    Resampler
        Called with each block of shape (n_samples,), float32, in turn; the last call,
        which may be of no samples, has ``last=True``.
    """
    if source_hz == target_hz:
        return _unchanged
    if name == "paper":
        return _Paper(source_hz, target_hz)
    stream = soxr.ResampleStream(source_hz, target_hz, 1, "float32", "HQ")
    return stream.resample_chunk  # type: ignore[no-any-return]


def n_resampled(n_samples: int, name: str, source_hz: int, target_hz: int) -> int:
    """Return how many samples a waveform of `n_samples` has after resampling."""
    if source_hz == target_hz:
        return n_samples
    if name == "paper":
        return int(n_samples * float(target_hz) / float(source_hz))
    # As soxr rounds: the other order of the two divisions differs at halves.
    return int(n_samples / (source_hz / target_hz) + 0.5)


def _unchanged(
    block: NDArray[np.float32], *, last: bool = False
) -> NDArray[np.float32]:
    del last
    return block


class _Paper:
    """Windowed sinc interpolation; pieces overlap by the reach of the filter."""

    def __init__(self, source_hz: int, target_hz: int) -> None:
        self._rates = (source_hz, target_hz)
        # After `unit_in` samples of input, in- and output fall on one instant again.
        common = gcd(source_hz, target_hz)
        self._unit_in, self._unit_out = source_hz // common, target_hz // common
        reach = PAPER_ZEROS * max(1.0, source_hz / target_hz) + 1
        self._margin = ceil(reach / self._unit_in)
        self._piece = ceil(PAPER_PIECE_S * source_hz / self._unit_in)
        self._input: list[NDArray[np.float32]] = []
        self._n_input = self._n_in = self._n_out = 0
        self._before = 0  # units at the start of the input whose output is out

    def __call__(
        self, block: NDArray[np.float32], *, last: bool = False
    ) -> NDArray[np.float32]:
        self._input.append(block)
        self._n_input += len(block)
        self._n_in += len(block)
        parts = []
        size = (self._before + self._piece + self._margin) * self._unit_in
        while self._n_input >= size and not last:
            parts.append(self._next(self._piece * self._unit_out))
            size = (self._before + self._piece + self._margin) * self._unit_in
        if last:
            n = n_resampled(self._n_in, "paper", *self._rates)
            parts.append(self._next(n - self._n_out))
        return np.concatenate(parts) if parts else np.empty(0, np.float32)

    def _next(self, n_out: int) -> NDArray[np.float32]:
        """Return the next `n_out` samples; forget the input that none after needs."""
        samples = np.concatenate(self._input)
        first = self._before * self._unit_out
        out = samples[:0]
        if n_out:
            out = _interpolate(samples, *self._rates)[first : first + n_out]
        done = self._before + self._piece
        keep = max(0, done - self._margin)
        samples = samples[keep * self._unit_in :]
        self._input, self._n_input, self._before = [samples], len(samples), done - keep
        self._n_out += n_out
        return out


def _interpolate(
    samples: NDArray[np.float32], source_hz: int, target_hz: int
) -> NDArray[np.float32]:
    try:
        import resampy
    except ImportError as error:
        raise ConfigError(
            "the resampler 'paper' needs the package resampy, which is not installed: "
            "pip install 'earshift[models]', or choose 'soxr_hq'."
        ) from error
    from scipy.signal.windows import kaiser

    # In float64, as the original models did.
    resampled: NDArray[np.float64] = resampy.resample(
        samples.astype(np.float64),
        source_hz,
        target_hz,
        filter="sinc_window",
        num_zeros=PAPER_ZEROS,
        precision=PAPER_BITS,
        rolloff=PAPER_ROLLOFF,
        window=lambda n: kaiser(n, PAPER_BETA),
    )
    return resampled.astype(np.float32)
