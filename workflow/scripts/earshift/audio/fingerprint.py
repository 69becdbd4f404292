"""Near-duplicate clips: what is kept of a clip, and how two clips are compared.

Two steps, in place of comparing all pairs. Of each clip a *sketch* is kept: the
frequencies of the strongest spectral peaks of a short window, taken together, are one
landmark, and the sketch holds the `N_LANDMARKS` landmarks of smallest hash. The choice
depends on the sound alone, so copies choose the same, and an index over all sketches
names the *candidates*, clips with a landmark in common. Of each clip a short *excerpt*
at a low rate is kept too, and candidates are near duplicates if their excerpts, at the
best offset, are the same waveform up to gain: correlated by at least `SIMILAR`.

Landmarks are gone with pitch or tempo, the correlation also with reverberation or
another mix: such copies are not found. Nor are copies of files that share only what
lies after the first `LENGTH_S`.

References
----------
Haitsma and Kalker (2002), "A highly robust audio fingerprinting system", for hashes of
overlapping windows that an index finds; Wang (2003), "An industrial-strength audio
search algorithm", for peaks as what survives a codec; Broder (1997), "On the
resemblance and containment of documents", for keeping the smallest hashes. Signs of
differences of band energies, as in the first, were tried: for single decaying notes
they are alike in different notes and, at low bit rates, differ in copies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
import scipy
from numpy.typing import NDArray

from earshift.audio import resampling

#: Of the start of each clip.
LENGTH_S = 30.0

#: Rate at which clips are compared, in Hz: codecs keep the waveform below 2.5 kHz.
RATE_HZ = 5_000

#: Hum and offset below this are no likeness, in Hz.
HIGH_PASS_HZ = 100

#: Clips quieter than this, without hum, in dB of full scale, or shorter than this, in
#: seconds, are compared by their content hash alone: they would be noise against noise,
#: or a few periods of a tone against others.
QUIETEST_DB, SHORTEST_S = -60.0, 0.25

#: Windows of the landmarks, in samples: 0.41 s each, 39 a second.
WINDOW, HOP = 2048, 128

#: Windows so far below the loudest have no landmark, in dB.
LOUD_DB = 30.0

#: Peaks of a landmark at most, and how far below the strongest they may be, in dB:
#: weaker ones are noise, or gone after a codec.
N_PEAKS, PEAKS_DB = 5, 20.0

#: Where peaks are looked for, and steps of an octave to which they are rounded.
LOWEST_HZ, HIGHEST_HZ, STEPS = 100, 2_400, 48

#: Landmarks kept of each clip.
N_LANDMARKS = 64

#: Clips with one landmark in common at most; one in more clips says little.
MAX_BUCKET = 50

#: Candidates of each clip, on either side: those with most landmarks in common.
MAX_CANDIDATES = 20

#: Length of an excerpt: from just before the sound rises to `ONSET` of its peak.
EXCERPT = 3 * RATE_HZ
ONSET, BEFORE_ONSET = 0.05, RATE_HZ // 20

#: Steps of a sample at which the correlation is looked for around its peak.
SUBSTEPS = 8

#: Correlation of near duplicates. It was chosen on 392 real clips, mostly single notes.
#: Of their copies are found, by both steps: as MP3 of 57 kbit/s or of the lowest
#: variable rate, or as Ogg Vorbis of the lowest quality, 99 % (99 % of them correlate
#: by 0.985 or more); as MP3 of 32 kbit/s 93 % (0.973); resampled to 16 kHz, as Ogg
#: Vorbis, with 0.1 s of silence before, 96 % (0.980); cut by 0.2 s and resampled to
#: 22 kHz, 95 % (0.961). Twelve notes that are in two of the sample libraries correlate
#: by 0.993 to 0.999. The highest of two sounds that are no copies is 0.981: one piano
#: key, struck twice; the next keys follow at 0.964.
SIMILAR = 0.985

#: Below this a coarse estimate of the correlation is enough.
UNLIKE = 0.8

Excerpt = NDArray[np.int8]


def of_clip(
    waveform: NDArray[np.float32], sample_rate_hz: int
) -> tuple[NDArray[np.uint32], Excerpt]:
    """Return what is kept of a clip.

    Parameters
    ----------
    waveform : ndarray of shape (n_samples,)
        Its first `LENGTH_S` seconds, mono.
    sample_rate_hz : int
        Rate of `waveform`.

    Returns
    -------
    sketch : ndarray of shape (n_landmarks,), uint32
        At most `N_LANDMARKS` different hashes, ascending; none of a clip that is too
        quiet or short.
    excerpt : ndarray of shape (n_samples,), int8
        At most `EXCERPT` samples at `RATE_HZ`, companded; none of such a clip.
    """
    resample = resampling.resampler("soxr_hq", sample_rate_hz, RATE_HZ)
    sound = resample(waveform, last=True)
    nothing = np.empty(0, np.uint32), np.empty(0, np.int8)
    if len(sound) < SHORTEST_S * RATE_HZ:
        return nothing
    # Imported late, as it takes most of a second, and most jobs fingerprint nothing.
    from scipy.signal import sosfilt

    sound = sosfilt(_high_pass(), sound).astype(np.float32)
    if np.square(sound, dtype=np.float64).mean() < 10 ** (QUIETEST_DB / 10):
        return nothing
    return _sketch(sound), _excerpt(sound)


@cache
def _high_pass() -> NDArray[np.float64]:
    from scipy.signal import butter

    sections: NDArray[np.float64] = butter(
        2, HIGH_PASS_HZ, "highpass", fs=RATE_HZ, output="sos"
    )
    return sections


def _sketch(sound: NDArray[np.float32]) -> NDArray[np.uint32]:
    padded = np.pad(sound, (0, max(0, WINDOW - len(sound))))
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    hann = np.hanning(WINDOW + 2)[1:-1].astype(np.float32)
    power = np.abs(scipy.fft.rfft(windows * hann, axis=1)) ** 2
    whole = power.sum(axis=1)
    power = power[whole > whole.max() * 10 ** (-LOUD_DB / 10)]
    # A parabola through the logarithms around a peak gives its place between bins.
    log = np.log(power + 1e-12 * power.max())
    left, mid, right = log[:, :-2], log[:, 1:-1], log[:, 2:]
    bins = np.arange(1, log.shape[1] - 1)
    hertz = bins * RATE_HZ / WINDOW
    inside = (hertz > LOWEST_HZ) & (hertz < HIGHEST_HZ)
    peaks = np.where((mid > left) & (mid >= right) & inside, mid, -np.inf)
    top = np.sort(np.argsort(-peaks, axis=1, kind="stable")[:, :N_PEAKS], axis=1)
    row = np.arange(len(top))[:, None]
    heights = peaks[row, top]
    strong = heights > heights.max(axis=1, keepdims=True) - PEAKS_DB * np.log(10) / 10
    a, b, c = left[row, top], mid[row, top], right[row, top]
    shift = 0.5 * (a - c) / np.minimum(a - 2 * b + c, -1e-9)
    places = np.log2((bins[top] + np.clip(shift, -0.5, 0.5)) * RATE_HZ / WINDOW)
    # 0 stands for no peak.
    steps = np.rint(STEPS * (places - np.log2(LOWEST_HZ))) + 1
    steps = np.where(strong, steps, 0).astype(np.uint64)
    code = np.zeros(len(top), np.uint64)
    for column in steps.T:
        code = code * np.uint64(512) + column
    code = code[code > 0]
    # Multiplicative hashing: which landmarks are kept must not depend on their pitch.
    hashes = (code * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32)
    return np.unique(hashes.astype(np.uint32))[:N_LANDMARKS]


def _excerpt(sound: NDArray[np.float32]) -> Excerpt:
    """Cut the excerpt and compress it to 8 bits by the mu-law."""
    loud = np.abs(sound) >= ONSET * np.abs(sound).max()
    start = max(0, int(loud.argmax()) - BEFORE_ONSET)
    cut = sound[start : start + EXCERPT]
    cut = cut / max(float(np.abs(cut).max()), 1e-9)
    companded = np.sign(cut) * np.log1p(255 * np.abs(cut)) / np.log(256)
    codes: Excerpt = np.rint(127 * companded).astype(np.int8)
    return codes


def _expand(excerpt: Excerpt) -> NDArray[np.float64]:
    level = excerpt / 127
    sound: NDArray[np.float64] = (
        np.sign(level) * np.expm1(np.abs(level) * np.log(256)) / 255
    )
    return sound


def similarity(one: Excerpt, other: Excerpt) -> float:
    """Return how far two excerpts are the same waveform.

    Parameters
    ----------
    one, other : ndarray of shape (n_samples,), int8
        As `of_clip` returns them.

    Returns
    -------
    float
        The highest magnitude of the correlation of what overlaps, over all offsets at
        which at least half of the shorter and half of the energy of either overlaps; 0
        for an empty excerpt. Gain, sign and a shift by a part of a sample do not count.
        Below `UNLIKE` it is the highest of the correlation's envelope.
    """
    if not len(one) or not len(other):
        return 0.0
    a, b = _expand(one), _expand(other)
    n = scipy.fft.next_fast_len(len(a) + len(b), real=True)
    cross = scipy.fft.rfft(a, n) * np.conj(scipy.fft.rfft(b, n))
    lags = np.arange(-len(b) + 1, len(a))
    norm = _norms(a, b, lags)
    coarse = 2 * scipy.fft.ifft(cross, n)[lags % n]
    envelope = float((np.abs(coarse) * norm).max())
    if envelope < UNLIKE:
        return envelope
    # Of a high tone the peak itself may lie between two samples, but not its envelope.
    bests = {int((np.abs(part) * norm).argmax()) for part in (coarse, coarse.real)}
    return min(1.0, max(_between(cross, n, lags[i]) * float(norm[i]) for i in bests))


def _between(cross: NDArray[np.complex128], n: int, lag: int) -> float:
    """Return the highest magnitude of a correlation within a sample of a lag.

    Between samples the correlation is its own Fourier series.
    """
    turn = 2j * np.pi / n * np.arange(len(cross))
    series = cross * np.exp(turn * (lag - 1))
    step = np.exp(turn / SUBSTEPS)
    highest = 0.0
    for _ in range(2 * SUBSTEPS + 1):
        highest = max(highest, abs(float(series.real.sum())))
        series *= step
    return 2 / n * highest


def _norms(
    a: NDArray[np.float64], b: NDArray[np.float64], lags: NDArray[np.int_]
) -> NDArray[np.float64]:
    """Return one over the norm of what overlaps at each lag; 0 where that is little."""
    energy_a, energy_b = (np.r_[0.0, np.cumsum(x**2)] for x in (a, b))
    start, stop = np.maximum(lags, 0), np.minimum(len(a), lags + len(b))
    own_a = energy_a[stop] - energy_a[start]
    own_b = energy_b[stop - lags] - energy_b[start - lags]
    share = np.maximum(own_a / energy_a[-1], own_b / energy_b[-1])
    enough = (stop - start >= min(len(a), len(b)) / 2) & (share >= 0.5)
    return np.where(enough, 1 / np.sqrt(np.maximum(own_a * own_b, 1e-12)), 0.0)


def candidates(sketches: Sequence[NDArray[np.uint32]]) -> NDArray[np.int64]:
    """Find the pairs of clips that have landmarks in common.

    Parameters
    ----------
    sketches : sequence of ndarray of uint32
        One per clip, as `of_clip` returns them.

    Returns
    -------
    ndarray of shape (n_pairs, 2)
        Rows of clips, the smaller first, ascending. A landmark that is in more than
        `MAX_BUCKET` clips counts for nothing. A pair is kept if it is among the
        `MAX_CANDIDATES` best of its first clip with later ones, or of its second clip
        with earlier ones.
    """
    n = len(sketches)
    lengths = [len(s) for s in sketches]
    hashes = np.concatenate([np.empty(0, np.uint32), *sketches])
    clips = np.repeat(np.arange(n), lengths)
    order = np.argsort(hashes, kind="stable")
    hashes, clips = hashes[order], clips[order]
    codes, counts = _count(list(_pairs_of_buckets(hashes, clips, n)))
    pairs = np.stack([codes // max(n, 1), codes % max(n, 1)], axis=1)
    keep = np.zeros(len(pairs), bool)
    for side in (0, 1):
        order = np.lexsort((pairs[:, 1 - side], -counts, pairs[:, side]))
        first = np.searchsorted(pairs[order, side], pairs[order, side])
        keep[order[np.arange(len(order)) - first < MAX_CANDIDATES]] = True
    return pairs[keep]


def _pairs_of_buckets(
    hashes: NDArray[np.uint32], clips: NDArray[np.int64], n: int
) -> Iterator[NDArray[np.int64]]:
    """Yield, for each size of bucket, the pairs of its clips as ``first * n + second``.

    `hashes` is sorted, and so is `clips` within each hash.
    """
    starts = np.flatnonzero(np.r_[True, hashes[1:] != hashes[:-1]])[: len(hashes)]
    sizes = np.diff(np.r_[starts, len(hashes)])
    for size in range(2, MAX_BUCKET + 1):
        rows = clips[starts[sizes == size][:, None] + np.arange(size)]
        for i, j in zip(*np.triu_indices(size, 1), strict=True):
            yield rows[:, i] * n + rows[:, j]


def _count(
    parts: list[NDArray[np.int64]],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return np.unique(np.concatenate(parts), return_counts=True)
