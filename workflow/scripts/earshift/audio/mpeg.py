"""MPEG audio (MP3, and layers I and II): count the frames, which is its only length.

An MP3 is a row of frames, each with its own short header. A header of the whole stream
(Xing, Info or VBRI, in a frame of its own) may say how many there are. Without one,
decoders guess from the file's size and the first frame's bit rate, and are wrong where
there are tags, or where the bit rate varies.

References
----------
ISO/IEC 11172-3 and 13818-3 for the frames; Xing's header as LAME writes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO, NamedTuple

from earshift.audio.sources import (
    CHUNK,
    REWRITE,
    Source,
    after_tags,
    only_zeros,
    read_at,
    refuse_cut,
    refuse_damaged,
    refuse_two,
)
from earshift.errors import AudioError

#: Samples that the decoder may give fewer than there are: two frames, whose bits lie
#: in frames before the first.
SLACK = 2304

#: How far from the start the first frame is looked for, in bytes.
REACH = 1 << 16

#: Bytes by which a stream is said to be longer, at least: more than a tag at its end.
SURPLUS = 1 << 12

#: Frames in a row that tell audio from bytes that look like a frame.
ROW = 3

#: Bytes before the end of a tag in which frames are looked for: several of the longest.
TAG_END = 1 << 14

#: Version bits -> rates in Hz. MPEG-2 and -2.5 have half and a quarter of MPEG-1's.
_RATES = {
    3: (44_100, 48_000, 32_000),
    2: (22_050, 24_000, 16_000),
    0: (11_025, 12_000, 8_000),
}

#: MPEG-1 or not, layer -> kbit/s by index, from 1.
_KBITS = {
    (True, 1): tuple(range(32, 449, 32)),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


class Format(NamedTuple):
    """What all frames of a stream share.

    Parameters
    ----------
    version : int
        3 for MPEG-1, 2 for MPEG-2, 0 for MPEG-2.5.
    layer : int
        1, 2 or 3.
    rate_hz : int
        Sample rate.
    mono : bool
        One channel, or two.
    """

    version: int
    layer: int
    rate_hz: int
    mono: bool

    @property
    def n_samples(self) -> int:
        """Samples of each channel in a frame."""
        if self.layer == 1:
            return 384
        return 576 if self.layer == 3 and self.version != 3 else 1152

    @property
    def xing_at(self) -> int:
        """Byte of a frame of layer III at which a header of the stream would be."""
        if self.version == 3:
            return 4 + (17 if self.mono else 32)
        return 4 + (9 if self.mono else 17)

    def __str__(self) -> str:
        """Name it for messages."""
        return f"{self.rate_hz} Hz {'mono' if self.mono else 'stereo'}"


class Header(NamedTuple):
    """What the first frame of a stream states of all.

    Parameters
    ----------
    length : int
        Bytes of that frame; 0, if it is one with audio.
    n_frames : int, optional
        Frames with audio.
    n_bytes : int, optional
        Bytes of these and of itself.
    """

    length: int = 0
    n_frames: int | None = None
    n_bytes: int | None = None
    is_vbri: bool = False


@dataclass(frozen=True)
class Stream:
    """The frames of a file.

    Parameters
    ----------
    format : Format
        Of all of them.
    first, start, stop : int
        Bytes of the file at which they start, with their header; at which those with
        audio start; and at which they end.
    n_frames : int
        Frames with audio.
    header : Header
        What is stated of them.
    """

    format: Format
    first: int
    start: int
    stop: int
    n_frames: int
    header: Header


@cache
def _frame(b1: int, b2: int, mono: bool) -> tuple[Format, int] | None:
    """Return the format and length in bytes of a frame, from the bytes after its first.

    None, if they are no header, or one of free format, which does not state its length.
    """
    version, layer, index = b1 >> 3 & 3, 4 - (b1 >> 1 & 3), b2 >> 4
    if b1 < 0xE0 or version == 1 or layer == 4 or index in (0, 15) or b2 & 12 == 12:
        return None
    rate = _RATES[version][b2 >> 2 & 3]
    bits, padding = _KBITS[version == 3, layer][index - 1] * 1000, b2 >> 1 & 1
    if layer == 1:
        length = (12 * bits // rate + padding) * 4
    else:
        eighths = 72 if layer == 3 and version != 3 else 144
        length = eighths * bits // rate + padding
    return Format(version, layer, rate, mono), length


def _frame_at(head: bytes, at: int = 0) -> tuple[Format, int] | None:
    if len(head) < at + 4 or head[at] != 0xFF:
        return None
    return _frame(head[at + 1], head[at + 2], head[at + 3] >= 0xC0)


def examine(path: Path, file: BinaryIO, start: int, stop: int) -> Source | None:
    """Count the frames of an MPEG stream, and say how it is to be decoded.

    Parameters
    ----------
    path : Path
        The file, for messages.
    file : file object
        The file.
    start, stop : int
        Where the stream lies in it, without the tags around it.

    Returns
    -------
    Source or None
        None, if there are no frames.

    Raises
    ------
    AudioError
        If it is cut short, damaged, two streams, or of free format.
    """
    stream = _scan(path, file, start, stop)
    if stream is None:
        return None
    first, form, stated = stream.start, stream.format, stream.header.n_frames
    missing = -1 if stated is None else stated - stream.n_frames
    if stated is not None:
        # Some encoders count the header as a frame.
        all_bytes = stream.header.n_bytes or 0
        if missing > 1 or (missing == 1 and all_bytes > stream.stop - stream.first):
            refuse_cut(path, f"after {stream.n_frames} of {stated} MPEG frames")
    if stream.n_frames == 0:
        raise AudioError("empty", f"{path} has no samples")
    if stream.n_frames == 1:
        raise AudioError(
            "unreadable",
            f"{path} has {form.n_samples} samples, a single MPEG frame; fewer than two "
            "frames of audio cannot be decoded",
        )
    if missing >= 0 and not stream.header.is_vbri:
        return Source(path, slack=SLACK, skip=stream.first, stop=stream.stop)
    frame = _frame_at(read_at(file, first, 4))
    assert frame is not None
    # The decoder guesses the length from that of the first frame with audio.
    surplus = stream.n_frames * frame[1] + SURPLUS
    n_samples = stream.n_frames * form.n_samples
    return Source(path, n_samples, SLACK, b"", first, stream.stop, surplus)


def _scan(path: Path, file: BinaryIO, start: int, stop: int) -> Stream | None:
    """Find and count all frames."""
    first = _find(file, start, min(stop, start + REACH), stop)
    if first is None:
        _refuse_free_format(path, file, start)
        return None
    form, at = first
    header = _header(read_at(file, at, 64).ljust(64, b"\0"), form)
    end, n_frames = _count(path, file, form, at + header.length, stop)
    if end > stop:
        seconds = n_frames * form.n_samples / form.rate_hz
        refuse_cut(path, f"in the middle of an MPEG frame, after {seconds:.2f} s")
    stream = Stream(form, at, at + header.length, end, n_frames, header)
    _check_around(path, file, stream, start, stop)
    return stream


def _count(
    path: Path, file: BinaryIO, form: Format, at: int, stop: int
) -> tuple[int, int]:
    """Return where the frames from a byte on end, and how many there are."""
    n_frames, xing_at = 0, form.xing_at
    file.seek(at)
    while at + 4 <= stop:
        head = file.read(xing_at + 4)
        frame = _frame_at(head)
        if frame is None or frame[0] != form:
            break
        if head[xing_at:] in (b"Xing", b"Info") and not any(head[6:xing_at]):
            refuse_two(path, "a second header of an MP3")
        at += frame[1]
        if at > stop:
            break
        n_frames += 1
        file.seek(at)
    return at, n_frames


def _find(
    file: BinaryIO, start: int, last: int, stop: int
) -> tuple[Format, int] | None:
    """Find the first `ROW` of frames that starts in a part of a file."""
    for base in range(start, last, CHUNK):
        part = read_at(file, base, min(CHUNK + 3, stop - base))
        at = part.find(b"\xff")
        while 0 <= at < min(CHUNK, last - base):
            frame = _frame_at(part, at)
            if frame and _is_row(file, base + at, frame, stop, base + at == start):
                return frame[0], base + at
            at = part.find(b"\xff", at + 1)
    return None


def check_tag(path: Path, file: BinaryIO, start: int, stop: int) -> None:
    """Refuse a stream behind a tag that states a size with which it covers audio.

    That is so if frames in the tag, two or more, lead to others behind its end.

    Parameters
    ----------
    path : Path
        The file, for messages.
    file : file object
        The file.
    start, stop : int
        Where the stream lies in it, by what the tag states.

    Raises
    ------
    AudioError
        If the size is wrong.
    """
    base = max(0, start - TAG_END)
    part = read_at(file, base, min(start + TAG_END, stop) - base)
    at = part.find(b"\xff")
    while 0 <= at < start - base:
        if _leads_over(part, at, start - base):
            refuse_damaged(
                path,
                f"its tag states that it ends at byte {start}, but MPEG frames begin "
                "before that",
                "Remove the tag, or write it again",
            )
        at = part.find(b"\xff", at + 1)


def _leads_over(part: bytes, at: int, end: int) -> bool:
    """Return True if frames from a byte on go on over another: 2 before, `ROW` after.

    Fewer after it are enough, if the last ends where `part` does.
    """
    form, before, after = None, 0, 0
    while (frame := _frame_at(part, at)) and form in (None, frame[0]):
        form, length = frame
        before, after = before + (at < end), after + (at >= end)
        at += length
        if before >= 2 and (after == ROW or (after and at == len(part))):
            return True
    return False


def _is_row(
    file: BinaryIO, at: int, frame: tuple[Format, int], stop: int, is_first: bool
) -> bool:
    """Return True if `ROW` frames follow each other at a byte.

    The last frames of a file are enough, too; and, where one is expected, a single
    frame, whole or not, with a rest shorter than itself.
    """
    form, length = frame
    place = at + length
    for n in range(1, ROW):
        if place >= stop:
            return is_first or (n > 1 and place == stop)
        following = _frame_at(read_at(file, place, 4))
        if following is None or following[0] != form:
            return is_first and n == 1 and stop - place < length
        place += following[1]
    return True


def _header(head: bytes, form: Format) -> Header:
    """Read the first frame of a stream as its header."""
    frame, at = _frame_at(head), form.xing_at
    assert frame is not None
    if head[36:40] == b"VBRI":
        n_bytes, n_frames = (int.from_bytes(head[i : i + 4], "big") for i in (46, 50))
        return Header(frame[1], n_frames, n_bytes, is_vbri=True)
    if head[at : at + 4] not in (b"Xing", b"Info") or any(head[6:at]):
        return Header()
    flags = head[at + 7]
    fields = [int.from_bytes(head[at + i : at + i + 4], "big") for i in (8, 12)]
    stated = fields.pop(0) if flags & 1 else None
    return Header(frame[1], stated, fields[0] if flags & 2 else None)


def _check_around(
    path: Path, file: BinaryIO, stream: Stream, start: int, stop: int
) -> None:
    """Refuse bytes before or after the frames that may be audio that was lost."""
    few = 2 * (stream.stop - stream.start) // max(stream.n_frames, 1)
    before = stream.first - start
    if before >= few and not only_zeros(file, start, stream.first):
        what = f"its first {before} bytes are no MPEG frames"
        refuse_damaged(path, what, REWRITE)
    further = _find(file, stream.stop, stop, stop)
    if further is not None and further[0] != stream.format:
        refuse_two(path, f"{stream.format}, then {further[0]}")
    if further is not None and _is_tag(file, stream.stop):
        refuse_two(path, "tags between MPEG frames")
    end = stop if further is None else further[1]
    left = after_tags(file, stream.stop)
    complete = stream.header.n_frames == stream.n_frames or end - left < few
    if further or not (complete or only_zeros(file, left, end)):
        seconds = stream.n_frames * stream.format.n_samples / stream.format.rate_hz
        what = f"at {seconds:.2f} s, {end - stream.stop} bytes are no MPEG frames"
        refuse_damaged(path, what, REWRITE)


def _is_tag(file: BinaryIO, position: int) -> bool:
    words = (b"TAG", b"ID3", b"APETAGEX", b"LYRICSBEGIN")
    return read_at(file, position, 16).startswith(words)


def _refuse_free_format(path: Path, file: BinaryIO, start: int) -> None:
    head = read_at(file, start, 4)
    free = len(head) == 4 and head[0] == 0xFF and head[2] >> 4 == 0
    if free and _frame(head[1], head[2] | 0x10, head[3] >= 0xC0) is not None:
        raise AudioError(
            "unreadable",
            f"{path} is an MP3 of free format, whose frames do not state their "
            "length. Encode it again at a standard bit rate",
        )
