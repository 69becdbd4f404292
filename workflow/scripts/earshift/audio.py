"""Read audio: decode in blocks, check, mix down, resample. Used by stages 1 and 2."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import ArrayLike, NDArray

from earshift import resampling
from earshift.errors import AudioError

#: Samples that a decoder may give fewer than the header says: two frames of MP3.
MP3_SLACK = 2304

#: Below this peak, about -100 dB of full scale, a clip counts as silent.
SILENCE_PEAK = 1e-5

#: Samples of each channel that are read at a time: memory does not grow with a file.
BLOCK = 1 << 18


class AudioFile:
    """An audio file that is decoded with libsndfile (WAV, FLAC, OGG, MP3, AIFF, ...).

    Parameters
    ----------
    path : Path
        The file.

    Attributes
    ----------
    sample_rate_hz, n_channels : int
        Samples per second, and channels.

    Raises
    ------
    AudioError
        If the file is missing, empty or no audio; its `status` says which.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise AudioError("missing", f"{path}: no such file")
        if path.stat().st_size == 0:
            raise AudioError("empty", f"{path}: the file has 0 bytes")
        try:
            facts = soundfile.info(path)
        except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
            raise AudioError("unreadable", f"{path}: {error}") from error
        self._path, self._declared = path, int(facts.frames)
        self.sample_rate_hz, self.n_channels = int(facts.samplerate), facts.channels

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield the audio block by block, then say whether all of it can be used.

        Yields
        ------
        ndarray of shape (n_samples, n_channels), float32
            Nominally in [-1, 1]; `n_samples` is `BLOCK`, and fewer in the last one.

        Raises
        ------
        AudioError
            If the file cannot be decoded or has NaN; at the end, if it is cut short,
            empty or silent.
        """
        path = self._path
        n_read, peak = 0, 0.0
        try:
            with soundfile.SoundFile(path) as file:
                while len(block := file.read(BLOCK, "float32", always_2d=True)):
                    highest = max(float(block.max()), -float(block.min()))
                    if not np.isfinite(highest):
                        check(block, str(path))
                    n_read += len(block)
                    peak = max(peak, highest)
                    yield block
        except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
            raise AudioError("unreadable", f"{path}: {error}") from error
        if n_read < self._declared - MP3_SLACK or _is_cut_short(path):
            raise AudioError(
                "truncated", f"{path}: the file ends before its audio does"
            )
        if n_read == 0:
            raise AudioError("empty", f"{path} has no samples")
        if peak < SILENCE_PEAK:
            raise AudioError("silent", f"{path}: no sample above -100 dB of full scale")


def stream(
    path: Path, n_samples: int, sample_rate_hz: int, target_hz: int, resampler: str
) -> Iterator[NDArray[np.float32]]:
    """Decode, mix down and resample a file that stage 1 has listed, block by block.

    Parameters
    ----------
    path : Path
        The file.
    n_samples, sample_rate_hz : int
        Its length and rate in Hz, as the clip table has them.
    target_hz : int
        Rate wanted, in Hz.
    resampler : str
        One of `earshift.resampling.RESAMPLERS`.

    Yields
    ------
    ndarray of shape (n_samples_out,), float32
        Mono; together what `prepare` gives for the whole file.

    Raises
    ------
    AudioError
        As `AudioFile`; with status ``"changed"`` if length or rate are not as listed.
    """
    file = AudioFile(path)
    resample = resampling.resampler(resampler, sample_rate_hz, target_hz)
    left = n_samples
    for block in file.blocks():
        left -= len(block)
        if left < 0 or file.sample_rate_hz != sample_rate_hz:
            break
        yield resample(mix_down(block), last=left == 0)
    if left != 0 or file.sample_rate_hz != sample_rate_hz:
        raise AudioError(
            "changed",
            f"{path} no longer has the {n_samples} samples at {sample_rate_hz} Hz that "
            "the clip table lists: was the file changed?",
        )


def mix_down(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average the channels, one after the other: far faster than a mean over rows."""
    total = np.ascontiguousarray(samples[:, 0])
    for channel in samples.T[1:]:
        total = total + channel
    n_channels = samples.shape[1]
    return total if n_channels == 1 else total / np.float32(n_channels)


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
    waveform: ArrayLike, sample_rate_hz: int, target_hz: int, resampler: str
) -> NDArray[np.float32]:
    """Mix down and resample a waveform for a model.

    Parameters
    ----------
    waveform : array_like of shape (n_samples,) or (n_samples, n_channels)
        Audio in [-1, 1]; channels are averaged.
    sample_rate_hz, target_hz : int
        Rate of `waveform`, and the rate wanted, in Hz.
    resampler : str
        One of `earshift.resampling.RESAMPLERS`.

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
    mono = mix_down(samples if samples.ndim == 2 else samples[:, None])
    resample = resampling.resampler(resampler, sample_rate_hz, target_hz)
    return resample(mono, last=True)
