"""Read audio: decode in blocks, check, mix down, resample. Used by stages 1 and 2."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import ArrayLike, NDArray

from earshift.audio import containers, resampling
from earshift.audio.spelling import missing
from earshift.errors import AudioError

#: Below this peak, about -100 dB of full scale, a clip counts as silent.
SILENCE_PEAK = 1e-5

#: Below this share of the channels' peak, -60 dB, the peak of their mean is what
#: rounding leaves where they cancel.
CANCELLED_SHARE = 1e-3

#: From here on, 30 dB above full scale, samples are not in [-1, 1] but, most likely, at
#: the scale of integers.
HIGHEST_PEAK = 32.0

#: Sample rates outside this are not those of the sound, in Hz.
RATES_HZ = (100, 1_000_000)

#: Samples of each channel that are read at a time: memory does not grow with a file.
#: Of more than `BLOCK_CHANNELS` they are fewer.
BLOCK, BLOCK_CHANNELS = 1 << 18, 8

#: What libsndfile's errors come as.
_DECODER_ERRORS = (soundfile.LibsndfileError, RuntimeError, TypeError)


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
        try:
            if not path.is_file():
                raise missing(path)
            if path.stat().st_size == 0:
                raise AudioError("empty", f"{path}: the file has 0 bytes")
            self._source = containers.examine(path)
            with self._source.open() as file:
                self._declared = file.frames
                self.sample_rate_hz, self.n_channels = file.samplerate, file.channels
        except (OSError, *_DECODER_ERRORS) as error:
            raise AudioError(
                "unreadable", f"{path} cannot be read: {_reason(error)}"
            ) from error
        if not RATES_HZ[0] <= self.sample_rate_hz <= RATES_HZ[1]:
            raise AudioError(
                "unreadable",
                f"{path}: its header states {self.sample_rate_hz} samples per second; "
                f"{RATES_HZ[0]} to {RATES_HZ[1]} are read. Correct the header",
            )
        self._path = path

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield the audio block by block, then check that all of it can be used.

        Yields
        ------
        ndarray of shape (n_samples, n_channels), float32
            Nominally in [-1, 1]; `n_samples` is `BLOCK`, and fewer in the last one.

        Raises
        ------
        AudioError
            If the file cannot be decoded, has NaN or is far beyond full scale; at the
            end, if it is cut short or empty, or its mono mix is silent.
        """
        path, n_read = self._path, 0
        peak = mix_peak = 0.0
        try:
            for block in self._decoded():
                n_read += len(block)
                peak = max(peak, _peak(block, path))
                if mix_peak < CANCELLED_SHARE * HIGHEST_PEAK:  # high enough for any
                    mix_peak = max(mix_peak, _highest(mix_down(block)))
                yield block
        except (OSError, *_DECODER_ERRORS) as error:
            raise AudioError(
                "unreadable", f"{path} cannot be decoded to its end: {_reason(error)}"
            ) from error
        expected = self._source.n_samples or self._declared
        if n_read < expected - self._source.slack:
            raise AudioError(
                "truncated",
                f"{path}: the file ends before its audio does, after {n_read} of "
                f"{expected} samples",
            )
        if n_read == 0:
            raise AudioError("empty", f"{path} has no samples")
        if peak < SILENCE_PEAK:
            raise AudioError(
                "silent", f"{path} has no sample above -100 dB of full scale"
            )
        # Of many channels of which one sounds, the mean is low without any cancelling.
        if mix_peak < CANCELLED_SHARE * peak * min(1, 2 / self.n_channels):
            raise AudioError(
                "silent",
                f"{path}: its channels cancel, and their mean, which models get, is "
                "silent. Turn the sign of one of them, or keep one alone",
            )
        if mix_peak < SILENCE_PEAK:
            raise AudioError(
                "silent",
                f"{path}: the mean of its {self.n_channels} channels, which models "
                "get, is nowhere above -100 dB of full scale. Keep those that sound",
            )

    def _decoded(self) -> Iterator[NDArray[np.float32]]:
        n_samples = BLOCK * BLOCK_CHANNELS // max(BLOCK_CHANNELS, self.n_channels)
        left = self._declared
        with self._source.open() as file:
            # What follows the audio, such as a tag, is no audio to a decoder of FLAC.
            while len(block := file.read(min(n_samples, left), "float32", True)):
                left -= len(block)
                yield block


def _reason(error: Exception) -> str:
    """Return what the system or libsndfile said, without the file's name."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "libsndfile: " + str(error).rsplit("': ", 1)[-1].strip().rstrip(".")


def _peak(block: NDArray[np.float32], path: Path) -> float:
    """Return the highest magnitude of a block; refuse what is not in [-1, 1]."""
    highest = _highest(block)
    if not np.isfinite(highest):
        check(block, str(path))
    if highest > HIGHEST_PEAK:
        raise AudioError(
            "out_of_range",
            f"{path} has samples of {highest:.4g} times full scale: floats at the "
            "scale of integers? Divide them, so that they are in [-1, 1]",
        )
    return highest


def _highest(samples: NDArray[np.float32]) -> float:
    return max(float(samples.max()), -float(samples.min()))


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
        One of `earshift.audio.resampling.RESAMPLERS`.

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


def resampled(
    samples: NDArray[np.float32], sample_rate_hz: int, target_hz: int, resampler: str
) -> Iterator[NDArray[np.float32]]:
    """Resample a waveform that is in memory, block by block, as `stream` does.

    Parameters
    ----------
    samples : ndarray of shape (n_samples,), float32
        Mono.
    sample_rate_hz, target_hz : int
        Its rate, and the rate wanted, in Hz.
    resampler : str
        One of `earshift.audio.resampling.RESAMPLERS`.

    Yields
    ------
    ndarray of shape (n_samples_out,), float32
        Together what `prepare` gives.
    """
    resample = resampling.resampler(resampler, sample_rate_hz, target_hz)
    for start in range(0, len(samples), BLOCK):
        block = samples[start : start + BLOCK]
        yield resample(block, last=start + BLOCK >= len(samples))


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
        One of `earshift.audio.resampling.RESAMPLERS`.

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
