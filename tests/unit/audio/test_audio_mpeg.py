"""MP3s are read whole, or refused with a reason: with headers, tags and cuts."""

import numpy as np
import pytest
import soundfile

from earshift.audio import containers, reading
from earshift.errors import AudioError
from earshift.stages.clips import inspection
from tests.helpers.sounds import (
    DELAY,
    ID3V1,
    LYRICS,
    ape,
    bare,
    decode,
    id3,
    mp3,
    mp3_frames,
)
from tests.helpers.tones import tone

RATE = 44_100


def noise(seconds, seed=0):
    return 0.3 * np.random.default_rng(seed).standard_normal(int(seconds * RATE))


#: Quiet parts have small frames, loud ones large ones; either may come first.
SOUNDS = {
    "silence_first": np.concatenate([np.zeros(RATE), noise(2)]),
    "noise_first": np.concatenate([noise(1), tone(330, 4, RATE)]),
}


def status(path, content):
    path.write_bytes(content)
    return inspection.inspect(str(path))


@pytest.mark.parametrize("sound", SOUNDS)
@pytest.mark.parametrize("mode", ["VARIABLE", "CONSTANT"])
def test_an_mp3_without_a_header_is_read_whole(tmp_path, sound, mode):
    path = tmp_path / "a.mp3"
    content = mp3(path, SOUNDS[sound], mode=mode)
    whole = decode(path)
    path.write_bytes(bare(content))
    found = decode(path)
    assert len(found) == 1152 * (len(mp3_frames(content)) - 1)
    assert len(whole) == len(SOUNDS[sound])
    np.testing.assert_allclose(found[DELAY:][: len(whole)], whole, atol=1e-5)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 24_000, 32_000, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_rate_and_channel_is_counted(tmp_path, rate, channels):
    sound = np.stack([tone(330, 2, rate)] * channels, axis=1)
    path = tmp_path / "a.mp3"
    content = bare(mp3(path, sound, rate))
    per_frame = 1152 if rate >= 32_000 else 576
    found = status(path, content)
    assert found["status"] == "ok"
    assert found["n_samples"] == per_frame * len(mp3_frames(content))
    assert found["n_samples"] >= 2 * rate


@pytest.mark.parametrize("with_header", [True, False])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (id3(), b""),
        (id3(60_000, b"\xff\xd8\xff\xe0\xff\xfb\x90\x00picture"), ID3V1),
        (id3() + id3(100), b""),
        (id3() + bytes(3000), b""),
        (ape(), b""),
        (b"", ID3V1),
        (b"", ape()),
        (id3(), ape() + LYRICS + ID3V1),
        (b"", id3()),
        (b"", bytes(5000)),
        (b"", b"\x01" * 100),
    ],
)
def test_tags_before_and_after_are_no_audio(tmp_path, with_header, before, after):
    path = tmp_path / "a.mp3"
    content = mp3(path, SOUNDS["noise_first"], mode="CONSTANT")
    content = content if with_header else bare(content)
    plain = status(path, content)
    tagged = status(path, before + content + after)
    assert (plain["status"], tagged["status"]) == ("ok", "ok")
    assert tagged["content_hash"] == plain["content_hash"]


@pytest.mark.parametrize("mode", ["VARIABLE", "CONSTANT"])
@pytest.mark.parametrize("tag", [b"", ID3V1])
def test_an_mp3_that_is_cut_in_a_frame_is_truncated(tmp_path, mode, tag):
    path = tmp_path / "a.mp3"
    content = mp3(path, SOUNDS["silence_first"], mode=mode)
    for whole in (content, bare(content)):
        assert status(path, whole)["status"] == "ok"
        for n_bytes in (1, 50, len(whole) // 2 + 7):
            assert status(path, whole[:-n_bytes] + tag)["status"] == "truncated"


@pytest.mark.parametrize("n_frames", [1, 2, 40])
def test_an_mp3_whose_header_states_more_frames_is_truncated(tmp_path, n_frames):
    path = tmp_path / "a.mp3"
    frames = mp3_frames(mp3(path, SOUNDS["noise_first"]))
    found = status(path, b"".join(frames[:-n_frames]))
    assert found["status"] == "truncated"
    assert f"{len(frames) - 1 - n_frames} of {len(frames) - 1} MPEG" in found["reason"]


def restated(content, n_frames):
    at = content.index(b"Xing") + 8
    return content[:at] + n_frames.to_bytes(4, "big") + content[at + 4 :]


def test_an_mp3_whose_header_states_fewer_frames_is_read_whole(tmp_path):
    path = tmp_path / "a.mp3"
    content = mp3(path, SOUNDS["noise_first"])
    found = status(path, restated(content, 20))
    assert found["n_samples"] == 1152 * (len(mp3_frames(content)) - 1)
    # One frame more than there are: the header itself is counted.
    n_all = len(mp3_frames(content))
    at = content.index(b"Xing") + 7
    without_bytes = content[:at] + b"\x01" + content[at + 1 :]
    assert status(path, restated(without_bytes, n_all))["status"] == "ok"


@pytest.mark.parametrize(("more", "expected"), [(0, "ok"), (30, "truncated")])
def test_a_vbri_header_is_read(tmp_path, more, expected):
    path = tmp_path / "a.mp3"
    frames = mp3_frames(bare(mp3(path, SOUNDS["silence_first"])))
    head = bytearray(b"\xff\xfb\x90\xc0".ljust(417, b"\0"))
    head[36:40] = b"VBRI"
    head[46:50] = sum(map(len, frames), 417).to_bytes(4, "big")
    head[50:54] = (len(frames) + more).to_bytes(4, "big")
    found = status(path, bytes(head) + b"".join(frames))
    assert found["status"] == expected
    if expected == "ok":
        assert found["n_samples"] == 1152 * len(frames)


def test_joined_mp3s_are_read_whole_or_refused(tmp_path):
    path = tmp_path / "a.mp3"
    one = mp3(path, SOUNDS["silence_first"])
    n = 1152 * (len(mp3_frames(one)) - 1)
    # Without a header of the second, the frames are those of one stream.
    assert status(path, bare(one) + bare(one))["n_samples"] == 2 * n
    assert status(path, one + bare(one))["n_samples"] == 2 * n
    other = mp3(path, tone(330, 1, 22_050), 22_050)
    mono = bare(mp3(path, np.stack([noise(1)] * 2, axis=1)))
    for second in (one, ID3V1 + bare(one), id3() + bare(one), bare(other), mono):
        found = status(path, one + second)
        assert found["status"] == "ambiguous"
        assert "holds 2 streams" in found["reason"]


@pytest.mark.parametrize("damage", [bytes(1500), bytes(range(100, 180)) * 20])
def test_damage_in_the_middle_is_said_with_its_place(tmp_path, damage):
    path = tmp_path / "a.mp3"
    frames = mp3_frames(bare(mp3(path, noise(3), mode="CONSTANT")))
    start = sum(map(len, frames[:60]))
    content = bytearray(b"".join(frames))
    content[start : start + len(damage)] = damage
    found = status(path, bytes(content))
    assert found["status"] == "unreadable"
    assert f"damaged: at {60 * 1152 / RATE:.2f} s" in found["reason"]


@pytest.mark.parametrize("n_bytes", [3000, 2_000_000])
def test_an_end_that_is_no_frames_is_not_left_out_in_silence(tmp_path, n_bytes):
    path = tmp_path / "a.mp3"
    content = bare(mp3(path, SOUNDS["noise_first"]))
    end = np.random.default_rng(0).bytes(n_bytes)
    assert status(path, content + end)["status"] == "unreadable"


def test_blocks_of_any_length_give_the_same_samples(tmp_path, monkeypatch):
    path = tmp_path / "a.mp3"
    decaying = noise(12) * np.exp(-(np.arange(12 * RATE) % (2 * RATE)) / 4000)
    content = mp3(path, decaying, level=0.3)
    expected, _ = soundfile.read(path, dtype="float32", always_2d=True)
    for whole in (content, bare(content)):
        path.write_bytes(whole)
        found = {}
        for block in (1 << 18, 10_007):
            monkeypatch.setattr(reading, "BLOCK", block)
            found[block] = decode(path)
        np.testing.assert_array_equal(*found.values())
    np.testing.assert_allclose(
        found[10_007][DELAY:][: len(expected)], expected, atol=1e-5
    )


def test_stage_2_gets_all_of_an_mp3_without_a_header(tmp_path):
    path = tmp_path / "a.mp3"
    row = status(path, bare(mp3(path, SOUNDS["silence_first"])))
    blocks = reading.stream(path, row["n_samples"], RATE, RATE, "soxr_hq")
    np.testing.assert_array_equal(np.concatenate(list(blocks)), decode(path)[:, 0])


def test_layer_ii_of_varying_bit_rate_is_counted(tmp_path):
    # 32 and 384 kbit/s; without allocated bits a frame is silent.
    small = b"\xff\xfd\x10\xc0".ljust(144 * 32_000 // RATE, b"\0")
    large = b"\xff\xfd\xe0\xc0".ljust(144 * 384_000 // RATE, b"\0")
    path = tmp_path / "a.mp2"
    path.write_bytes(large * 10 + small * 40)
    assert containers.examine(path).n_samples == 50 * 1152
    blocks = reading.AudioFile(path).blocks()
    assert len(next(blocks)) == 50 * 1152
    with pytest.raises(AudioError, match="no sample above"):
        next(blocks)


def test_free_format_is_refused_by_name(tmp_path):
    path = tmp_path / "a.mp3"
    content = b"\xff\xfb\x00\xc0".ljust(600, b"\0") * 20
    found = status(path, content)
    assert found["status"] == "unreadable"
    assert "free format" in found["reason"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<!DOCTYPE html><html><body>404</body></html>" * 40, "web page"),
        (id3(1742), "ID3 tag without audio"),
    ],
)
def test_what_is_no_mp3_is_called_what_it_is(tmp_path, content, said):
    found = status(tmp_path / "a.mp3", content)
    assert found["status"] == "unreadable"
    assert said in found["reason"]
    assert "pipe" not in found["reason"]


def test_an_mp3_of_few_frames_is_read(tmp_path):
    path = tmp_path / "a.mp3"
    frames = mp3_frames(bare(mp3(path, noise(1), mode="CONSTANT")))
    for n in (2, 3, 5):
        assert status(path, b"".join(frames[:n]))["n_samples"] == 1152 * n
    assert status(path, frames[0][:-1])["status"] == "truncated"
    for content in (frames[0], id3() + frames[0], frames[0] + ID3V1):
        found = status(path, content)
        assert found["status"] == "unreadable"
        assert "1152 samples, a single MPEG frame" in found["reason"]


def test_a_tag_at_the_end_of_a_short_file_is_taken_off_once(tmp_path):
    path = tmp_path / "a.mp3"
    frames = mp3_frames(bare(mp3(path, 0.1 * noise(1), level=0.9)))
    content = b"".join(frames[:2])
    assert len(content) < 2048
    expected = status(path, content)
    assert expected["status"] == "ok"
    found = status(path, content + ID3V1)
    assert found["content_hash"] == expected["content_hash"]


@pytest.mark.parametrize("with_header", [True, False])
@pytest.mark.parametrize("mode", ["VARIABLE", "CONSTANT"])
@pytest.mark.parametrize("over", [2500, 4000, 20_000])
def test_a_tag_whose_size_covers_audio_is_told(tmp_path, with_header, mode, over):
    path = tmp_path / "a.mp3"
    content = mp3(path, noise(3), mode=mode)
    content = content if with_header else bare(content)
    tag = id3(500 + over)[:510]
    assert status(path, id3(500) + content)["status"] == "ok"
    found = status(path, tag + content)
    assert (found["status"], found["n_samples"]) == ("unreadable", 0)
    assert f"ends at byte {510 + over}, but MPEG frames" in found["reason"]
    # So, too, where the size leads to the start of a frame.
    frames = mp3_frames(content)
    whole = sum(map(len, frames[:5]))
    found = status(path, id3(500 + whole)[:510] + content)
    assert "its tag states" in found["reason"]


@pytest.mark.parametrize("over", [1, 5, 10_000])
def test_a_tag_that_is_longer_than_the_file_is_told(tmp_path, over):
    content = mp3(tmp_path / "a.mp3", noise(1))
    tag = id3(len(content) + over)[:10]
    found = status(tmp_path / "a.mp3", tag + content)
    assert found["status"] == "unreadable"
    assert "ID3 tag without audio: by its size" in found["reason"]


@pytest.mark.parametrize("seed", range(4))
def test_a_picture_in_a_tag_is_none_of_the_audio(tmp_path, seed):
    path = tmp_path / "a.mp3"
    content = mp3(path, noise(1))
    expected = status(path, content)["content_hash"]
    for n_bytes in (5000, 300_000):
        picture = np.random.default_rng(seed).bytes(n_bytes)
        for filling in (picture, picture.replace(b"\x80", b"\xff\xfb\x90\x64")):
            tag = id3(len(filling), filling)
            assert status(path, tag + content)["content_hash"] == expected


def test_what_may_be_whole_is_refused_with_a_remedy(tmp_path):
    path = tmp_path / "a.mp3"
    frames = mp3_frames(bare(mp3(path, noise(1))))
    junk = bytes(range(100, 180)) * 20
    for n in (0, 10):
        found = status(path, b"".join([*frames[:n], junk, *frames[n:]]))
        assert found["status"] == "unreadable"
        assert "-c copy" in found["reason"]
