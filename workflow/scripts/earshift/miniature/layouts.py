"""Write the miniature corpora in the folders, names and tables of the originals."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from earshift.jobs import Progress
from earshift.miniature import openmic_tables, plan
from earshift.miniature.arrangement import GENRES
from earshift.miniature.backing import has_drums
from earshift.miniature.performance import Recording, perform
from earshift.miniature.recording import Chain
from earshift.miniature.sound import RATE_HZ, Samples

#: Length of a clip, in seconds.
IRMAS_DURATION_S = 3.0
OPENMIC_DURATION_S = 10.0

#: Each byte with its bits in reverse order.
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def write_irmas(folder: Path, chain: Chain, seed: int, scale: float) -> None:
    """Write ``IRMAS-TrainingData/{code}/{name}.wav``: 3 s, stereo, 44.1 kHz, 16 bit.

    Beside it go ``irmas_train.csv`` and ``irmas_test.csv``, the names of each side's
    clips.

    Parameters
    ----------
    folder : Path
        Existing folder.
    chain : Chain
        How the corpus is recorded.
    seed : int
        Of everything random.
    scale : float
        Size relative to the full miniature.
    """
    recordings = plan.irmas_recordings(scale)
    seeds = np.random.SeedSequence((seed, 1)).spawn(len(recordings))
    n_clips = sum(recording.n_clips for recording in recordings)
    progress = Progress("miniature irmas", n_clips, "clips")
    names: dict[str, list[str]] = {"train": [], "test": []}
    sides = plan.irmas_sides(scale)
    for number, (recording, recording_seed) in enumerate(
        zip(recordings, seeds, strict=True), 1
    ):
        target = folder / "IRMAS-TrainingData" / recording.codes[0]
        target.mkdir(parents=True, exist_ok=True)
        clips = perform(
            recording,
            chain,
            duration_s=IRMAS_DURATION_S,
            n_channels=2,
            seed=recording_seed,
        )
        for clip, samples in enumerate(clips, 1):
            name = f"{irmas_name(recording, number)}__{clip}"
            names[sides[number - 1]].append(name)
            soundfile.write(target / f"{name}.wav", samples, RATE_HZ, subtype="PCM_16")
            progress.step()
    for side, listed in names.items():
        lines = "".join(f"{name}\n" for name in sorted(listed))
        (folder / f"irmas_{side}.csv").write_text(lines)


def irmas_name(recording: Recording, number: int) -> str:
    """Return the file name of a recording in IRMAS, without clip number and suffix.

    Parameters
    ----------
    recording : Recording
        One instrument, one genre.
    number : int
        Of the recording, from 1.

    Returns
    -------
    str
        ``"001__[gel][dru][pop_roc]0829"``, or ``"[cel][cla]0058"`` for every other
        recording without drums, whose names the original leaves shorter.
    """
    genre = GENRES[recording.genre]
    head, tail = f"[{recording.codes[0]}]", f"[{genre.irmas_code}]{number:04d}"
    if has_drums(genre):
        return f"{number:03d}__{head}[dru]{tail}"
    return head + tail if number % 2 else f"{number:03d}__{head}[nod]{tail}"


def write_openmic(folder: Path, chain: Chain, seed: int, scale: float) -> None:
    """Write ``audio/{xxx}/{sample_key}.ogg`` (10 s, mono, 44.1 kHz) and all tables.

    Parameters
    ----------
    folder : Path
        Existing folder.
    chain : Chain
        How the corpus is recorded.
    seed : int
        Of everything random.
    scale : float
        Size relative to the full miniature.
    """
    tables_seed, audio_seed = np.random.SeedSequence((seed, 2)).spawn(2)
    rng = np.random.default_rng(tables_seed)
    tracks = openmic_tables.draw_tracks(plan.openmic_tracks(rng, scale), rng)
    openmic_tables.write(folder, tracks, rng)
    n_clips = sum(len(track.keys) for track in tracks)
    progress = Progress("miniature openmic", n_clips, "clips")
    for track, track_seed in zip(tracks, audio_seed.spawn(len(tracks)), strict=True):
        clips = perform(
            track.recording,
            chain,
            duration_s=OPENMIC_DURATION_S,
            n_channels=1,
            seed=track_seed,
        )
        for key, samples in zip(track.keys, clips, strict=True):
            path = folder / "audio" / key[:3] / f"{key}.ogg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode_vorbis(samples, chain.compression, int(key[:6])))
            progress.step()


def encode_vorbis(samples: Samples, compression: float, serial: int) -> bytes:
    """Return an OGG Vorbis file whose bytes depend on the arguments alone.

    The encoder numbers each stream at random; the number is replaced on every page,
    and the page's checksum with it.

    Parameters
    ----------
    samples : ndarray of shape (n_samples, n_channels)
        Audio in [-1, 1] at `RATE_HZ`.
    compression : float
        From 0 (largest file) to 1.
    serial : int
        Number of the stream.

    Returns
    -------
    bytes
        The file.

    References
    ----------
    Pfeiffer (2003), "The Ogg Encapsulation Format Version 0", RFC 3533, section 6.
    """
    buffer = io.BytesIO()
    soundfile.write(
        buffer,
        samples,
        RATE_HZ,
        format="OGG",
        subtype="VORBIS",
        compression_level=compression,
    )
    stream = bytearray(buffer.getvalue())
    start = 0
    while start < len(stream):
        n_segments = stream[start + 26]
        body = start + 27 + n_segments
        stop = body + sum(stream[start + 27 : body])
        stream[start + 14 : start + 18] = serial.to_bytes(4, "little")
        stream[start + 22 : start + 26] = bytes(4)
        checksum = ogg_checksum(bytes(stream[start:stop]))
        stream[start + 22 : start + 26] = checksum.to_bytes(4, "little")
        start = stop
    return bytes(stream)


def ogg_checksum(page: bytes) -> int:
    """Return the CRC-32 of an Ogg page whose checksum field is zero.

    Ogg shares its polynomial with zlib, but takes bits in the other order and neither
    starts from nor ends with ones.
    """
    mirrored = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(mirrored.to_bytes(4, "little").translate(_REVERSED), "big")


#: The writer of each corpus.
LAYOUTS: dict[str, Callable[[Path, Chain, int, float], None]] = {
    "irmas": write_irmas,
    "openmic": write_openmic,
}
