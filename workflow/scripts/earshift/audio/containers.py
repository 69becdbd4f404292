"""What kind of sound file it is, how long its audio is, and whether it is all there.

This is the one place that decides on the length of a file; libsndfile's own number is
an estimate for some files, and is not compared with what is there for others.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, NoReturn

from earshift.audio import mpeg, xiph
from earshift.audio.sources import (
    Source,
    after_tags,
    before_tags,
    only_zeros,
    read_at,
    refuse_cut,
    refuse_damaged,
    refuse_two,
)
from earshift.errors import AudioError

#: Sizes within this of 2 or 4 GiB stand for "unknown": written to a pipe, whose length
#: is not known when its header is written.
NEAR_LIMIT = 1 << 16

#: Bytes by which the size of the audio may differ from what is there: a header that
#: counts itself, or padding. A larger difference may be audio.
SLACK_BYTES = 64
SLACK_SHARE, SLACK_LIMIT = 0.01, 4096

#: Names of chunks that may follow audio of unknown size, and how far from the end of
#: the file they are looked for, in bytes.
TRAILERS = re.compile(
    b"LIST|list|JUNK|junk|PAD |FLLR|id3 |ID3 |bext|iXML|axml|chna|_PMX|cart|cue |smpl"
    b"|inst|INST|acid|plst|labl|afsp|DISP|fact|PEAK|NAME|AUTH|ANNO|COMT|MARK|APPL"
    b"|umid|minf|elm1|elmo|regn|ovwf|strc|ResU|levl|link|LGWV|SAUR|Cr8r|AFAn|dbmd"
)
TRAILERS_REACH = 1 << 24

#: Formats of WAV that are MPEG frames: layers I and II, layer III.
MPEG_IN_WAV = (0x50, 0x55)


@dataclass(frozen=True)
class Chunks:
    """How a kind of file that consists of chunks writes them.

    Parameters
    ----------
    first : int
        Byte of the first chunk.
    data : tuple of bytes
        What the name of the chunk with the audio may start with.
    order : {"little", "big"}
        Of the bytes of numbers.
    name, size : int
        Bytes of a chunk's name, and of its size.
    counts_head : bool
        Whether the size includes these.
    multiple : int
        Chunks start at multiples of this.
    """

    first: int
    data: tuple[bytes, ...]
    order: Literal["little", "big"] = "big"
    name: int = 4
    size: int = 4
    counts_head: bool = False
    multiple: int = 2


#: What a file starts with -> how it is written.
KINDS = {
    b"RIFF": Chunks(12, (b"data",), "little"),
    b"RF64": Chunks(12, (b"data",), "little"),
    b"BW64": Chunks(12, (b"data",), "little"),
    b"RIFX": Chunks(12, (b"data",)),
    b"FORM": Chunks(12, (b"SSND", b"BODY")),
    b"caff": Chunks(8, (b"data",), size=8, multiple=1),
    b"riff": Chunks(40, (b"data",), "little", 16, 8, counts_head=True, multiple=8),
    b".snd": Chunks(0, ()),
    b"dns.": Chunks(0, (), "little"),
    b"NIST": Chunks(0, ()),
}

#: What else a file may start with, from which byte -> what it is.
OTHERS = (
    (4, b"ftyp", "an MP4 or M4A file"),
    (0, b"\x1a\x45\xdf\xa3", "a Matroska or WebM file"),
    (0, b"\x30\x26\xb2\x75", "a WMA file"),
    (0, b"wvpk", "a WavPack file"),
    (0, b"MAC ", "a Monkey's Audio file"),
    (0, b"TTA", "a True Audio file"),
    (0, b"#!AMR", "an AMR file"),
    (0, b"\x0b\x77", "an AC-3 file"),
    (0, b"\xff\xf1", "a raw AAC file"),
    (0, b"\xff\xf9", "a raw AAC file"),
    (0, b"PK", "a ZIP archive"),
    (0, b"\x00\x05\x16\x07", "what macOS keeps about a file, not the file"),
    (
        0,
        b"version https://git-lfs",
        "a Git LFS pointer; 'git lfs pull' fetches the file",
    ),
    (0, b"<", "a web page or other XML, as a failed download leaves"),
)


class Chunk(NamedTuple):
    """A chunk: its name, the first byte of its content, and how many it states."""

    name: bytes
    start: int
    size: int

    @property
    def stop(self) -> int:
        """The byte after it, by what it states."""
        return self.start + self.size


def examine(path: Path) -> Source:
    """Look at the structure of a sound file, without decoding it.

    Parameters
    ----------
    path : Path
        A file that is there.

    Returns
    -------
    Source
        What to decode, and how long it is.

    Raises
    ------
    AudioError
        If it is no sound file, cut short, damaged, or it is not clear which audio is
        meant.
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        start = after_tags(file, 0)
        if start > size:
            raise AudioError(
                "unreadable",
                f"{path} is an ID3 tag without audio: by its size it ends at byte "
                f"{start}, and the file has {size}. If there is audio in the file, "
                "remove the tag, or write it again",
            )
        magic = read_at(file, start, 4)
        if magic in (b"fLaC", b"OggS"):
            look = xiph.examine_flac if magic == b"fLaC" else xiph.examine_ogg
            return look(path, file, start, before_tags(file, start, size))
        if magic in (b".snd", b"dns."):
            return _au(path, file, start, size)
        if magic == b"NIST":
            return _nist(path, file, start, size)
        if magic in KINDS:
            return _chunked(path, file, start, size, KINDS[magic])
        stop = before_tags(file, start, size)
        mpeg.check_tag(path, file, start, stop)
        return mpeg.examine(path, file, start, stop) or _refuse(path, file, start)


def _refuse(path: Path, file: BinaryIO, start: int) -> NoReturn:
    """Raise the error of a file that is no sound, or not of a known kind."""
    head = read_at(file, start, 32)
    what = [name for at, mark, name in OTHERS if head[at : at + len(mark)] == mark]
    if not what and start:
        what = ["an ID3 tag without audio"]
    elif not what:
        what = [f"no sound file of a known kind: it starts with {head[:8]!r}"]
    raise AudioError(
        "unreadable",
        f"{path} is {what[0]}. WAV, FLAC, Ogg, MP3, AIFF, AU, CAF and NIST are read",
    )


def _number(
    file: BinaryIO, at: int, n_bytes: int, order: Literal["little", "big"]
) -> int:
    return int.from_bytes(read_at(file, at, n_bytes), order)


def _chunk(file: BinaryIO, at: int, kind: Chunks) -> Chunk | None:
    """Read the head of the chunk at a byte; None, if the file ends there."""
    head = read_at(file, at, kind.name + kind.size)
    if len(head) < kind.name + kind.size:
        return None
    size = int.from_bytes(head[kind.name :], kind.order)
    if kind.counts_head:
        size = max(0, size - len(head))
    return Chunk(head[: kind.name], at + len(head), size)


def _after(chunk: Chunk, kind: Chunks) -> int:
    """Return where the chunk after another one starts."""
    return chunk.start + -(-chunk.size // kind.multiple) * kind.multiple


def _chunked(path: Path, file: BinaryIO, start: int, size: int, kind: Chunks) -> Source:
    """Look at a file that consists of chunks: WAV, RF64, W64, AIFF, CAF."""
    chunk = Chunk(b"", start + kind.first, 0)
    long = encoding = 0
    gaps = []  # where a byte of padding is missing
    while not chunk.name.startswith(kind.data):
        following = _following(file, chunk, size, kind)
        if following is None:
            if size - chunk.stop > 1:
                refuse_cut(path, "or its header is damaged")
            return Source(path)  # libsndfile says what is wrong
        if kind.multiple == 2 and following.start - 8 < _after(chunk, kind):
            gaps.append(chunk.stop)
        chunk = following
        if chunk.name == b"ds64":
            long = chunk.start + 8
        if chunk.name[:4] == b"fmt ":
            encoding = _number(file, chunk.start, 2, kind.order)
    field, width = chunk.start - kind.size, kind.size
    if long and chunk.size == 0xFFFFFFFF:
        field, width = long, 8
        chunk = chunk._replace(size=_number(file, field, width, kind.order))
    outer = _number(file, start + 4, 4, kind.order) if kind.first == 12 else size
    source = _with_audio(
        path, file, (start, size), kind, chunk, (field, width), start + outer + 8
    )
    if encoding in MPEG_IN_WAV:
        stop = source.stop or min(chunk.stop, size)
        return mpeg.examine(path, file, chunk.start, stop) or source
    return _readable(source, file, (start, chunk.start), gaps, long)


def _readable(
    source: Source, file: BinaryIO, part: tuple[int, int], gaps: list[int], long: int
) -> Source:
    """Put a header before the audio that libsndfile reads, if it does not read its own.

    It wants padding after each chunk of odd length, and knows BW64 as RF64 alone.
    """
    start, stop = part
    head = source.head or read_at(file, start, stop - start)
    is_bw64 = head[:4] == b"BW64"
    if not (gaps or is_bw64):
        return source
    if is_bw64:
        head = (b"RF64" if long else b"RIFF") + head[4:]
    for gap in reversed(gaps):
        head = head[: gap - start] + b"\0" + head[gap - start :]
    return replace(source, head=head, skip=stop)


def _au(path: Path, file: BinaryIO, start: int, size: int) -> Source:
    """Look at an AU file: a head that states where the audio is, and how long."""
    kind = KINDS[read_at(file, start, 4)]
    first, n_bytes = (_number(file, start + at, 4, kind.order) for at in (4, 8))
    chunk = Chunk(b"", start + first, n_bytes)
    return _with_audio(path, file, (start, size), kind, chunk, (start + 8, 4), None)


def _nist(path: Path, file: BinaryIO, start: int, size: int) -> Source:
    """Look at a NIST SPHERE file: 1024 bytes of words, then the audio."""
    lines = (line.split() for line in read_at(file, start, 1024).split(b"\n"))
    facts = {words[0]: words[2] for words in lines if len(words) == 3}
    words = (b"sample_count", b"sample_n_bytes", b"channel_count")
    try:
        n_bytes = prod(int(facts[word]) for word in words)
    except (KeyError, ValueError):
        refuse_damaged(path, "its header does not state how many samples it has")
    chunk = Chunk(b"", start + 1024, n_bytes)
    return _with_audio(path, file, (start, size), KINDS[b"NIST"], chunk, (0, 0), None)


def _with_audio(
    path: Path,
    file: BinaryIO,
    ends: tuple[int, int],
    kind: Chunks,
    chunk: Chunk,
    field: tuple[int, int],
    outer: int | None,
) -> Source:
    """Compare the size that is stated of the audio with what is there.

    `field` is the place and the width of that number, and `outer` where the file ends
    by its own word.
    """
    start, size = ends
    there = size - chunk.start
    if there < 0:
        refuse_cut(path, "or its header is damaged")
    slack = max(SLACK_BYTES, min(SLACK_LIMIT, round(SLACK_SHARE * chunk.size)))
    if chunk.size > there:
        if _is_unknown(chunk.size):
            return _restated(path, file, start, size, kind, chunk, field)
        if outer is None or outer > size or chunk.size - there > slack:
            refuse_cut(path, f"after {there} of {chunk.size} bytes")
        return Source(path)
    left = _left_over(path, file, size, kind, chunk)
    if left > slack and chunk.size == 0 and field[1]:
        return _restated(path, file, start, size, kind, chunk, field)
    if left > slack:
        raise AudioError(
            "ambiguous",
            f"{path} states {chunk.size} bytes of audio, and {left} bytes that may be "
            "audio follow. Write it again with a right header (for instance 'sox "
            "--ignore-length'), or cut it to what it states",
        )
    # libsndfile itself reads on to the end of such a file.
    reads_on = kind.first == 0 or kind.counts_head or chunk.name == b"BODY"
    return Source(path, stop=chunk.stop if reads_on and chunk.stop < size else None)


def _is_unknown(size: int) -> bool:
    """Return True if a size is what is written where it is not known."""
    return any(
        abs(size - limit) < NEAR_LIMIT for limit in (1 << 31, 1 << 32, 1 << 63)
    ) or (size >= (1 << 64) - NEAR_LIMIT)


def _restated(
    path: Path,
    file: BinaryIO,
    start: int,
    size: int,
    kind: Chunks,
    chunk: Chunk,
    field: tuple[int, int],
) -> Source:
    """Return all audio to the end of a file, behind a header that says so."""
    place, width = field
    stop = before_tags(file, chunk.start, size)
    if kind.data:
        stop = _before_chunks(file, chunk.start, stop, kind)
    n_bytes = stop - chunk.start
    if kind.counts_head:
        n_bytes += kind.name + kind.size
    head = bytearray(read_at(file, start, chunk.start - start))
    stated = min(n_bytes, (1 << 8 * width) - 1).to_bytes(width, kind.order)
    head[place - start : place - start + width] = stated
    return Source(path, head=bytes(head), skip=chunk.start, stop=stop)


def _before_chunks(file: BinaryIO, start: int, stop: int, kind: Chunks) -> int:
    """Return where the chunks begin that are the last of a file; `stop`, if none is.

    One is told from audio by its name, and by a size that leads exactly to the end, or
    to zeros there.
    """
    base = max(start, stop - TRAILERS_REACH)
    tail = read_at(file, base, stop - base)
    begins: dict[int, int] = {}
    for match in TRAILERS.finditer(tail):
        chunk = _chunk(file, base + match.start(), kind)
        if chunk is not None:
            for end in (chunk.stop, _after(chunk, kind)):
                begins.setdefault(end, base + match.start())
    filled = base + len(tail.rstrip(b"\0"))
    stop = min((begins[end] for end in begins if filled <= end <= stop), default=stop)
    while begins.get(stop, stop) < stop:
        stop = begins[stop]
    return stop


def _left_over(
    path: Path, file: BinaryIO, size: int, kind: Chunks, chunk: Chunk
) -> int:
    """Return how many bytes after the audio are no chunks, no tags and not 0."""
    last = chunk
    while (following := _following(file, last, size, kind)) is not None:
        if following.name[:4] in KINDS or following.name.startswith(kind.data):
            name = following.name[:4].decode("latin-1")
            refuse_two(path, f"'{name}' follows the audio")
        last = following
    at = min(last.stop, size)
    stop = before_tags(file, at, size)
    return 0 if only_zeros(file, at, stop) else stop - at


def _following(file: BinaryIO, last: Chunk, size: int, kind: Chunks) -> Chunk | None:
    """Return the chunk after another one, with padding before it or without."""
    for place in (_after(last, kind), last.stop):
        chunk = _chunk(file, place, kind)
        if chunk is None:
            continue
        name = chunk.name[:4]
        is_word = name.translate(None, b" _").isalnum()
        is_known = name in KINDS or name.startswith(kind.data)
        if is_word and (is_known or chunk.stop <= size):
            return chunk
    return None
