"""FLAC and Ogg: how long a stream is, and whether all of it is there.

FLAC states its length once, at its start, and counts it in every frame; Ogg counts it
in every page, marks the first and the last one, and gives each a checksum.

References
----------
RFC 9639 for FLAC, RFC 3533 for Ogg.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from earshift.audio.sources import (
    CHUNK,
    REWRITE,
    Source,
    read_at,
    refuse_cut,
    refuse_damaged,
    refuse_two,
)
from earshift.errors import AudioError

#: Bytes at the end of a FLAC file in which the last frames are looked for: several of
#: the common ones, then of the longest.
TAILS = (1 << 16, 1 << 22)

#: What follows the mark of a FLAC file: its first block, which may be the last one.
_FIRST_BLOCKS = (b"\x00\x00\x00\x22", b"\x80\x00\x00\x22")

#: Samples that the decoder may give fewer than an Ogg stream says.
OGG_SLACK = 2304

#: Each byte with its bits in reverse order.
_REVERSED = bytes(int(f"{n:08b}"[::-1], 2) for n in range(256))


def _crc8_of(byte: int) -> int:
    for _ in range(8):
        byte = byte << 1 ^ (0x107 if byte & 0x80 else 0)
    return byte


_CRC8 = bytes(map(_crc8_of, range(256)))


class _Frame(NamedTuple):
    """Place of a FLAC frame in its stream, in samples; its number, if it has that."""

    start: int
    n_samples: int


def examine_flac(path: Path, file: BinaryIO, start: int, stop: int) -> Source:
    """Find the length of a FLAC stream from its last frame.

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
    Source
        What to decode.

    Raises
    ------
    AudioError
        If it is cut short, or two streams.
    """
    head = read_at(file, start, 42)
    stated = int.from_bytes(head[21:26], "big") & (1 << 36) - 1
    first = _after_blocks(path, file, start + 4, stop)
    if _is_again(file, first, stop):
        refuse_two(path, "a second FLAC header")
    if first >= stop and stated == 0:
        raise AudioError("empty", f"{path} has no samples")
    end = _last_sample(file, first, stop, head, stated)
    if end is None or end == stated or end >= 1 << 36:
        if stated == 0:
            raise AudioError(
                "unreadable",
                f"{path} is a FLAC of unknown length, whose last frame was not found. "
                "Encode it again",
            )
        return Source(path)
    if end < stated:
        refuse_cut(path, f"after {end} of {stated} samples")
    known = bytearray(head)
    known[21:26] = (int.from_bytes(head[21:26], "big") - stated + end).to_bytes(
        5, "big"
    )
    return Source(path, end, 0, bytes(known), start + len(known), stop)


def _after_blocks(path: Path, file: BinaryIO, at: int, stop: int) -> int:
    """Return where the metadata of a FLAC stream end."""
    last = False
    while not last:
        head = read_at(file, at, 4)
        last = len(head) < 4 or head[0] >= 0x80
        at += 4 + int.from_bytes(head[1:], "big")
    if at > stop:
        refuse_cut(path, "in its metadata")
    return at


def _is_again(file: BinaryIO, start: int, stop: int) -> bool:
    """Return True if another FLAC stream begins between two positions of a file."""
    for base in range(start, stop, CHUNK):
        part = read_at(file, base, min(CHUNK + 7, stop - base))
        at = part.find(b"fLaC")
        while at >= 0:
            if part[at + 4 : at + 8] in _FIRST_BLOCKS:
                return True
            at = part.find(b"fLaC", at + 1)
    return False


def _last_sample(
    file: BinaryIO, first: int, stop: int, head: bytes, stated: int
) -> int | None:
    """Return how many samples there are by the last frame; None, if there is none.

    A frame is one if another is found that ends where it starts, or if it is the first.
    """
    opening = _flac_frame(read_at(file, first, 16), head)
    if opening is None:
        return None
    for n_bytes in TAILS:
        base = max(first, stop - n_bytes)
        frames = [opening, *_flac_frames(read_at(file, base, stop - base), head)]
        ends = {frame.start + frame.n_samples for frame in frames}
        frame_ends = {f.start + f.n_samples for f in frames if f.start in ends}
        if base == first:
            frame_ends.add(opening.start + opening.n_samples)
        if frame_ends:
            last = stated + opening.start
            return (last if last in frame_ends else max(frame_ends)) - opening.start
    return None


def _flac_frames(part: bytes, head: bytes) -> Iterator[_Frame]:
    for mark in (b"\xff\xf8", b"\xff\xf9"):
        at = part.find(mark)
        while at >= 0:
            frame = _flac_frame(part[at : at + 16], head)
            if frame is not None:
                yield frame
            at = part.find(mark, at + 1)


def _flac_frame(frame: bytes, head: bytes) -> _Frame | None:
    """Read the header of a FLAC frame; None, if its checksum is wrong."""
    if len(frame) < 6 or frame[:2] not in (b"\xff\xf8", b"\xff\xf9"):
        return None
    size, rate = frame[2] >> 4, frame[2] & 15
    number, at = _coded_number(frame)
    if number is None or size == 0 or rate == 15:
        return None
    if size < 6:
        n = 192 if size == 1 else 144 << size
    elif size < 8:
        n = int.from_bytes(frame[at : at + size - 5], "big") + 1
        at += size - 5
    else:
        n = 1 << size
    at += {12: 1, 13: 2, 14: 2}.get(rate, 0)
    if at >= len(frame) or _crc8(frame[:at]) != frame[at]:
        return None
    # Frames of one size are numbered; others count the samples before them.
    longest = int.from_bytes(head[10:12], "big")
    return _Frame(number if frame[1] & 1 else number * longest, n)


def _coded_number(frame: bytes) -> tuple[int | None, int]:
    """Return the number in a FLAC frame's header, coded as in UTF-8, and its end."""
    lead = frame[4]
    n_ones = 8 - (lead ^ 0xFF).bit_length()
    n_more = max(0, n_ones - 1)
    if n_ones in (1, 8):
        return None, 0
    number = lead & (0x7F >> n_ones)
    for byte in frame[5 : 5 + n_more]:
        number = number << 6 | byte & 0x3F
    return number, 5 + n_more


def _crc8(part: bytes) -> int:
    crc = 0
    for byte in part:
        crc = _CRC8[crc ^ byte]
    return crc


def examine_ogg(path: Path, file: BinaryIO, start: int, stop: int) -> Source:
    """Check that the pages of an Ogg stream are whole, and all there.

    Parameters
    ----------
    path, file, start, stop
        As for `examine_flac`.

    Returns
    -------
    Source
        What to decode: all from its first page on.

    Raises
    ------
    AudioError
        If it is cut short, damaged, or two streams.
    """
    numbers: dict[bytes, int] = {}
    begun, flags = False, 0
    for head, body in _pages(path, file, start, stop):
        flags, serial = head[5], head[14:18]
        if body.startswith(b"\x7fFLAC"):
            raise AudioError(
                "unreadable",
                f"{path} is FLAC in Ogg, which cannot be decoded here. Encode it as "
                "plain FLAC",
            )
        number = int.from_bytes(head[18:22], "little")
        if flags & 2:
            if begun:
                refuse_two(path, "a second Ogg stream begins after the first")
        else:
            begun = True
            if number != (numbers.get(serial, -1) + 1) & 0xFFFFFFFF:
                refuse_damaged(path, f"a page is missing before number {number}")
        if _ogg_crc(head, body) != int.from_bytes(head[22:26], "little"):
            refuse_damaged(path, f"the checksum of page {number} is wrong")
        numbers[serial] = number
    if not flags & 4:
        refuse_cut(path, f"before the page that is marked as the last. {REWRITE}")
    # libsndfile does not look for an Ogg stream behind a tag.
    return Source(path, slack=OGG_SLACK, skip=start)


def _pages(
    path: Path, file: BinaryIO, at: int, stop: int
) -> Iterator[tuple[bytes, bytes]]:
    """Yield header and content of each page of an Ogg stream."""
    while at < stop:
        head = read_at(file, at, 27)
        if head[:4] != b"OggS"[: len(head)]:
            if _is_page_after(file, at, stop):
                refuse_damaged(path, f"at byte {at} there is no page")
            return
        if len(head) == 27:
            head += file.read(head[26])
        body = file.read(sum(head[27:]))
        at += len(head) + sum(head[27:])
        if len(head) < 27 or len(head) < 27 + head[26] or at > stop:
            refuse_cut(path, "in the middle of an Ogg page")
        yield head, body


def _is_page_after(file: BinaryIO, at: int, stop: int) -> bool:
    for base in range(at, stop, CHUNK):
        if b"OggS" in read_at(file, base, CHUNK + 3):
            return True
    return False


def _ogg_crc(head: bytes, body: bytes) -> int:
    """Return the checksum of a page: zlib's, with all bits in reverse order."""
    page = (head[:22] + bytes(4) + head[26:] + body).translate(_REVERSED)
    crc = zlib.crc32(page, 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(crc.to_bytes(4, "little").translate(_REVERSED), "big")
