import numpy as np
import pytest
import soundfile

from earshift import audio
from earshift.errors import AudioError
from earshift.resampling import n_resampled
from tests.conftest import tone


def decode(path):
    """Return all samples of a file, shape (n_samples, n_channels), and its rate."""
    file = audio.AudioFile(path)
    return np.concatenate(list(file.blocks())), file.sample_rate_hz


def prepare(waveform, source, target, resampler="soxr_hq"):
    return audio.prepare(waveform, source, target, resampler)


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


def test_integers_are_not_taken_for_a_waveform():
    with pytest.raises(AudioError, match="32768"):
        prepare(np.zeros(16_000, np.int16), 16_000, 16_000)


def test_an_audio_error_travels_between_processes():
    import pickle

    error = pickle.loads(pickle.dumps(AudioError("silent", "no sound")))
    assert (error.status, str(error)) == ("silent", "no sound")
