import ast
import json
import re
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import soundfile
from threadpoolctl import threadpool_limits

from earshift import registry
from earshift.errors import ConfigError
from earshift.miniature import layouts, plan, synthesise
from earshift.miniature.arrangement import GENRES, Song, compose
from earshift.miniature.backing import accompany
from earshift.miniature.instruments import CLASSES, INSTRUMENTS, play
from earshift.miniature.openmic_tables import NEVER_PRESENT, OPENMIC_CLASSES
from earshift.miniature.performance import perform
from earshift.miniature.players import Player
from earshift.miniature.recording import CHAINS, NEUTRAL, PEAK, Setup, record
from earshift.miniature.sound import (
    RATE_HZ,
    Note,
    crossfade,
    damped_partials,
    rms,
    wavetable,
)

IRMAS_NAME = re.compile(
    r"(\d{3}__)?\[([a-z]{3})\](\[dru\]|\[nod\])?\[([a-z_]{3,7})\]\d{4}__[123]\.wav"
)

PLAIN = Player(
    brightness=0.0,
    body=0.0,
    vibrato=0.0,
    noise=0.0,
    attack=0.0,
    register=0.0,
    stop=0.9,
    tuning_cents=0.0,
)


@pytest.fixture(scope="module")
def irmas(tmp_path_factory):
    folder = tmp_path_factory.mktemp("irmas")
    synthesise("irmas", folder, seed=0, scale=0.25)
    return folder


@pytest.fixture(scope="module")
def openmic(tmp_path_factory):
    folder = tmp_path_factory.mktemp("openmic")
    synthesise("openmic", folder, seed=0, scale=0.1)
    return folder


@pytest.fixture(scope="module")
def labels(openmic):
    with np.load(openmic / "openmic-2018.npz", allow_pickle=True) as archive:
        return {name: archive[name] for name in archive.files}


def spectrum(samples):
    return np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2


def centroid_hz(samples):
    power = spectrum(samples)
    return np.sum(np.linspace(0, RATE_HZ / 2, len(power)) * power) / np.sum(power)


def high_share_db(samples):
    power = spectrum(samples)
    cut = round(4_000 / (RATE_HZ / 2) * len(power))
    return 10 * np.log10(power[cut:].sum() / power.sum())


def note_of(code, pitch, level=0.7, seconds=1.0, player=PLAIN):
    score = [Note(0.0, seconds, pitch, level)]
    n_samples = round(seconds * RATE_HZ)
    return play(code, score, player, n_samples, np.random.default_rng(0))


def harmonic_powers(samples, f0_hz, n_harmonics=8):
    power = spectrum(samples)
    width = 0.25 * f0_hz / (RATE_HZ / 2) * len(power)
    centres = np.arange(1, n_harmonics + 1) * 4 * width
    return np.array([power[int(c - width) : int(c + width)].sum() for c in centres])


# Layouts


def test_irmas_clips_are_three_seconds_of_16_bit_stereo(irmas):
    paths = sorted(irmas.glob("IRMAS-TrainingData/*/*.wav"))
    assert len(paths) == 80
    for path in paths:
        info = soundfile.info(path)
        assert (info.frames, info.samplerate) == (3 * 44_100, 44_100)
        assert (info.channels, info.subtype) == (2, "PCM_16")


def test_irmas_names_say_what_folder_and_genre_say(irmas):
    paths = sorted(irmas.glob("IRMAS-TrainingData/*/*.wav"))
    assert {path.parent.name for path in paths} <= set(INSTRUMENTS)
    codes = {genre.irmas_code for genre in GENRES.values()}
    for path in paths:
        match = IRMAS_NAME.fullmatch(path.name)
        assert match, path.name
        assert match[2] == path.parent.name
        assert match[4] in codes


def test_an_irmas_recording_has_one_name_and_two_clips(irmas):
    names = [path.stem for path in irmas.glob("IRMAS-TrainingData/*/*.wav")]
    recordings = {name.rpartition("__")[0] for name in names}
    assert len({name[-4:] for name in recordings}) == len(recordings) == 40
    assert sorted(names) == sorted(f"{r}__{n}" for r in recordings for n in (1, 2))


def test_every_openmic_key_has_a_ten_second_clip_in_its_folder(openmic, labels):
    keys = set(labels["sample_key"])
    paths = list(openmic.glob("audio/*/*.ogg"))
    assert {path.stem for path in paths} == keys
    assert len(keys) == 16
    for path in paths:
        assert re.fullmatch(r"\d{6}_\d+", path.stem)
        assert path.parent.name == path.stem[:3]
        info = soundfile.info(path)
        assert (info.frames, info.samplerate, info.subtype) == (
            10 * 44_100,
            44_100,
            "VORBIS",
        )


def test_openmic_labels_are_partial_and_agree_with_their_table(openmic, labels):
    truth, mask, keys = labels["Y_true"], labels["Y_mask"], labels["sample_key"]
    assert truth.shape == mask.shape == (16, 20)
    assert (truth.dtype, mask.dtype, keys.dtype) == (np.float64, np.bool_, np.object_)
    assert list(keys) != sorted(keys)
    assert np.all(truth[~mask] == 0.5)
    assert np.all((truth[mask] >= 0.6) | (truth[mask] <= 0.4))
    table = pd.read_csv(openmic / "openmic-2018-aggregated-labels.csv")
    assert len(table) == mask.sum() < 0.5 * mask.size
    known = pd.DataFrame(truth, keys, OPENMIC_CLASSES)
    for row in table.itertuples():
        assert known.loc[row.sample_key, row.instrument] == pytest.approx(
            row.relevance, abs=1e-5
        )


def test_only_the_ten_classes_are_ever_present(labels):
    present = labels["Y_mask"] & (labels["Y_true"] > 0.5)
    heard = {OPENMIC_CLASSES[column] for column in np.flatnonzero(present.any(axis=0))}
    assert heard <= set(CLASSES)
    asked = {
        OPENMIC_CLASSES[column]
        for column in np.flatnonzero(labels["Y_mask"].any(axis=0))
    }
    assert asked <= set(CLASSES) | set(NEVER_PRESENT)
    assert set(present.sum(axis=1)) == {1, 2}


def test_class_map_lists_the_columns(openmic):
    columns = json.loads((openmic / "class-map.json").read_text())
    assert columns == {name: i for i, name in enumerate(sorted(OPENMIC_CLASSES))}


def test_metadata_has_one_row_per_clip_with_a_genre_we_know(openmic, labels):
    table = pd.read_csv(
        openmic / "openmic-2018-metadata.csv", dtype={"sample_key": str}
    )
    assert list(table["sample_key"]) == sorted(labels["sample_key"])
    titles = {title for genre in GENRES.values() for title in genre.fma_titles}
    for row in table.itertuples():
        genres = ast.literal_eval(row.track_genres)
        assert genres[0]["genre_title"] in titles
        assert genres[0].keys() == {"genre_id", "genre_title", "genre_url"}
        assert int(row.sample_key[:6]) == row.track_id
        assert int(row.sample_key[7:]) == round(1_000 * row.start_time)


def test_partitions_cover_all_keys_and_share_no_artist(openmic, labels):
    train, test = (
        (openmic / "partitions" / f"split01_{part}.csv").read_text().split()
        for part in ("train", "test")
    )
    assert sorted(train + test) == sorted(labels["sample_key"])
    assert 0.1 < len(test) / len(train + test) < 0.4
    table = pd.read_csv(openmic / "openmic-2018-metadata.csv")
    artist = dict(zip(table["sample_key"], table["artist_id"], strict=True))
    assert not {artist[k] for k in train} & {artist[k] for k in test}


# Plans, at full size


def test_irmas_genres_have_exactly_their_shares_in_every_class():
    recordings = plan.irmas_recordings()
    assert sum(recording.n_clips for recording in recordings) == 320
    for name in CLASSES:
        own = [r.genre for r in recordings if r.classes == (name,)]
        assert {g: own.count(g) for g in GENRES} == {
            "classical": 6,
            "jazz_blue": 6,
            "pop_rock": 2,
            "country_folk": 2,
        }


@pytest.mark.parametrize("seed", range(5))
def test_openmic_has_its_genres_and_enough_clips_of_every_class(seed):
    tracks = plan.openmic_tracks(np.random.default_rng(seed))
    clips = [
        track.recording for track in tracks for _ in range(track.recording.n_clips)
    ]
    assert len(clips) == 160
    genres = [clip.genre for clip in clips]
    for genre, share in plan.GENRE_SHARES["openmic"].items():
        assert genres.count(genre) == pytest.approx(160 * share, abs=1.5)
    for name in CLASSES:
        own = [clip.genre for clip in clips if name in clip.classes]
        assert len(own) >= 26
        assert set(own) == set(GENRES)


def test_every_class_is_often_enough_known_to_be_absent_in_both_partitions(tmp_path):
    rng = np.random.default_rng(0)
    tracks = layouts.openmic_tables.draw_tracks(plan.openmic_tracks(rng), rng)
    layouts.openmic_tables.write(tmp_path, tracks, rng)
    with np.load(tmp_path / "openmic-2018.npz", allow_pickle=True) as archive:
        truth, mask = archive["Y_true"], archive["Y_mask"]
        keys = archive["sample_key"]
    test = (tmp_path / "partitions" / "split01_test.csv").read_text().split()
    in_test = np.isin(keys.astype(str), test)
    assert in_test.mean() == pytest.approx(0.25, abs=0.04)
    for name in CLASSES:
        column = OPENMIC_CLASSES.index(name)
        present = mask[:, column] & (truth[:, column] > 0.5)
        absent = mask[:, column] & (truth[:, column] < 0.5)
        assert absent.sum() >= 26
        assert min(present[in_test].sum(), absent[in_test].sum()) >= 4


def test_irmas_has_a_split_with_all_classes_and_genres_on_both_sides(irmas):
    rows = list(zip(plan.irmas_recordings(), plan.irmas_sides(), strict=True))
    for side, n in (("train", 12), ("test", 4)):
        own = [recording for recording, found in rows if found == side]
        counts = Counter(recording.classes[0] for recording in own)
        assert counts == dict.fromkeys(CLASSES, n)
        genres = Counter(recording.genre for recording in own)
        assert min(genres.values()) >= 5
        assert len(genres) == 4
        codes = {recording.codes[0] for recording in own}
        assert {"gac", "gel"} <= codes
    listed = {
        side: (irmas / f"irmas_{side}.csv").read_text().split()
        for side in ("train", "test")
    }
    files = {path.stem for path in irmas.glob("IRMAS-TrainingData/*/*.wav")}
    assert {*listed["train"], *listed["test"]} == files
    assert len(listed["test"]) == len(files) / 4
    found = registry.load("datasets", "irmas").list_clips(irmas).clips
    own = found.loc[found["split"] == "test", "clip_id"]
    assert set(own) == set(listed["test"])
    assert found.groupby("recording")["split"].nunique().max() == 1


def test_largest_remainders_share_out_everything():
    assert plan.apportion(10, {"a": 0.5, "b": 0.25, "c": 0.25}) == {
        "a": 5,
        "b": 3,
        "c": 2,
    }


# Randomness


def test_the_same_seed_gives_the_same_bytes(openmic, tmp_path):
    synthesise("openmic", tmp_path, seed=0, scale=0.1)
    names = sorted(p.relative_to(openmic) for p in openmic.rglob("*") if p.is_file())
    again = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file())
    assert names == again
    for name in names:
        assert (openmic / name).read_bytes() == (tmp_path / name).read_bytes(), name


def test_a_recording_does_not_depend_on_those_before_it(irmas, tmp_path):
    number = 12
    recording = plan.irmas_recordings(0.25)[number - 1]
    seed = np.random.SeedSequence((0, 1)).spawn(number)[-1]
    with threadpool_limits(limits=1):
        made = list(
            perform(recording, CHAINS["irmas"], duration_s=3.0, n_channels=2, seed=seed)
        )
    for clip, samples in enumerate(made, 1):
        name = f"{layouts.irmas_name(recording, number)}__{clip}.wav"
        soundfile.write(tmp_path / name, samples, RATE_HZ, subtype="PCM_16")
        there = irmas / "IRMAS-TrainingData" / recording.codes[0] / name
        assert there.read_bytes() == (tmp_path / name).read_bytes()


def test_another_seed_gives_other_sound_and_keys(openmic, tmp_path):
    synthesise("openmic", tmp_path, seed=1, scale=0.05)
    keys = {path.stem for path in tmp_path.glob("audio/*/*.ogg")}
    assert not keys & {path.stem for path in openmic.glob("audio/*/*.ogg")}
    recording = plan.irmas_recordings(0.1)[0]
    first, second = (
        next(
            perform(
                recording,
                CHAINS["irmas"],
                duration_s=1.0,
                n_channels=2,
                seed=np.random.SeedSequence(seed),
            )
        )
        for seed in (0, 1)
    )
    assert abs(np.corrcoef(first[:, 0], second[:, 0])[0, 1]) < 0.5


def test_an_ogg_checksum_is_that_of_the_library():
    page = b"OggS\0\2" + bytes(8) + b"\1\0\0\0" + bytes(4) + bytes(4) + b"\1\3abc"
    # The definition of RFC 3533, bit by bit.
    checksum = 0
    for byte in page:
        checksum ^= byte << 24
        for _ in range(8):
            checksum = (checksum << 1) ^ (0x104C11DB7 if checksum >> 31 else 0)
    assert layouts.ogg_checksum(page) == checksum


# Sounds


@pytest.mark.parametrize("code", INSTRUMENTS)
@pytest.mark.parametrize("seed", range(3))
def test_an_instrument_sounds_at_its_pitch_without_clicks_or_offset(code, seed):
    player = Player.draw(np.random.default_rng(seed))
    sound = note_of(code, 64.0, player=player)
    assert rms(sound) == pytest.approx(1.0)
    assert abs(sound.mean()) < 0.02
    f0_hz = 440 * 2 ** ((64 - 69 + player.tuning_cents / 100) / 12)
    if code == "org":  # counts from an octave below
        f0_hz /= 2
    powers = harmonic_powers(sound, f0_hz, 40)
    assert powers.sum() > 0.6 * spectrum(sound).sum()
    assert np.abs(np.diff(sound, prepend=0.0))[:20].max() < 0.5


def test_odd_harmonics_dominate_the_clarinet_and_not_the_saxophone():
    f0_hz = 440 * 2 ** ((52 - 69) / 12)
    clarinet = harmonic_powers(note_of("cla", 52.0), f0_hz, 6)
    saxophone = harmonic_powers(note_of("sax", 52.0), f0_hz, 6)
    assert clarinet[0::2].sum() > 100 * clarinet[1::2].sum()
    assert saxophone[0::2].sum() < 10 * saxophone[1::2].sum()


def test_a_flute_is_darker_than_a_loud_trumpet():
    assert centroid_hz(note_of("flu", 72.0, 1.0)) < 0.8 * centroid_hz(
        note_of("tru", 72.0, 1.0)
    )


def test_a_trumpet_brightens_with_its_level():
    soft, loud = (centroid_hz(note_of("tru", 65.0, level)) for level in (0.1, 1.0))
    assert loud > 1.3 * soft


def test_plucked_and_struck_notes_die_away_and_held_ones_do_not():
    def late_db(code):
        sound = note_of(code, 60.0, seconds=1.5)
        quarter = len(sound) // 4
        return 20 * np.log10(
            rms(sound[2 * quarter : 3 * quarter]) / rms(sound[:quarter])
        )

    assert all(late_db(code) < -4 for code in ("gac", "pia"))
    assert all(late_db(code) > -3 for code in ("cla", "flu", "org", "tru", "vio"))


def test_piano_partials_are_stretched():
    f0_hz = 440 * 2 ** ((45 - 69) / 12)
    power = spectrum(note_of("pia", 45.0, 1.0))
    per_hz = len(power) / (RATE_HZ / 2)
    low, high = round(9.6 * f0_hz * per_hz), round(10.6 * f0_hz * per_hz)
    tenth_hz = (low + np.argmax(power[low:high])) / per_hz
    assert 1.002 < tenth_hz / (10 * f0_hz) < 1.03


def test_damped_partials_are_the_sum_they_claim():
    time_s = np.arange(5_000) / RATE_HZ
    frequencies, decays = np.array([300.0, 1_234.5]), np.array([0.1, 0.02])
    got = damped_partials(frequencies, np.array([1.0, 0.5]), decays, 5_000)
    want = np.exp(-time_s / 0.1) * np.sin(2 * np.pi * 300.0 * time_s)
    want += 0.5 * np.exp(-time_s / 0.02) * np.sin(2 * np.pi * 1_234.5 * time_s)
    np.testing.assert_allclose(got, want, atol=1e-10)


def test_a_wavetable_is_read_as_the_sines_it_was_made_of():
    phase = np.linspace(0.0, 7.0, 3_001)
    sine, third = wavetable(np.array([1.0])), wavetable(np.array([0.0, 0.0, 1.0]))
    got = crossfade(sine, third, phase, np.full(len(phase), 0.25))
    want = 0.75 * np.sin(2 * np.pi * phase) + 0.25 * np.sin(6 * np.pi * phase)
    np.testing.assert_allclose(got, np.sqrt(2) * want, atol=1e-4)  # interpolation


@pytest.mark.parametrize("code", INSTRUMENTS)
def test_parts_stay_in_range_and_single_lines_stay_single(code):
    rng = np.random.default_rng(0)
    for genre in GENRES.values():
        song, player = Song.draw(genre, rng), Player.draw(rng)
        score = compose(song, code, player, 10.0, rng)
        instrument = INSTRUMENTS[code]
        assert all(instrument.low <= n.pitch <= instrument.high for n in score)
        assert all(0 <= note.level <= 1 for note in score)
        if not instrument.plays_chords:
            ends = [note.start_s + note.duration_s for note in score]
            starts = [note.start_s for note in score[1:]]
            assert all(b >= a - 0.15 for a, b in zip(ends[:-1], starts, strict=True))


def test_each_genre_is_accompanied_in_its_own_way():
    def onsets(name):
        song = Song(GENRES[name], 100.0, 0)
        backing = accompany(song, 4 * RATE_HZ, np.random.default_rng(0))
        blocks = backing[: len(backing) // 441 * 441].reshape(-1, 441)
        levels = np.log10(np.sqrt(np.mean(blocks**2, axis=1)) + 1e-3)
        return np.std(levels), centroid_hz(backing)

    spread, centre = zip(*(onsets(name) for name in GENRES), strict=True)
    by_name = dict(zip(GENRES, zip(spread, centre, strict=True), strict=True))
    assert by_name["classical"][0] == min(spread)
    assert by_name["classical"][1] < 500 < by_name["country_folk"][1]
    assert len({round(np.log2(value) * 2) for value in centre}) >= 3


# The planted shift


def recorded(chain, n_channels=1, seed=0):
    rng = np.random.default_rng(seed)
    song, player = Song.draw(GENRES["pop_rock"], rng), Player.draw(rng)
    music = play("vio", compose(song, "vio", player, 2.0, rng), player, 88_200, rng)
    return record(music, Setup.draw(chain, n_channels, rng), rng)


def test_a_recording_stays_below_full_scale_and_starts_and_ends_at_zero():
    for chain in CHAINS.values():
        clip = recorded(chain, n_channels=2)
        assert clip.shape == (88_200, 2)
        assert np.abs(clip).max() <= PEAK
        assert np.abs(clip[[0, -1]]).max() < 1e-3


def test_the_same_music_is_darker_and_softer_on_the_openmic_chain():
    close, far = (recorded(CHAINS[name])[:, 0] for name in ("irmas", "openmic"))
    assert high_share_db(far) < high_share_db(close) - 6
    assert rms(far) < 0.6 * rms(close)


def test_openmic_levels_vary_more_from_session_to_session():
    def spread_db(chain):
        levels = [20 * np.log10(rms(recorded(chain, seed=seed))) for seed in range(8)]
        return np.std(levels)

    assert spread_db(CHAINS["openmic"]) > 2 * spread_db(CHAINS["irmas"])


def corpus_levels(paths):
    heard = [soundfile.read(path, always_2d=True)[0].mean(axis=1) for path in paths]
    high = [high_share_db(clip) for clip in heard]
    level = [20 * np.log10(rms(clip)) for clip in heard]
    return np.median(high), np.median(level)


def test_the_shift_is_in_the_files_and_goes_where_it_is_switched_off(
    irmas, openmic, tmp_path
):
    close = corpus_levels(irmas.glob("IRMAS-TrainingData/*/*.wav"))
    far = corpus_levels(openmic.glob("audio/*/*.ogg"))
    synthesise("openmic", tmp_path, seed=0, scale=0.05, shift=False)
    same = corpus_levels(tmp_path.glob("audio/*/*.ogg"))
    assert far[0] < close[0] - 6
    assert far[1] < close[1] - 6
    assert same[0] > close[0] - 3
    assert same[1] == pytest.approx(close[1], abs=2)


def test_without_shift_both_corpora_have_one_chain():
    assert CHAINS["irmas"] == NEUTRAL != CHAINS["openmic"]


# The entry point


def test_an_unknown_corpus_is_refused_with_the_nearest_name(tmp_path):
    with pytest.raises(ConfigError, match=r"'openmik'.*Did you mean 'openmic'"):
        synthesise("openmik", tmp_path, seed=0)


def test_an_empty_corpus_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"above 0; got 0"):
        synthesise("irmas", tmp_path, seed=0, scale=0)
