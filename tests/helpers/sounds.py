"""Sound files of all kinds, as bytes, and what is done to them on their way."""

import soundfile

from earshift.audio import reading

#: Samples of the decoder's and of LAME's own delay, which a header tells to leave out.
DELAY = 1105


def decode(path):
    """Return all samples of a file, shape (n_samples, n_channels)."""
    import numpy as np

    return np.concatenate(list(reading.AudioFile(path).blocks()))


def encode(path, samples, rate=44_100, **options):
    """Write a file in pieces, as libsndfile cannot take long ones at once."""
    samples = samples.reshape(len(samples), -1)
    with soundfile.SoundFile(path, "w", rate, samples.shape[1], **options) as file:
        for start in range(0, len(samples), 4096):
            file.write(samples[start : start + 4096])
    return path.read_bytes()


def mp3(path, samples, rate=44_100, mode="VARIABLE", level=0.5):
    """Write an MP3; return its bytes without tags."""
    options = {"bitrate_mode": mode, "compression_level": level}
    whole = encode(path, samples, rate, format="MP3", **options)
    frames = mp3_frames(whole)
    return b"".join(frames)


#: Bits of the header -> kbit/s and Hz, of layer III of MPEG-1 and of the others.
KBITS = {
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
HERTZ = {
    3: (44_100, 48_000, 32_000),
    2: (22_050, 24_000, 16_000),
    0: (11_025, 12_000, 8_000),
}


def mp3_frames(content):
    """Return the frames of an MP3 that has nothing but frames behind its tag."""
    at = content.index(b"\xff", 10 if content[:3] == b"ID3" else 0)
    frames = []
    while at < len(content):
        head = content[at : at + 4]
        assert head[0] == 0xFF, "no frame"
        version = head[1] >> 3 & 3
        kbits = KBITS[1 if version == 3 else 2][head[2] >> 4]
        hertz = HERTZ[version][head[2] >> 2 & 3]
        size = (144 if version == 3 else 72) * kbits * 1000 // hertz + (
            head[2] >> 1 & 1
        )
        frames.append(content[at : at + size])
        at += size
    return frames


def bare(content):
    """Return an MP3 without the frame that states its length."""
    frames = mp3_frames(content)
    assert b"Xing" in frames[0] or b"Info" in frames[0]
    return b"".join(frames[1:])


def id3(n_bytes=2048, filling=b"\0"):
    """Return an ID3v2 tag."""
    size = bytes(n_bytes >> shift & 0x7F for shift in (21, 14, 7, 0))
    return (
        b"ID3\x03\x00\x00" + size + (filling * (n_bytes // len(filling) + 1))[:n_bytes]
    )


def ape(n_bytes=3000):
    """Return an APEv2 tag."""

    def end(flags):
        numbers = (2000, n_bytes + 32, 1, flags)
        return b"APETAGEX" + b"".join(n.to_bytes(4, "little") for n in numbers)

    head = end(0xA0000000) + bytes(8)
    return head + b"x" * n_bytes + end(0x80000000) + bytes(8)


ID3V1 = b"TAG" + b"a title".ljust(125, b"\0")
LYRICS = b"LYRICSBEGININD0000200000021LYRICS200"
