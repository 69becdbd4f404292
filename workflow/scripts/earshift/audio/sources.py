"""What a decoder is given of a sound file, and how much audio must come of it.

`containers.examine` finds both out. Most files are decoded as they are. Where a header
does not state the length, or states it wrongly, the decoder gets the same bytes behind
a header that does.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn

import soundfile

from earshift.errors import AudioError

#: What to do about a file whose audio may be whole though its structure is not.
REWRITE = (
    "Replace it by an intact copy; if it plays to its end, write it again without "
    "encoding it again (for instance 'ffmpeg -i old -c copy new')"
)

#: Bytes that are read of a file at a time where its structure is looked at.
CHUNK = 1 << 20


@dataclass(frozen=True)
class Source:
    """What to decode: the bytes `skip` to `stop` of a file, behind those of `head`.

    Parameters
    ----------
    path : Path
        The file.
    n_samples : int, optional
        Samples of each channel in it; not given, where the header has the number.
    slack : int
        Samples that the decoder may give fewer than there are.
    head : bytes
        What to put before.
    skip : int
        First byte.
    stop : int, optional
        Byte after the last; the end of the file, if not given.
    surplus : int
        Bytes by which it is said to be longer than it is. libsndfile stops where it
        guesses, from the size, that an MPEG stream ends, which must not be too early.
    """

    path: Path
    n_samples: int | None = None
    slack: int = 0
    head: bytes = b""
    skip: int = 0
    stop: int | None = None
    surplus: int = 0

    @contextmanager
    def open(self) -> Iterator[soundfile.SoundFile]:
        """Open it with libsndfile, to be read from start to end."""
        if not self.head and not self.skip and self.stop is None:
            with _Sequential(self.path) as file:
                yield file
            return
        with (
            closing(_Spliced(self)) as raw,
            _Sequential(io.BufferedReader(raw, 1 << 16)) as file,
        ):
            yield file


class _Sequential(soundfile.SoundFile):  # type: ignore[misc]
    """A sound file that is read from start to end, without a seek after each block.

    In an MP3 of variable bit rate, a seek loses bits of earlier frames: what follows is
    wrong, up to full scale, for some hundred samples.
    """

    def seekable(self) -> bool:
        return False


class _Spliced(io.RawIOBase):
    """The bytes of a `Source`, as a file that is open for reading."""

    def __init__(self, source: Source) -> None:
        self._file = source.path.open("rb", buffering=0)
        stop = self._file.seek(0, io.SEEK_END) if source.stop is None else source.stop
        self._head, self._skip = source.head, source.skip
        self._size = len(source.head) + stop - source.skip
        self._stated_size = self._size + source.surplus
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = (0, self._at, self._stated_size)[whence] + offset
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._at < len(self._head):
            part = self._head[self._at :][: len(buffer)]
            buffer[: len(part)] = part
            n = len(part)
        elif self._at <= self._size:
            self._file.seek(self._skip + self._at - len(self._head))
            n = self._file.readinto(buffer[: self._size - self._at]) or 0
        else:  # where libsndfile looks for a tag
            n = min(len(buffer), self._stated_size - self._at)
            buffer[:n] = bytes(n)
        self._at += n
        return n

    def close(self) -> None:
        self._file.close()
        super().close()


def read_at(file: BinaryIO, position: int, n_bytes: int) -> bytes:
    """Return up to `n_bytes` from a position of a file."""
    file.seek(position)
    return file.read(n_bytes)


def after_tags(file: BinaryIO, position: int) -> int:
    """Return the end of the tags, ID3v2 and APEv2, that are at a position of a file."""
    while True:
        tag = read_at(file, position, 32)
        if tag[:3] == b"ID3" and len(tag) >= 10 and max(tag[6:10]) < 0x80:
            footer = 10 if tag[5] & 0x10 else 0
            position += 10 + _seven_bits(tag[6:10]) + footer
        elif tag[:8] == b"APETAGEX" and len(tag) == 32:
            position += 32 + int.from_bytes(tag[12:16], "little")
        else:
            return position


def _seven_bits(number: bytes) -> int:
    """Return a number of which each byte holds 7 bits, as in ID3v2."""
    return sum(byte << 7 * i for i, byte in enumerate(reversed(number)))


def before_tags(file: BinaryIO, start: int, stop: int) -> int:
    """Return where the tags at the end of a file begin: ID3v1, APEv2, Lyrics3, ID3v2.

    Parameters
    ----------
    file : file object
        The file.
    start, stop : int
        Bytes to look between.

    Returns
    -------
    int
        `stop`, if there are none.
    """
    while n_bytes := _last_tag(_end(file, start, stop)):
        if stop - n_bytes < start:
            break
        stop -= n_bytes
    return stop


def _end(file: BinaryIO, start: int, stop: int) -> bytes:
    """Return the last bytes before a position: as many as the longest Lyrics3 has."""
    start = max(start, stop - 5128)
    return read_at(file, start, stop - start)


def _last_tag(end: bytes) -> int:
    """Return how many bytes the tag has that is the last in `end`."""
    if end[-128:-125] == b"TAG":
        return 128 + (227 if end[-355:-351] == b"TAG+" else 0)
    if end[-32:-24] == b"APETAGEX":
        has_header = end[-9] & 0x80
        return int.from_bytes(end[-20:-16], "little") + (32 if has_header else 0)
    if end[-9:] == b"LYRICS200" and end[-15:-9].isdigit():
        return int(end[-15:-9]) + 15
    if end[-9:] == b"LYRICSEND" and b"LYRICSBEGIN" in end:
        return len(end) - end.rindex(b"LYRICSBEGIN")
    if end[-10:-7] == b"3DI":
        return 20 + _seven_bits(end[-4:])
    return 0


def only_zeros(file: BinaryIO, start: int, stop: int) -> bool:
    """Return True if all bytes of a file between two positions are 0."""
    file.seek(start)
    while start < stop and (part := file.read(min(CHUNK, stop - start))):
        if part.count(0) < len(part):
            return False
        start += len(part)
    return True


def refuse_cut(path: Path, where: str) -> NoReturn:
    """Raise the error of a file that is not all there."""
    raise AudioError(
        "truncated", f"{path}: the file ends before its audio does, {where}"
    )


def refuse_damaged(path: Path, what: str, remedy: str = "") -> NoReturn:
    """Raise the error of a file whose audio is damaged."""
    remedy = remedy or "Replace it by an intact copy"
    raise AudioError("unreadable", f"{path} is damaged: {what}. {remedy}")


def refuse_two(path: Path, why: str) -> NoReturn:
    """Raise the error of a file that was joined from several."""
    raise AudioError(
        "ambiguous",
        f"{path} holds 2 streams one after the other ({why}), of which players may "
        "play one or both. Encode it again as one, or split it",
    )
