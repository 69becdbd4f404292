import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earshift.audio import fingerprint, reading
from earshift.audio.resampling import n_resampled
from earshift.errors import AudioError
from earshift.stages.clips import inspection
from tests.helpers.tones import tone


def decode(path):
    """Return all samples of a file, shape (n_samples, n_channels), and its rate."""
    file = reading.AudioFile(path)
    return np.concatenate(list(file.blocks())), file.sample_rate_hz


def prepare(waveform, source, target, resampler="soxr_hq"):
    return reading.prepare(waveform, source, target, resampler)


def write(path, samples, rate=16_000):
    soundfile.write(path, samples, rate)
    return path


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3"])
def test_the_usual_formats_give_the_sound_that_was_written(tmp_path, ending):
    sound = tone(440)
    samples, rate = decode(write(tmp_path / f"a.{ending}", sound))
    assert rate == 16_000
    n = min(len(sound), len(samples))
    assert n >= 15_000
    # MP3 shifts by its encoder's delay, so compare the spectra.
    spectrum = np.abs(np.fft.rfft(samples[:n, 0]))
    assert np.argmax(spectrum) == pytest.approx(440 * n / 16_000, abs=2)


def test_a_missing_file_is_missing(tmp_path):
    with pytest.raises(AudioError) as caught:
        decode(tmp_path / "no.wav")
    assert caught.value.status == "missing"


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"", "empty"), (b"<html>no such page</html>", "unreadable")],
)
def test_a_file_without_audio_is_told_apart(tmp_path, content, status):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(AudioError) as caught:
        decode(path)
    assert caught.value.status == status


@pytest.mark.parametrize("ending", ["wav", "ogg", "flac", "aiff", "mp3"])
def test_a_file_cut_short_is_not_used(tmp_path, ending):
    path = write(tmp_path / f"a.{ending}", tone(440, 3.0))
    decode(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(AudioError) as caught:
        decode(path)
    assert caught.value.status in ("truncated", "unreadable")


def test_a_wav_with_no_samples_is_empty(tmp_path):
    with pytest.raises(AudioError) as caught:
        decode(write(tmp_path / "a.wav", np.zeros(0)))
    assert caught.value.status == "empty"


def test_silence_is_silent_and_a_quiet_sound_is_not(tmp_path):
    decode(write(tmp_path / "quiet.wav", 1e-3 * tone(440)))
    with pytest.raises(AudioError) as caught:
        decode(write(tmp_path / "silent.wav", np.zeros(16_000)))
    assert caught.value.status == "silent"


def test_nan_samples_are_counted(tmp_path):
    sound = tone(440)
    sound[[3, 5]] = np.nan
    soundfile.write(tmp_path / "a.wav", sound, 16_000, subtype="FLOAT")
    with pytest.raises(AudioError, match="2 NaN") as caught:
        decode(tmp_path / "a.wav")
    assert caught.value.status == "not_finite"


def test_channels_are_averaged():
    stereo = np.stack([np.full(100, 0.5), np.full(100, -0.1)], axis=1)
    mono = prepare(stereo, 16_000, 16_000)
    np.testing.assert_allclose(mono, 0.2, atol=1e-7)


def test_resampling_keeps_a_tone_and_the_length_is_known_beforehand():
    for rate in (8_000, 22_050, 44_100, 48_000):
        sound = tone(440, 1.2345, rate)
        out = prepare(sound, rate, 16_000)
        assert len(out) == n_resampled(len(sound), "soxr_hq", rate, 16_000)
        assert np.argmax(np.abs(np.fft.rfft(out))) == pytest.approx(
            440 * len(out) / 16_000, abs=1
        )


def test_the_length_after_resampling_is_right_for_every_length():
    for n in range(44_000, 44_250):
        out = prepare(np.ones(n, np.float32), 44_100, 16_000)
        assert len(out) == n_resampled(n, "soxr_hq", 44_100, 16_000)


def test_a_transposed_waveform_is_refused_with_a_remedy():
    with pytest.raises(AudioError, match=r"waveform\.T"):
        prepare(np.zeros((2, 16_000)), 16_000, 16_000)


@pytest.mark.parametrize("rate", [0, -1])
def test_an_impossible_rate_is_refused(rate):
    with pytest.raises(AudioError, match="not above 0"):
        prepare(tone(440), rate, 16_000)


def test_an_ogg_file_may_be_cut_anywhere(tmp_path):
    path = write(tmp_path / "a.ogg", tone(440, 3.0))
    whole = path.read_bytes()
    page = whole.rindex(b"OggS")
    assert page > 100
    for n in [*range(-2, 40), len(whole) - page - 1]:
        path.write_bytes(whole[: page + n])
        with pytest.raises(AudioError):
            decode(path)


@pytest.mark.parametrize("rate", [1, 2, 5, 6, 7, 60, 2_000_000_000, 0x7FFFFFFF])
def test_a_rate_that_is_none_of_sound_is_refused(tmp_path, rate):
    content = bytearray(write(tmp_path / "a.wav", tone(440)).read_bytes())
    content[24:28] = rate.to_bytes(4, "little")
    (tmp_path / "a.wav").write_bytes(content)
    found = inspection.inspect(str(tmp_path / "a.wav"))
    assert found["status"] == "unreadable"
    assert f"states {rate} samples per second" in found["reason"]


@pytest.mark.parametrize("rate", reading.RATES_HZ)
def test_the_lowest_and_the_highest_rate_are_read(tmp_path, rate):
    found = inspection.inspect(str(write(tmp_path / "a.wav", tone(440), rate)))
    assert (found["status"], found["sample_rate_hz"]) == ("ok", rate)


@pytest.mark.parametrize("scale", [33.0, 32_768.0, 1e17, 1e30])
def test_floats_at_another_scale_are_told(tmp_path, scale):
    sound = tone(440) / np.abs(tone(440)).max()
    path = tmp_path / "a.wav"
    soundfile.write(path, scale * sound, 16_000, subtype="FLOAT")
    found = inspection.inspect(str(path))
    assert found["status"] == "out_of_range"
    assert "scale of integers" in found["reason"]
    soundfile.write(path, 31 * sound, 16_000, subtype="FLOAT")
    assert inspection.inspect(str(path))["status"] == "ok"


def test_channels_that_cancel_are_silent(tmp_path):
    """What models get is the mean of the channels."""
    sound = tone(440)
    found = inspection.inspect(
        str(write(tmp_path / "a.wav", np.stack([sound, -sound], axis=1)))
    )
    assert found["status"] == "silent"
    assert "its channels cancel" in found["reason"]
    one_sided = np.stack([sound, 0 * sound], axis=1)
    assert len(decode(write(tmp_path / "a.wav", one_sided))[0]) == len(sound)


@pytest.mark.parametrize("n_channels", [3, 64, 1000])
def test_one_of_many_channels_that_sounds_is_no_cancelling(tmp_path, n_channels):
    path = tmp_path / "a.wav"
    samples = np.zeros((2000, n_channels))
    samples[:, 1] = tone(440)[:2000]
    assert len(decode(write(path, samples))[0]) == 2000
    samples[:, 2] = -samples[:, 1]
    found = inspection.inspect(str(write(path, samples)))
    assert found["status"] == "silent"
    assert "its channels cancel" in found["reason"]
    samples[:, 1:3] = 0
    samples[:, 0] = 2e-5 * np.sign(tone(440)[:2000])
    soundfile.write(path, samples, 16_000, subtype="FLOAT")
    found = inspection.inspect(str(path))
    assert found["status"] == "silent"
    assert f"the mean of its {n_channels} channels" in found["reason"]


def test_many_channels_are_read_in_shorter_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "BLOCK", 1000)
    path = write(tmp_path / "a.wav", np.stack([tone(440)] * 32, axis=1))
    blocks = list(reading.AudioFile(path).blocks())
    assert max(map(len, blocks)) == 250
    assert sum(map(len, blocks)) == 16_000


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<html>no such page</html>", "a web page"),
        (b"\0\0\0\x20ftypM4A \0\0\2\0", "an MP4 or M4A file"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
        (b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X", "what macOS keeps"),
        (b"Creative Voice File\x1a", "starts with b'Creative'"),
        (b"this is no audio\n" * 20, "no sound file of a known kind"),
    ],
)
def test_a_file_of_another_kind_is_named(tmp_path, content, said):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    found = inspection.inspect(str(path))
    assert found["status"] == "unreadable"
    assert said in found["reason"]
    assert "are read" in found["reason"]


def test_what_is_no_file_is_named(tmp_path):
    (tmp_path / "folder.wav").mkdir()
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "link.wav").symlink_to("gone.wav")
    said = {
        name: inspection.inspect(str(tmp_path / name))
        for name in ("folder.wav", "pipe.wav", "link.wav", "a" * 300 + ".wav")
    }
    statuses = [found["status"] for found in said.values()]
    assert statuses == ["unreadable", "unreadable", "missing", "unreadable"]
    for found, words in zip(
        said.values(),
        ("is a folder", "is a pipe", "is a link to no file", "name too long"),
        strict=True,
    ):
        assert words in found["reason"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_without_permission_costs_its_own_clips_alone(tmp_path):
    (tmp_path / "closed").mkdir()
    path = write(tmp_path / "closed" / "a.wav", tone(440))
    path.chmod(0)
    try:
        assert "Permission denied" in inspection.inspect(str(path))["reason"]
        path.parent.chmod(0)
        found = inspection.inspect(str(path))
    finally:
        path.parent.chmod(0o700)
    assert found["status"] == "unreadable"
    assert "Permission denied" in found["reason"]


def test_whatever_one_file_raises_is_its_own_status(tmp_path, monkeypatch, caplog):
    def fail(*_):
        raise MemoryError("4.00 GiB")

    path = str(write(tmp_path / "a.wav", tone(440)))
    assert inspection.inspect(path)["status"] == "ok"
    monkeypatch.setattr(fingerprint, "of_clip", fail)
    found = inspection.inspect(path)
    assert found["status"] == "unreadable"
    assert found["reason"] == f"{path}: MemoryError: 4.00 GiB"
    assert "Traceback" in caplog.text


@pytest.mark.parametrize(
    "spelling",
    [
        "Sub/caf\u00e9.wav",
        "sub/CAF\u00c9.wav",
        "Sub/cafe\u0301.WAV",
        "Sub\\Caf\u00e9.WAV",
    ],
)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_file_of_another_spelling_is_pointed_at(
    tmp_path, monkeypatch, spelling, form
):
    name = unicodedata.normalize(form, "Caf\u00e9.WAV")
    (tmp_path / "Sub").mkdir()
    write(tmp_path / "Sub" / "b.wav", tone(440)).rename(tmp_path / "Sub" / name)
    monkeypatch.chdir(tmp_path)
    for asked in (spelling, str(tmp_path / spelling)):
        found = inspection.inspect(asked)
        assert found["status"] == "missing"
        expected = str(Path(asked.replace("\\", "/")).parents[1] / "Sub" / name)
        assert f"there is {expected!r}" in found["reason"]
    assert inspection.inspect("Sub/other.wav")["reason"].endswith("no such file")


def test_integers_are_not_taken_for_a_waveform():
    with pytest.raises(AudioError, match="32768"):
        prepare(np.zeros(16_000, np.int16), 16_000, 16_000)


def test_an_audio_error_travels_between_processes():
    import pickle

    error = pickle.loads(pickle.dumps(AudioError("silent", "no sound")))
    assert (error.status, str(error)) == ("silent", "no sound")
