"""FLAC, Ogg and files of chunks: all of the audio is read, or there is a reason."""

import numpy as np
import pytest

from earshift.errors import AudioError
from earshift.stages.clips import inspection
from tests.helpers.sounds import ID3V1, bare, decode, encode, id3, mp3
from tests.helpers.tones import tone

RATE, SECONDS = 16_000, 3
SOUND = tone(440, SECONDS, RATE)
N_SAMPLES = len(SOUND)

#: Name -> how it is written; where the size of the audio is stated: what is before it,
#: its width in bytes, the order of these.
KINDS = {
    "wav": ({"format": "WAV"}, b"data", 4, "little"),
    "wavex": ({"format": "WAVEX", "subtype": "PCM_24"}, b"data", 4, "little"),
    "rifx": ({"format": "WAV", "endian": "BIG"}, b"data", 4, "big"),
    "rf64": ({"format": "RF64"}, None, 8, "little"),
    "w64": (
        {"format": "W64"},
        b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0O\x8e\xdb\x8a",
        8,
        "little",
    ),
    "aiff": ({"format": "AIFF"}, b"SSND", 4, "big"),
    "aifc": ({"format": "AIFF", "subtype": "FLOAT"}, b"SSND", 4, "big"),
    "au": ({"format": "AU"}, b".snd\x00\x00\x00\x18", 4, "big"),
    "au_little": ({"format": "AU", "endian": "LITTLE"}, b"dns.", 4, "little"),
    "caf": ({"format": "CAF"}, b"data", 8, "big"),
    "nist": ({"format": "NIST"}, None, 0, "big"),
}


def write(path, kind, sound=SOUND):
    return encode(path, sound, RATE, **KINDS[kind][0])


def status(path, content):
    path.write_bytes(content)
    return inspection.inspect(str(path))


def stated(content, kind, n_bytes=None):
    """Return the file with another size of its audio, or the size it states."""
    _, before, width, order = KINDS[kind]
    if kind == "rf64":
        at = content.index(b"ds64") + 16
    else:
        at = content.index(before) + len(before) + (4 if kind == "au_little" else 0)
    if n_bytes is None:
        return int.from_bytes(content[at : at + width], order)
    return content[:at] + n_bytes.to_bytes(width, order) + content[at + width :]


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_file_is_read_and_one_that_is_cut_is_not(tmp_path, kind):
    path = tmp_path / "a"
    content = write(path, kind)
    assert status(path, content)["n_samples"] == N_SAMPLES
    for n_bytes in (1, 2, 100, len(content) // 2):
        found = status(path, content[:-n_bytes])
        assert found["status"] == "truncated", n_bytes


@pytest.mark.parametrize("kind", KINDS)
def test_what_follows_the_audio_is_no_audio_or_is_told(tmp_path, kind):
    path = tmp_path / "a"
    content = write(path, kind)
    expected = status(path, content)["content_hash"]
    for after in (ID3V1, bytes(512), b"\x01" * 60):
        assert status(path, content + after)["content_hash"] == expected
    for after in (content, content[len(content) // 2 :]):
        found = status(path, content + after)
        assert found["status"] == "ambiguous"
        assert found["reason"].startswith(str(path))


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("nist",)])
def test_an_unknown_size_means_all_that_is_there(tmp_path, kind):
    path = tmp_path / "a"
    content = write(path, kind)
    expected = status(path, content)
    bits = 8 * KINDS[kind][2]
    sizes = [0, (1 << bits) - 1]
    if bits == 32 or kind == "wav":
        sizes += [0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF - 36]
    for size in sizes:
        found = status(path, stated(content, kind, size))
        assert found["status"] == "ok", size
        assert found["content_hash"] == expected["content_hash"]


@pytest.mark.parametrize("kind", ["wav", "rifx", "rf64", "w64", "aiff", "au", "caf"])
def test_a_header_that_states_half_of_the_audio_is_told(tmp_path, kind):
    path = tmp_path / "a"
    content = write(path, kind)
    size = stated(content, kind)
    found = status(path, stated(content, kind, size // 4 * 2))
    assert found["status"] == "ambiguous"
    assert "bytes that may be audio follow" in found["reason"]


def chunk(name, content):
    return name + len(content).to_bytes(4, "little") + content


@pytest.mark.parametrize("off", [8, 36, 44, 1000])
def test_the_size_of_a_wav_is_that_of_its_audio(tmp_path, off):
    """The size of the whole file, in its first chunk, is wrong in many files."""
    path = tmp_path / "a.wav"
    content = write(path, "wav")
    size = int.from_bytes(content[4:8], "little")
    for wrong in (size + off, size - off):
        found = status(path, content[:4] + wrong.to_bytes(4, "little") + content[8:])
        assert (found["status"], found["n_samples"]) == ("ok", N_SAMPLES)


def test_chunks_around_the_audio_are_none(tmp_path):
    path = tmp_path / "a.wav"
    content = write(path, "wav")
    expected = status(path, content)["content_hash"]
    extra = chunk(b"bext", bytes(602)) + chunk(b"LIST", b"INFOISFT\x02\0\0\0x\0")
    for whole in (
        content + extra,
        content[:12] + extra + content[12:],
        content + extra + b"junk",
        id3() + content,
    ):
        assert status(path, whole)["content_hash"] == expected
    found = status(path, content + chunk(b"data", bytes(100)))
    assert found["status"] == "ambiguous"


def test_a_wav_of_an_odd_number_of_bytes_may_lack_its_padding(tmp_path):
    path = tmp_path / "a.wav"
    content = encode(path, SOUND[:-1], RATE, format="WAV", subtype="PCM_U8")
    found = status(path, content)
    assert found["n_samples"] == N_SAMPLES - 1
    bare = content[: content.index(b"data") + 8 + N_SAMPLES - 1]
    assert status(path, bare)["content_hash"] == found["content_hash"]
    tagged = bare + chunk(b"LIST", b"INFO")
    assert status(path, tagged)["content_hash"] == found["content_hash"]


def flac_total(content, n_samples):
    head = int.from_bytes(content[21:26], "big") >> 36 << 36 | n_samples
    return content[:21] + head.to_bytes(5, "big") + content[26:]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("total", [0, N_SAMPLES // 2, N_SAMPLES - 1])
def test_a_flac_that_states_too_little_is_read_whole(tmp_path, total, channels):
    path = tmp_path / "a.flac"
    content = encode(path, np.stack([SOUND] * channels, axis=1), RATE)
    whole = decode(path)
    assert len(whole) == N_SAMPLES
    for tag in (b"", ID3V1):
        path.write_bytes(flac_total(content, total) + tag)
        np.testing.assert_array_equal(decode(path), whole)


def flac_frames(content):
    """Return where the frames of a FLAC of 4096 samples each start."""
    places, at = [], 0
    for number in range(N_SAMPLES // 4096 + 1):
        # Of the last frame, which is shorter, the code of the size is another one.
        at = min(
            place
            for code in (b"\xc5", b"\x75", b"\x65")
            if (place := content.find(b"\xff\xf8" + code, at + 1)) > 0
            and content[place + 4] == number
        )
        places.append(at)
    return places


def test_a_flac_that_is_cut_is_not_used(tmp_path):
    path = tmp_path / "a.flac"
    content = encode(path, SOUND, RATE)
    for at in flac_frames(content)[1:]:
        assert status(path, content[:at])["status"] == "truncated"
        assert status(path, content[: at - 40])["status"] != "ok"
    # Without a total, a cut between frames cannot be seen, one within can.
    cut = flac_total(content[: flac_frames(content)[-1] - 40], 0)
    assert status(path, cut)["status"] in ("truncated", "unreadable")


def test_joined_flacs_are_told(tmp_path):
    path = tmp_path / "a.flac"
    content = encode(path, SOUND, RATE)
    for first in (content, flac_total(content, 0)):
        found = status(path, first + content)
        assert found["status"] == "ambiguous"
        assert "2 streams" in found["reason"]
    # One in the metadata, as in those of an application, is none of the audio.
    block = b"\x02\x00\x10\x00" + (b"apps" + content[:42]).ljust(4096, b"\0")
    found = status(path, content[:42] + block + content[42:])
    assert (found["status"], found["n_samples"]) == ("ok", N_SAMPLES)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_an_ogg_file_is_whole_or_told(tmp_path, subtype):
    path = tmp_path / "a.ogg"
    content = encode(path, SOUND, RATE, format="OGG", subtype=subtype)
    found = status(path, content)
    assert (found["status"], found["n_samples"]) == ("ok", N_SAMPLES)
    for whole in (content + ID3V1, id3() + content, id3() + content + ID3V1):
        assert status(path, whole)["content_hash"] == found["content_hash"]
    assert status(path, content + content)["status"] == "ambiguous"
    pages = [b"OggS" + page for page in content.split(b"OggS")[1:]]
    assert len(pages) >= 4
    cut = status(path, b"".join(pages[:-1]))
    assert cut["status"] == "truncated"
    assert "-c copy" in cut["reason"]
    missing = status(path, b"".join(pages[:-2] + pages[-1:]))
    assert missing["status"] == "unreadable"
    assert "page is missing" in missing["reason"]
    damaged = bytearray(content)
    damaged[-len(pages[-1]) - 20] ^= 1
    found = status(path, bytes(damaged))
    assert found["status"] == "unreadable"
    assert "checksum" in found["reason"]


def test_an_mp3_in_a_wav_is_counted_as_one(tmp_path):
    path = tmp_path / "a.wav"
    frames = bare(mp3(path, SOUND, RATE))
    expected = status(path, frames)
    numbers = [(0x55, 2), (1, 2), (RATE, 4), (8000, 4), (1, 2), (0, 2), (12, 2)]
    form = b"".join(n.to_bytes(width, "little") for n, width in numbers) + bytes(12)
    for audio in (frames, frames[:-9]):
        content = b"WAVE" + chunk(b"fmt ", form) + chunk(b"data", audio)
        found = status(path, chunk(b"RIFF", content))
        if audio is frames:
            assert found["content_hash"] == expected["content_hash"]
        else:
            assert found["status"] == "truncated"


@pytest.mark.parametrize("kind", [*KINDS, "flac", "ogg", "mp3"])
def test_a_file_that_is_cut_anywhere_at_its_start_is_refused(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    if kind == "mp3":
        content = mp3(path, SOUND, RATE)
    else:
        content = write(path, kind) if kind in KINDS else encode(path, SOUND, RATE)
    for n_bytes in range(1, 140):
        path.write_bytes(content[:n_bytes])
        with pytest.raises(AudioError):
            decode(path)


TRAILERS = {
    "LIST": chunk(b"LIST", b"INFOISFT\x0e\0\0\0Lavf59.27.100\0"),
    "odd": chunk(b"iXML", b"<BWFXML/>"),
    "padded": chunk(b"iXML", b"<BWFXML/>") + b"\0",
    "zeros": chunk(b"LIST", b"INFO") + bytes(10),
    "picture": chunk(b"id3 ", id3(300_000, b"\xff\xd8LIST")),
    "several": chunk(b"LIST", b"INFO" + chunk(b"LIST", bytes(4)))
    + chunk(b"_PMX", bytes(range(256)) * 8)
    + chunk(b"bext", bytes(602)),
}


@pytest.mark.parametrize("kind", ["wav", "wavex"])
@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
@pytest.mark.parametrize("after", TRAILERS)
def test_chunks_after_audio_of_unknown_size_are_none(tmp_path, kind, size, after):
    path = tmp_path / "a.wav"
    content = write(path, kind)
    expected = status(path, content)["content_hash"]
    endless = stated(content, kind, size)
    found = status(path, endless + TRAILERS[after])
    assert (found["status"], found["n_samples"]) == ("ok", N_SAMPLES)
    assert found["content_hash"] == expected
    # What only looks like a chunk, but does not end with the file, is audio.
    sound = b"LIST" + bytes(range(1, 201))
    assert status(path, endless + sound)["n_samples"] > N_SAMPLES


@pytest.mark.parametrize("place", ["before fmt", "before data", "both"])
def test_an_odd_chunk_without_padding_before_the_audio_is_passed(tmp_path, place):
    path = tmp_path / "a.wav"
    content = write(path, "wav")
    expected = status(path, content)["content_hash"]
    odd = chunk(b"LIST", b"INFOISFT\x05\0\0\0abcde")
    assert len(odd) % 2
    at = content.index(b"data")
    if place != "before fmt":
        content = content[:at] + odd + content[at:]
    if place != "before data":
        content = content[:12] + odd + content[12:]
    for whole in (
        content,
        stated(content, "wav", 0xFFFFFFFF),
        content + TRAILERS["LIST"],
    ):
        assert status(path, whole)["content_hash"] == expected
    assert status(path, content[:-100])["status"] == "truncated"


@pytest.mark.parametrize("kind", ["wav", "rf64"])
def test_bw64_is_read_as_what_it_extends(tmp_path, kind):
    path = tmp_path / "a.wav"
    content = write(path, kind)
    expected = status(path, content)["content_hash"]
    bw64 = b"BW64" + content[4:]
    axml = chunk(b"axml", b"<ebuCoreMain/>")
    for whole in (bw64, bw64 + axml, stated(bw64, kind, (1 << 32) - 1) + axml):
        assert status(path, whole)["content_hash"] == expected
    assert status(path, bw64[:-100])["status"] == "truncated"


def test_a_flac_without_samples_is_empty(tmp_path):
    path = tmp_path / "a.flac"
    head = flac_total(encode(path, SOUND, RATE)[:42], 0)
    path.write_bytes(head[:4] + b"\x80" + head[5:])
    found = inspection.inspect(str(path))
    assert (found["status"], found["reason"]) == ("empty", f"{path} has no samples")


def test_flac_in_ogg_is_refused_by_name(tmp_path):
    path = tmp_path / "a.ogg"
    packet = b"\x7fFLAC\x01\0\0\x01" + encode(path, SOUND, RATE)[:42]
    page = b"OggS\0\x02" + bytes(20) + bytes([1, len(packet)]) + packet
    found = status(path, page)
    assert found["status"] == "unreadable"
    assert "FLAC in Ogg" in found["reason"]
    assert "plain FLAC" in found["reason"]
