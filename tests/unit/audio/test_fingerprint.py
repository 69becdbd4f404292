"""Copies are found again; other sounds, however alike, are not taken for copies."""

import numpy as np
import pytest
import soundfile
import soxr

from earshift.audio import fingerprint
from tests.helpers.melodies import RATE, melody, note
from tests.helpers.tones import tone


def recoded(path, samples, rate=RATE, **settings):
    soundfile.write(path, samples, rate, **settings)
    return soundfile.read(path, dtype="float32")[0]


def kept(samples, rate=RATE):
    samples = np.ascontiguousarray(samples, np.float32)
    return fingerprint.of_clip(samples[: int(30 * rate)], rate)


def alike(one, other):
    """Similarity of two clips, if the index would compare them at all."""
    pairs = fingerprint.candidates([one[0], other[0]])
    return fingerprint.similarity(one[1], other[1]) if len(pairs) else 0.0


def mp3(path, samples, level, rate=RATE):
    settings = {"bitrate_mode": "CONSTANT", "compression_level": level}
    return recoded(path / "a.mp3", samples, rate, **settings)


def ogg(path, samples, level, rate=RATE):
    settings = {"subtype": "VORBIS", "compression_level": level}
    return recoded(path / "a.ogg", samples, rate, **settings)


#: Each takes a folder and samples at 44.1 kHz, and returns samples and their rate.
COPIES = {
    "mp3, 57 kbit/s": lambda folder, s: (mp3(folder, s, 0.9), RATE),
    "ogg, lowest quality": lambda folder, s: (ogg(folder, s, 0.99), RATE),
    "flac": lambda folder, s: (recoded(folder / "a.flac", s), RATE),
    "gain": lambda _, s: (-0.1 * s, RATE),
    "22 kHz": lambda _, s: (soxr.resample(s, RATE, 22_050), 22_050),
    "16 kHz": lambda _, s: (soxr.resample(s, RATE, 16_000), 16_000),
    "cut by 0.3 s": lambda _, s: (s[13_230:], RATE),
    "silence before": lambda _, s: (np.r_[np.zeros(5001, np.float32), s], RATE),
    "end cut off": lambda _, s: (s[: len(s) * 3 // 4], RATE),
    "all at once": lambda folder, s: (
        mp3(folder, 0.3 * soxr.resample(s, RATE, 32_000)[5555:], 0.7, 32_000),
        32_000,
    ),
}


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_is_found(copy, tmp_path):
    for seed in range(5):
        samples = melody(seed)
        found = alike(kept(samples), kept(*COPIES[copy](tmp_path, samples)))
        assert found >= fingerprint.SIMILAR, seed


@pytest.mark.parametrize("hertz", [80, 120, 900, 2000])
def test_a_copy_of_a_tone_of_few_partials_is_found(hertz, tmp_path):
    samples = tone(hertz, 1.5, 16_000).astype(np.float32)
    copy = mp3(tmp_path, 0.5 * samples[200:], 0.5, 16_000)
    assert alike(kept(samples, 16_000), kept(copy, 16_000)) >= fingerprint.SIMILAR


def test_other_melodies_notes_and_takes_are_not_copies():
    t = np.arange(3 * RATE) / RATE
    takes = [
        kept(0.2 * note(np.random.default_rng(seed), t, hertz))
        for hertz in (110, 220, 233.1, 440, 880)
        for seed in range(4)
    ]
    clips = takes + [kept(melody(seed)) for seed in range(10)]
    for a, b in fingerprint.candidates([sketch for sketch, _ in clips]):
        assert fingerprint.similarity(clips[a][1], clips[b][1]) < 0.95


@pytest.mark.parametrize(
    ("level", "sketched"), [(1e-4, False), (0.05, True)], ids=["floor", "loud"]
)
def test_noise_is_no_copy_of_other_noise(level, sketched):
    clips = [
        kept(level * np.random.default_rng(seed).standard_normal(3 * RATE))
        for seed in range(10)
    ]
    assert [len(sketch) > 0 for sketch, _ in clips] == [sketched] * 10
    for a in range(10):
        for b in range(a):
            assert fingerprint.similarity(clips[a][1], clips[b][1]) < 0.5


def test_silence_and_hum_are_compared_by_their_hash_alone():
    t = np.arange(3 * RATE) / RATE
    for samples in (np.zeros(3 * RATE), np.full(1, 0.5), 0.003 * np.sin(314.159 * t)):
        sketch, excerpt = kept(samples)
        assert len(sketch) == len(excerpt) == 0
    assert fingerprint.similarity(np.empty(0, np.int8), np.empty(0, np.int8)) == 0


@pytest.mark.parametrize("seconds", [0.26, 0.4, 1])
def test_a_short_clip_is_its_own_copy(seconds):
    found = kept(melody(0)[: int(seconds * RATE)])
    assert 0.999 < alike(found, found) <= 1


@pytest.mark.parametrize("n_samples", [1, 50, 2000, RATE // 5])
def test_a_very_short_clip_is_compared_by_its_hash_alone(n_samples):
    sketch, excerpt = kept(melody(0)[:n_samples])
    assert len(sketch) == len(excerpt) == 0


def test_what_is_kept_is_bounded():
    forty_seconds = np.concatenate([melody(seed) for seed in range(8)])
    sketch, excerpt = kept(forty_seconds)
    assert len(sketch) == fingerprint.N_LANDMARKS
    assert excerpt.nbytes == fingerprint.EXCERPT
    assert (np.diff(sketch.astype(np.int64)) > 0).all()


def some_sketches(n, common, seed=0):
    rng = np.random.default_rng(seed)
    own = rng.integers(0, 2**32, (n, 20), dtype=np.uint32)
    return [np.unique(np.r_[row, common]).astype(np.uint32) for row in own]


def test_candidates_are_the_pairs_with_a_landmark_in_common():
    sketches = some_sketches(30, [])
    sketches[7] = np.unique(np.r_[sketches[7], sketches[3][:1]])
    sketches[29] = np.unique(np.r_[sketches[29], sketches[0][:5]])
    assert fingerprint.candidates(sketches).tolist() == [[0, 29], [3, 7]]
    assert fingerprint.candidates([]).tolist() == []


def test_a_landmark_of_very_many_clips_makes_no_candidates():
    few = some_sketches(fingerprint.MAX_BUCKET, [17])
    assert len(fingerprint.candidates(few)) > 0
    assert (
        len(fingerprint.candidates(some_sketches(fingerprint.MAX_BUCKET + 1, [17])))
        == 0
    )


def test_each_clip_keeps_its_best_candidates_only():
    sketches = some_sketches(50, [17])
    sketches[40] = np.unique(np.r_[sketches[40], sketches[1][:3]])
    pairs = fingerprint.candidates(sketches)
    assert [1, 40] in pairs.tolist()
    assert len(pairs) <= 2 * 50 * fingerprint.MAX_CANDIDATES < 50 * 49
