"""What is measured on a clip while stage 1 decodes it, block by block.

All of it comes from one pass, and memory does not grow with the length of a file:

``content_hash``
    Of the decoded samples, their rate and channels: the same for exact copies, in
    whatever container.
``peak``
    Highest magnitude, of full scale; a lossy decoder may exceed 1.
``clipped_share``
    Share of samples beyond full scale, or flat at it: at least `FULL_SCALE` and within
    `FLAT_STEP` of the sample before. Clipping that was turned down afterwards is not
    seen.
``dc_offset``
    Mean, of full scale, of the channel where it is largest in magnitude.
``mix_db``
    Level of the mono mix, in dB of that of the channels: 0 where they are the same, -3
    where they have nothing in common, and far below where they cancel; never below
    `SPECTRUM_FLOOR_DB`.
``bandwidth_hz``
    Upper end of the highest band of `BANDWIDTH_STEP_HZ` whose mean power density in the
    mono mix is above `BANDWIDTH_FLOOR_DB`. It shows the low-pass of a codec and what
    was resampled from a lower rate; a quiet or dark sound has a low one by nature.
``spectrum_db``
    Power of the mono mix in third octaves around `CENTRES_HZ`, in dB of its whole
    power; never below `SPECTRUM_FLOOR_DB`, which is also the value where the file's
    rate ends.
``sketch``, ``excerpt``
    What near duplicates are found by: `earshift.audio.fingerprint`.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from earshift.audio import fingerprint, reading

#: From here on a magnitude counts as full scale: 0.01 dB below it.
FULL_SCALE = 0.999

#: Neighbours that differ by less are flat: one step of 16 bits.
FLAT_STEP = 2.0**-15

#: Length of the Hann windows of the spectrum, rounded up to a power of two of samples:
#: long enough to resolve the third octave at 50 Hz, which is 12 Hz wide.
WINDOW_S = 0.15

#: Centres of the third octaves, 50 Hz to 20 kHz (base 10, IEC 61260).
CENTRES_HZ = tuple(10 ** (n / 10) for n in range(17, 44))

#: Third octaves at least so far below the whole are not told apart from silence.
SPECTRUM_FLOOR_DB = -100.0

#: Bands that the bandwidth is read in; narrow enough to place a codec's low-pass.
BANDWIDTH_STEP_HZ = 100

#: Power density in dB of full scale per Hz, about 15 dB above the rounding noise of 16
#: bits with dither, and below the noise of most microphones.
BANDWIDTH_FLOOR_DB = -125.0

#: The columns that these measures fill, without sketch and excerpt.
COLUMNS = (
    "content_hash",
    "peak",
    "clipped_share",
    "dc_offset",
    "mix_db",
    "bandwidth_hz",
    "spectrum_db",
)

#: The values of a file that cannot be used.
NOTHING = {
    "content_hash": "",
    "peak": np.nan,
    "clipped_share": np.nan,
    "dc_offset": np.nan,
    "mix_db": np.nan,
    "bandwidth_hz": np.nan,
    "spectrum_db": [],
    "sketch": [],
    "excerpt": b"",
}


class Meter:
    """Measure one clip from its blocks.

    Parameters
    ----------
    sample_rate_hz, n_channels : int
        Of the file.

    Attributes
    ----------
    n_samples : int
        Samples of each channel so far.
    """

    def __init__(self, sample_rate_hz: int, n_channels: int) -> None:
        self.n_samples = 0
        self._rate, self._n_channels = sample_rate_hz, n_channels
        self._hash = hashlib.blake2b(
            f"{sample_rate_hz} {n_channels} ".encode(), digest_size=16
        )
        self._energy, self._peak, self._n_clipped = 0.0, 0.0, 0
        self._mix_energy = 0.0
        self._sum = np.zeros(n_channels)
        self._before = np.zeros((0, n_channels), np.float32)
        self._spectrum = _Spectrum(sample_rate_hz)
        self._start: list[NDArray[np.float32]] = []
        self._n_start = round(fingerprint.LENGTH_S * sample_rate_hz)

    def add(self, block: NDArray[np.float32]) -> None:
        """Take the next samples, shape (n_samples, n_channels)."""
        self._hash.update(np.ascontiguousarray(block).data)
        self._energy += float(np.square(block, dtype=np.float64).sum())
        self._peak = max(self._peak, float(block.max()), -float(block.min()))
        self._sum += block.sum(axis=0, dtype=np.float64)
        self._count_clipped(block)
        mono = reading.mix_down(block)
        self._mix_energy += float(np.square(mono, dtype=np.float64).sum())
        self._spectrum.add(mono)
        if self.n_samples < self._n_start:
            self._start.append(mono[: self._n_start - self.n_samples])
        self.n_samples += len(block)

    def _count_clipped(self, block: NDArray[np.float32]) -> None:
        self._n_clipped += int((np.abs(block) > 1).sum())
        rows = np.concatenate([self._before, block])
        if self._peak >= FULL_SCALE:
            high = np.abs(rows) >= FULL_SCALE
            flat = high[1:] & (np.abs(np.diff(rows, axis=0)) <= FLAT_STEP)
            self._n_clipped += int((flat & (np.abs(rows[1:]) <= 1)).sum())
        self._before = rows[-1:]

    def results(self) -> dict[str, Any]:
        """Return the level in dB and the values of `COLUMNS`, `sketch`, `excerpt`."""
        n_values = self.n_samples * self._n_channels
        mean = self._sum / self.n_samples
        kept = self._mix_energy * self._n_channels / max(self._energy, 1e-300)
        density = self._spectrum.density()
        sketch, excerpt = fingerprint.of_clip(np.concatenate(self._start), self._rate)
        return {
            "level_db": 10 * np.log10(self._energy / n_values),
            "content_hash": self._hash.hexdigest(),
            "peak": self._peak,
            "clipped_share": self._n_clipped / n_values,
            "dc_offset": float(mean[np.abs(mean).argmax()]),
            "mix_db": 10 * np.log10(max(kept, 10 ** (SPECTRUM_FLOOR_DB / 10))),
            "bandwidth_hz": _bandwidth(density, self._rate),
            "spectrum_db": _third_octaves(density, self._rate),
            "sketch": sketch,
            "excerpt": excerpt.tobytes(),
        }


class _Spectrum:
    """Mean power density of mono audio, from Hann windows that overlap by half."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._rate = sample_rate_hz
        self._n_fft = 1 << int(np.ceil(np.log2(WINDOW_S * sample_rate_hz)))
        self._window = _hann(self._n_fft)
        self._power = np.zeros(self._n_fft // 2 + 1)
        self._n_windows = 0
        self._left = np.empty(0, np.float32)

    def add(self, mono: NDArray[np.float32]) -> None:
        """Take the next samples, shape (n_samples,)."""
        samples = np.concatenate([self._left, mono])
        hop = self._n_fft // 2
        n = max(0, (len(samples) - hop) // hop)
        if n:
            windows = np.lib.stride_tricks.sliding_window_view(samples, self._n_fft)
            bins = scipy.fft.rfft(windows[: n * hop : hop] * self._window, axis=1)
            self._power += (bins.real**2 + bins.imag**2).sum(axis=0, dtype=np.float64)
            self._n_windows += n
        self._left = samples[n * hop :]

    def density(self) -> NDArray[np.float64]:
        """Return power per Hz, of full scale, at multiples of rate / n_fft."""
        power, window = self._power / max(self._n_windows, 1), self._window
        if not self._n_windows:
            # A clip shorter than a window is its own: padding it would be a step.
            window = _hann(len(self._left))
            power = np.abs(scipy.fft.rfft(self._left * window, self._n_fft)) ** 2
        density: NDArray[np.float64] = 2 * power / (self._rate * (window**2).sum())
        return density


def _hann(n: int) -> NDArray[np.float32]:
    return np.hanning(n + 2)[1:-1].astype(np.float32)


def _power_below(
    density: NDArray[np.float64], rate: int, edges_hz: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the power below each edge; the last bin ends at half the rate."""
    step = rate / 2 / (len(density) - 1)
    total = np.concatenate([[0.0], np.cumsum(density) * step])
    ends = np.append(np.arange(len(density)) * step - step / 2, rate / 2)
    below: NDArray[np.float64] = np.interp(edges_hz, ends, total)
    return below


def _third_octaves(density: NDArray[np.float64], rate: int) -> list[float]:
    """Return the power of each third octave in dB of the whole."""
    edges = np.append(CENTRES_HZ, CENTRES_HZ[-1] * 10**0.1) * 10**-0.05
    below = _power_below(density, rate, np.append(edges, rate / 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        levels = 10 * np.log10(np.diff(below[:-1]) / below[-1])
    levels = np.maximum(np.nan_to_num(levels, nan=-np.inf), SPECTRUM_FLOOR_DB)
    return [round(float(level), 2) for level in levels]


def _bandwidth(density: NDArray[np.float64], rate: int) -> float:
    """Return the upper end of the highest band above `BANDWIDTH_FLOOR_DB`, in Hz."""
    edges = np.append(np.arange(0, rate / 2, BANDWIDTH_STEP_HZ), rate / 2)
    mean = np.diff(_power_below(density, rate, edges)) / np.diff(edges)
    above = np.flatnonzero(mean > 10 ** (BANDWIDTH_FLOOR_DB / 10))
    return float(edges[above[-1] + 1]) if len(above) else 0.0
