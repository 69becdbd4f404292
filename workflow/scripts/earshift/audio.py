"""Read audio: decode, check, mix down, resample. Used by stages 1 and 2."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import ArrayLike, NDArray

from earshift.errors import AudioError

#: What may be said of a clip, from usable to not: the word in the column `status`.
STATUSES = (
    "ok",
    "missing",
    "unreadable",
    "truncated",
    "empty",
    "not_finite",
    "silent",
    "short",
    "changed",
)

#: Samples that a decoder may give fewer than the header says: two frames of MP3.
MP3_SLACK = 2304

#: Below this peak, about -100 dB of full scale, a clip counts as silent.
SILENCE_PEAK = 1e-5


@dataclass(frozen=True)
class Decoded:
    """One decoded audio file.

    Parameters
    ----------
    samples : ndarray of shape (n_samples, n_channels), float32
        Nominally in [-1, 1].
    sample_rate_hz : int
        Samples per second.
    """

    samples: NDArray[np.float32]
    sample_rate_hz: int


def decode(path: Path) -> Decoded:
    """Decode a whole file with libsndfile (WAV, FLAC, OGG, MP3, AIFF, ...).

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Decoded
        Samples and rate.

    Raises
    ------
    AudioError
        If the file is missing, no audio, cut short, empty, not finite or silent; its
        `status` says which.
    """
    if not path.is_file():
        raise AudioError("missing", f"{path}: no such file")
    if path.stat().st_size == 0:
        raise AudioError("empty", f"{path}: the file has 0 bytes")
    try:
        declared = soundfile.info(path).frames
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
        raise AudioError("unreadable", f"{path}: {error}") from error
    if len(samples) < declared - MP3_SLACK or _is_cut_short(path):
        raise AudioError("truncated", f"{path}: the file ends before its audio does")
    check(samples, str(path))
    if np.abs(samples).max() < SILENCE_PEAK:
        raise AudioError("silent", f"{path}: no sample above -100 dB of full scale")
    return Decoded(samples, int(rate))


def check(samples: NDArray[np.float32], where: str = "the waveform") -> None:
    """Raise `AudioError` unless `samples` is non-empty and finite.

    Parameters
    ----------
    samples : ndarray
        Audio of any shape.
    where : str
        What to call it in the message.

    Raises
    ------
    AudioError
        With status ``"empty"`` or ``"not_finite"``.
    """
    if samples.size == 0:
        raise AudioError("empty", f"{where} has no samples")
    bad = int(np.count_nonzero(~np.isfinite(samples)))
    if bad:
        raise AudioError("not_finite", f"{where} has {bad} NaN or infinite samples")


def _is_cut_short(path: Path) -> bool:
    """Say whether a WAV, AIFF or Ogg file ends early, which libsndfile does not."""
    with path.open("rb") as file:
        head = file.read(12)
        size = file.seek(0, 2)
        if head[:4] == b"RIFF":
            declared = int.from_bytes(head[4:8], "little")
            # Streamed files declare 0 or the largest number: nothing can be said.
            return declared not in (0, 0xFFFFFFFF) and declared + 8 > size + 1
        if head[:4] == b"FORM":
            return int.from_bytes(head[4:8], "big") + 8 > size + 1
        if head[:4] == b"OggS":
            file.seek(max(0, size - 65_307))  # the largest Ogg page
            tail = file.read()
            page = tail[tail.rfind(b"OggS") :]
            if len(page) < 27 or not page[5] & 0x04:  # no end-of-stream mark
                return True
            n_segments = page[26]
            return len(page) < 27 + n_segments + sum(page[27 : 27 + n_segments])
    return False


def prepare(
    waveform: ArrayLike, sample_rate_hz: int, target_rate_hz: int
) -> NDArray[np.float32]:
    """Mix down and resample a waveform for a model.

    Parameters
    ----------
    waveform : array_like of shape (n_samples,) or (n_samples, n_channels)
        Audio in [-1, 1]; channels are averaged.
    sample_rate_hz, target_rate_hz : int
        Rate of `waveform`, and the rate wanted, in Hz. Resampled with soxr, quality HQ.

    Returns
    -------
    ndarray of shape (n_samples_out,), float32
        Mono.

    Raises
    ------
    AudioError
        If the waveform is empty, not finite, or has the wrong number of dimensions.
    """
    given = np.asarray(waveform)
    if not np.issubdtype(given.dtype, np.floating):
        raise AudioError(
            "unreadable",
            f"a waveform holds floats in [-1, 1], got {given.dtype}: divide 16-bit "
            "integers by 32768",
        )
    samples = given.astype(np.float32)
    if samples.ndim not in (1, 2):
        raise AudioError(
            "unreadable",
            "a waveform has shape (n_samples,) or (n_samples, n_channels), got "
            f"{samples.shape}",
        )
    if samples.ndim == 2 and samples.shape[1] > samples.shape[0]:
        raise AudioError(
            "unreadable",
            f"a waveform of shape {samples.shape} has more channels than samples: pass "
            "(n_samples, n_channels), that is, waveform.T",
        )
    if sample_rate_hz <= 0:
        raise AudioError(
            "unreadable", f"sample rate {sample_rate_hz} Hz is not above 0"
        )
    check(samples)
    mono = samples if samples.ndim == 1 else samples.mean(axis=1)
    if sample_rate_hz == target_rate_hz:
        return np.ascontiguousarray(mono)
    resampled: NDArray[np.float32] = soxr.resample(
        mono, sample_rate_hz, target_rate_hz, quality="HQ"
    )
    return resampled


def n_resampled(n_samples: int, sample_rate_hz: int, target_rate_hz: int) -> int:
    """Return how many samples `prepare` gives for `n_samples`, without resampling."""
    if sample_rate_hz == target_rate_hz:
        return n_samples
    return int(n_samples * target_rate_hz / sample_rate_hz + 0.5)
