"""Audio that is changed before it is embedded, in several strengths."""

import re
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from numpy.testing import assert_array_equal

from earshift import (
    conditions,
    export,
    load_model,
    open_embeddings,
    registry,
    store,
)
from earshift.audio import reading
from earshift.errors import AudioError, ConfigError, DataError
from earshift.runs import settings
from earshift.stages.clips import listing
from earshift.stages.embeddings import region_files, regions, strengths
from tests.helpers import stage2
from tests.helpers.config import SCHEMA, minimal
from tests.helpers.stores import read_files
from tests.helpers.tones import tone, write_table_dataset

ENTRY = {"plugin": "mfcc"}


def gain(*values):
    """What a store of gains is made of."""
    return conditions.stored_as({"plugin": "gain", "strengths": list(values)}, seed=0)


def own(
    tmp_path, body, *, strength="float", limits="(-9, 9)", identity=0, random=False
):
    """A user's own plugin; return its path."""
    file = tmp_path / "own.py"
    file.write_text(
        f"""
import numpy as np
from earshift.errors import AudioError
version, label, unit = 1, "own", ""
identity, limits, random = {identity!r}, {limits}, {random}
def apply(waveform, sample_rate_hz, strength: {strength}, rng, *, depth: float = 1.0):
    {body}
"""
    )
    return str(file)


def extract(folder, tmp_path, condition, n_jobs=2, **changes):
    """Stages 1 and 2 of a folder as it is now; return the plan and its markers."""
    table = stage2.list_clips(folder, tmp_path)
    return stage2.extract(
        table, tmp_path, n_jobs, entry=ENTRY, condition=condition, **changes
    )


def frames(plan, strength=None):
    """Frames of each clip."""
    found = open_embeddings(region_files.location_of(plan), strength=strength).load()
    ids = found.clip_id.values
    return {i: found.embedding.values[ids == i] for i in np.unique(ids)}


def n_embedded(caplog):
    """Clips, once for each strength, embedded since the log was cleared."""
    return sum(map(int, re.findall(r"d / m: (\d+)/\1 clips", caplog.text)))


# Names and strengths


def test_each_strength_is_a_condition_of_its_own_name():
    entries = {
        "clean": {"plugin": "clean"},
        "gain": {"plugin": "gain", "strengths": [-12, "-6", 0.5, 1e-3, -0.0]},
        "loud": {"plugin": "gain", "strengths": [20]},
    }
    found = conditions.conditions_of(entries)
    assert [tuple(c) for c in found.values()] == [
        ("clean", "clean", None),
        ("gain_-12", "gain", -12.0),
        ("gain_-6", "gain", -6.0),
        ("gain_0.5", "gain", 0.5),
        ("gain_0.001", "gain", 0.001),
        ("gain_0", "gain", 0.0),
        ("loud_20", "loud", 20.0),
    ]
    assert list(found) == [c.name for c in found.values()]


def test_two_conditions_of_one_name_are_refused():
    entries = {
        "gain": {"plugin": "gain", "strengths": [6]},
        "gain_6": {"plugin": "clean"},
    }
    with pytest.raises(ConfigError, match=r"'gain_6' and 'gain' both have .* 'gain_6'"):
        conditions.conditions_of(entries)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "must be a list of one or more, from -120 to 120 dB, got None"),
        (-6, "must be a list of one or more"),
        ([], "must be a list of one or more"),
        (["loud"], "must be a number, got 'loud'"),
        ([True], "must be a number, got True"),
        ([float("nan")], "must be a finite number"),
        ([121], "strengths of 'gain' are from -120 to 120 dB, got 121"),
        ([6, 6.0], "has 6 more than once"),
        ([6, "6"], "has 6 more than once"),
    ],
)
def test_strengths_that_cannot_be_are_refused(given, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        conditions.strengths_of({"plugin": "gain", "strengths": given})


def test_strengths_may_be_words(tmp_path):
    words = 'typing.Literal["none", "hall", "8"]'
    plugin = own(
        tmp_path, "return waveform", strength=words, limits=None, identity="none"
    )
    file = tmp_path / "own.py"
    file.write_text("import typing\n" + file.read_text())
    entry = {"plugin": plugin, "strengths": ["hall", "8"]}
    assert conditions.strengths_of(entry) == ["hall", "8"]
    assert list(conditions.conditions_of({"r": entry})) == ["r_hall", "r_8"]
    with pytest.raises(ConfigError, match=r"no strength 'hal' .*Did you mean 'hall'\?"):
        conditions.strengths_of(entry | {"strengths": ["hal"]})


def test_a_word_that_is_no_part_of_a_file_name_is_refused(tmp_path):
    plugin = own(
        tmp_path, "return waveform", strength="str", limits=None, identity="none"
    )
    with pytest.raises(ConfigError, match="'a/b' becomes part of the names of files"):
        conditions.strengths_of({"plugin": plugin, "strengths": ["a/b"]})


def test_a_store_is_told_by_options_and_seed_but_not_by_its_strengths(tmp_path):
    plugin = own(tmp_path, "return waveform", random=True)
    entry = {"plugin": plugin, "strengths": [1, 2]}
    assert conditions.stored_as(entry, 7) == {
        "plugin": plugin,
        "options": {"depth": 1.0},
        "seed": 7,
        "strengths": ["1", "2"],
    }
    assert conditions.stored_as({"plugin": "clean"}, 7) is None
    assert "seed" not in gain(6)
    model = load_model("mfcc")
    keys = [
        regions.facts_of("m", model, {}, "float32", (), condition)["key"]
        for condition in (
            None,
            gain(1),
            gain(1, 2),
            gain(1) | {"options": {"depth": 2.0}},
            gain(1) | {"seed": 1},
        )
    ]
    assert keys[1] == keys[2]
    assert len(set(keys)) == 4


# What plugins may do


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        ("return waveform[1:]", DataError, r"must return .* shape \(9,\)"),
        ("return waveform.astype('f8')", DataError, "returns .* float64"),
        ("return None", DataError, "returns None, no array"),
        ("waveform *= 2", DataError, "fails for clip 'a': ValueError: .* read-only"),
        ("raise AudioError('short', 'too short')", AudioError, "^too short$"),
        ("return waveform / np.float32(0)", AudioError, "NaN or infinite samples"),
    ],
)
def test_a_plugin_that_breaks_its_promise_is_told(tmp_path, body, error, message):
    plugin = own(tmp_path, body)
    condition = conditions.stored_as({"plugin": plugin, "strengths": [1]}, 0)
    waveform = np.ones(9, np.float32)
    with pytest.raises(error, match=message), np.errstate(divide="ignore"):
        conditions.Change(condition)(waveform, 8_000, "1", "a")
    assert_array_equal(waveform, 1)
    waveform[0] = 2  # the caller may still write


def test_the_strengths_of_a_clip_draw_the_same_numbers_and_clips_others(tmp_path):
    plugin = own(
        tmp_path,
        "return (strength * rng.random(len(waveform))).astype('f4')",
        random=True,
    )
    entry = {"plugin": plugin, "strengths": [1, 2]}

    def draws(strength, clip_id, seed=0):
        condition = conditions.stored_as(entry, seed)
        return conditions.Change(condition)(np.ones(9, "f4"), 8_000, strength, clip_id)

    assert_array_equal(draws("2", "a"), 2 * draws("1", "a"))
    assert_array_equal(draws("1", "a"), draws("1", "a"))
    assert not np.array_equal(draws("1", "a"), draws("1", "b"))
    assert not np.array_equal(draws("1", "a"), draws("1", "a", seed=1))


def test_limits_without_the_identity_are_refused(tmp_path):
    plugin = own(tmp_path, "return waveform", limits="(1, 9)")
    with pytest.raises(ConfigError, match="must hold its identity, 0"):
        conditions.strengths_of({"plugin": plugin, "strengths": [1]})


@pytest.mark.parametrize(
    ("line", "given"), [("", "None"), ("stronger = 'loud'", "'loud'")]
)
def test_a_word_beside_numbers_needs_to_say_which_change_more(tmp_path, line, given):
    words = "float | str"
    body = "return waveform"
    plugin = own(tmp_path, body, strength=words, limits="(0, 9)", identity="none")
    text = Path(plugin).read_text()
    Path(plugin).write_text(f"{text}\n{line}\n")
    with pytest.raises(ConfigError, match=f"has stronger = {given}: which strengths"):
        registry.load("conditions", plugin)
    Path(plugin).write_text(f"{text}\nstronger = 'lower'\n")
    assert registry.load("conditions", plugin).stronger == "lower"


@pytest.mark.parametrize(
    ("body", "facts", "message"),
    [
        # It would never be called, and all would be as without it.
        (
            "return waveform * np.float32(0.5)",
            {"identity": None, "limits": None},
            "identity = None, which must change nothing.* never be called: design",
        ),
        ("return waveform * np.float32(0.5)", {}, "identity = 0, which must change"),
        (
            "return waveform * np.float32(1 + strength * np.random.rand())",
            {},
            "changes the same clip in two ways",
        ),
        (
            "return waveform + np.float32(strength * rng.random())",
            {},
            "says random = False, and draws random",
        ),
        ("return waveform[:-1]", {}, "must return a waveform of shape"),
        ("return waveform.astype('f8')", {}, "float32, and returns .* float64"),
        ("raise KeyError('x')", {}, "fails for clip 'a': KeyError: 'x'"),
    ],
)
def test_a_users_own_file_is_tried_before_the_run(tmp_path, body, facts, message):
    strengths = {} if facts.get("identity", 0) is None else {"strengths": [1]}
    plugin = own(tmp_path, body, **facts)
    config = minimal(conditions={"it": {"plugin": plugin, **strengths}})
    with pytest.raises(ConfigError, match=f"'conditions: it': .*{message}"):
        settings.resolve(config, SCHEMA)


@pytest.mark.parametrize(
    ("body", "random"),
    [
        ("return waveform * np.float32(1 + depth * strength)", False),
        ("return waveform + np.float32(strength * rng.random())", True),
        ("raise AudioError('short', 'too short')", False),
    ],
)
def test_a_file_that_keeps_the_rules_is_not_refused(tmp_path, body, random):
    plugin = own(tmp_path, body, random=random)
    config = minimal(conditions={"it": {"plugin": plugin, "strengths": [1, 2]}})
    assert settings.resolve(config, SCHEMA)["conditions"]["it"]["strengths"] == [1, 2]


def test_a_condition_that_is_edited_while_the_job_runs_is_refused(dataset, tmp_path):
    """Its changed audio would be kept under the version of the audio before."""
    plugin = own(tmp_path, "return waveform * np.float32(1 + strength)")
    condition = conditions.stored_as({"plugin": plugin, "strengths": [1]}, 0)
    versions = stage2.VERSIONS | {
        "condition": registry.version_of("conditions", plugin)
    }
    table = stage2.list_clips(dataset, tmp_path)
    made = {"entry": ENTRY, "condition": condition, "versions": versions}
    plan = stage2.create(table, tmp_path, 1, **made)
    own(tmp_path, "return waveform * np.float32(2 + strength)")
    region = stage2.names(plan)[0]
    with pytest.raises(DataError, match=r"own.py' was edited while the job ran"):
        stage2.embed(plan, region, tmp_path / "done.json", ENTRY)


# Stores


@pytest.fixture
def dataset(table_dataset):
    """Files of many lengths and rates, mono and stereo."""
    for i, path in enumerate(sorted((table_dataset / "audio").glob("*.wav"))):
        rate = (8_000, 22_050, 44_100)[i % 3]
        sound = tone(100 + 30 * i, 0.3 + 0.37 * i, rate, seed=i)
        if i % 4 == 0:
            sound = np.stack([sound, 0.5 * sound], axis=1)
        soundfile.write(path, sound, rate)
    return table_dataset


def test_rows_hold_the_embedding_of_the_changed_waveform(dataset, tmp_path):
    folders = [tmp_path / name for name in ("clean", "gain")]
    for folder in folders:
        folder.mkdir()
    clean, _ = extract(dataset, folders[0], None)
    plan, _ = extract(dataset, folders[1], gain(-6, 0, 30))
    whole = frames(clean)
    assert len(whole) == 24
    model = load_model("mfcc")
    for strength in (-6, 0, 30):
        factor = np.float32(10 ** (strength / 20))
        found = frames(plan, strength)
        assert found.keys() == whole.keys()
        for row in listing.usable(folders[1] / "clips.parquet").itertuples():
            samples, rate = soundfile.read(row.path, dtype="float32", always_2d=True)
            mono = reading.mix_down(samples) * factor
            assert (np.abs(mono).max() > 1) == (strength == 30)  # and is not clipped
            expected = model.embed(mono, rate).values
            np.testing.assert_allclose(found[row.clip_id], expected, 1e-6, 1e-4)
    same = frames(plan, 0)
    assert all(same[clip].tobytes() == whole[clip].tobytes() for clip in whole)
    one, ids, _ = stage2.pool(clean, folders[0])
    for strength, is_same in (("0", True), ("-6", False)):
        other, names, _ = stage2.pool(plan, folders[1], strength=strength)
        assert names == ids
        assert (other.tobytes() == one.tobytes()) == is_same
    facts = store.attributes(folders[1] / "f.zarr")
    assert facts["condition"] == {"plugin": "gain", "options": {}}
    assert facts["strength"] == "-6"


def test_a_store_of_unchanged_audio_has_no_strengths(dataset, tmp_path):
    plan, _ = extract(dataset, tmp_path, None)
    location = region_files.location_of(plan)
    assert "strength" not in pd.read_parquet(tmp_path / "e.index.parquet")
    assert "strength" not in region_files.read_region(plan, "000000")
    assert not any("strength" in name for name in read_files(location))
    facts = store.attributes(location)
    assert "condition" not in facts
    assert "strength" not in open_embeddings(location).attrs


def test_the_index_has_clip_and_strength(dataset, tmp_path):
    plan, _ = extract(dataset, tmp_path, gain(-6, 6))
    index = pd.read_parquet(tmp_path / "e.index.parquet")
    assert list(index)[:5] == [
        *("clip_id", "strength", "region", "first_frame", "n_frames")
    ]
    assert index["strength"].tolist() == ["-6", "6"] * 24
    assert index["clip_id"].tolist() == sorted(index["clip_id"])
    assert index["first_frame"].is_unique
    location = region_files.location_of(plan)
    assert store.read_strengths(location) == index["strength"].tolist()
    assert store.read_index(location)[0] == index["clip_id"].tolist()


@pytest.fixture
def decodings(monkeypatch):
    """Paths of the files that were decoded since, by whichever thread."""
    found, lock, blocks = [], threading.Lock(), reading.AudioFile.blocks

    def counted(self):
        with lock:
            found.append(str(self._path))
        return blocks(self)

    monkeypatch.setattr(reading.AudioFile, "blocks", counted)
    return found


@pytest.mark.parametrize("n_jobs", [1, 5])
def test_a_clip_is_decoded_once_for_all_of_its_strengths(
    dataset, tmp_path, decodings, n_jobs
):
    table = stage2.list_clips(dataset, tmp_path)
    decodings.clear()
    plan, _ = stage2.extract(
        table, tmp_path, n_jobs, entry=ENTRY, condition=gain(-12, -6, 0, 6, 12)
    )
    assert len(stage2.names(plan)) == n_jobs
    assert sorted(decodings) == sorted(listing.usable(table)["path"])
    assert len(pd.read_parquet(tmp_path / "e.index.parquet")) == 5 * 24


def test_the_strengths_of_a_clip_go_to_one_job():
    rng = np.random.default_rng(0)
    ids = np.repeat(np.arange(300), 7).astype(str)
    windows = np.repeat(rng.integers(1, 100, 300), 7)
    rows = pd.DataFrame({"clip_id": ids, "n_windows": windows})
    spans = regions.deal(rows, 8)
    assert [a for a, _ in spans[1:]] == [b for _, b in spans[:-1]]
    assert spans[0][0] == 0
    assert spans[-1][1] == 2_100
    parts = [set(ids[a:b]) for a, b in spans]
    assert sum(map(len, parts)) == 300
    sums = [windows[a:b].sum() for a, b in spans]
    assert max(sums) - min(sums) <= 2 * 7 * 100
    assert regions.deal(rows.iloc[:0], 8) == []


def test_the_number_of_jobs_and_of_strengths_at_a_time_changes_no_frame(
    dataset, tmp_path
):
    found = []
    for name, n_jobs, values in (("a", 1, (-6, 6)), ("b", 5, (6, -6)), ("c", 2, (6,))):
        (tmp_path / name).mkdir()
        plan, _ = extract(dataset, tmp_path / name, gain(*values), n_jobs)
        found.append(frames(plan, 6))
    for other in found[1:]:
        assert all(other[i].tobytes() == found[0][i].tobytes() for i in found[0])


def test_an_added_strength_alone_is_embedded(dataset, tmp_path, caplog, decodings):
    caplog.set_level("INFO", "earshift")
    plan, _ = extract(dataset, tmp_path, gain(-6, 6))
    assert n_embedded(caplog) == 48
    location = region_files.location_of(plan)
    shards = {n: f for n, f in read_files(location).items() if "embedding/c/" in n}
    lists = {f: f.read_bytes() for f in (tmp_path / "e.regions").iterdir()}
    before = frames(plan, 6)
    caplog.clear()
    decodings.clear()
    plan, markers = extract(dataset, tmp_path, gain(-6, 0, 6))
    assert n_embedded(caplog) == 24
    assert "72 clips, 24 of them to embed" in caplog.text
    assert len(markers) == 4
    assert {f: f.read_bytes() for f in lists} == lists
    after = read_files(location)
    assert {name: after[name] for name in shards} == shards
    assert pd.read_parquet(tmp_path / "e.index.parquet")["strength"].tolist() == (
        ["-6", "0", "6"] * 24
    )
    assert all((frames(plan, 6)[i] == before[i]).all() for i in before)
    assert len(frames(plan, 0)) == 24
    # One that is taken out is no longer listed, and comes back as it was.
    caplog.clear()
    plan, _ = extract(dataset, tmp_path, gain(0, -6))
    with pytest.raises(DataError, match="has no strength 6"):
        frames(plan, 6)
    plan, _ = extract(dataset, tmp_path, gain(6, 0))
    assert n_embedded(caplog) == 0
    assert all((frames(plan, 6)[i] == before[i]).all() for i in before)


def test_a_changed_file_is_embedded_again_in_all_strengths(dataset, tmp_path, caplog):
    plan, _ = extract(dataset, tmp_path, gain(-6, 6))
    before = frames(plan, 6)
    soundfile.write(dataset / "audio/bass_2_1.wav", tone(500, 1.5), 16_000)
    caplog.set_level("INFO", "earshift")
    plan, _ = extract(dataset, tmp_path, gain(-6, 6))
    assert n_embedded(caplog) == 2
    after = frames(plan, 6)
    changed = {i for i in after if not np.array_equal(after[i], before[i])}
    assert changed == {"audio/bass_2_1.wav"}


def test_a_strength_that_fails_is_left_out_by_itself(dataset, tmp_path):
    body = (
        "if strength == 2 and len(waveform) > 100_000: "
        "raise AudioError('too_long', 'a clip is too long')\n"
        "    return waveform * np.float32(strength + 1)"
    )
    plugin = own(tmp_path, body)
    condition = conditions.stored_as({"plugin": plugin, "strengths": [1, 2]}, 0)
    table = stage2.list_clips(dataset, tmp_path)
    gone = listing.usable(table).iloc[0]
    (dataset / gone["clip_id"]).unlink()  # nobody can read it now
    plan, markers = stage2.extract(
        table, tmp_path, 1, ENTRY, max_bad_clips=48, condition=condition
    )
    listed = listing.usable(table).set_index("clip_id")
    long = sorted(listed.index[listed["n_samples"].gt(100_000)])
    assert len(long) > 2
    skipped = region_files.skipped_in(plan, markers[0].stem)
    assert sorted(skipped) == sorted(
        [f"{gone['clip_id']}@{s}" for s in (1, 2)] + [f"{i}@2" for i in long]
    )
    assert {skipped[f"{i}@2"] for i in long} == {"too_long: a clip is too long"}
    for strength, left_out in (("1", []), ("2", long)):
        _, ids, reasons = stage2.pool(plan, tmp_path, strength=strength)
        assert sorted(reasons.index) == sorted([gone["clip_id"], *left_out])
        assert len(ids) == 24 - len(reasons)
    index = pd.read_parquet(tmp_path / "e.index.parquet")
    assert index["status"].eq("skipped").sum() == 2 + len(long)


def test_an_audit_embeds_clips_of_some_strengths_again(dataset, tmp_path):
    condition = gain(-6, 6)
    plan, _ = extract(dataset, tmp_path, condition)
    table = pd.read_csv(stage2.audit(plan, ENTRY, 48, condition=condition))
    samples = table[table["check"] == "sample"]
    names = set(strengths.names_of(pd.read_parquet(tmp_path / "e.index.parquet")))
    assert set(samples["item"]) == names
    assert samples["verdict"].eq("ok").all()
    assert samples["value"].max() < 1e-6
    # Rows that hold another strength are found.
    index = pd.read_parquet(tmp_path / "e.index.parquet")
    row, other = index.iloc[0], index.iloc[1]
    location = region_files.location_of(plan)
    swapped = store.read_embeddings(
        location, other["first_frame"], other["first_frame"] + other["n_frames"]
    )
    size = store.shard_of(location)
    shard = np.full((size, swapped.shape[1]), np.nan, np.float32)
    shard[:] = store.read_embeddings(location, 0, size)
    shard[row["first_frame"] : row["first_frame"] + row["n_frames"]] = swapped
    store.write_region(location, shard, (0, size))
    table = pd.read_csv(stage2.audit(plan, ENTRY, 48, condition=condition))
    assert table.loc[table["verdict"].eq("wrong"), "item"].tolist() == [
        strengths.names_of(index).iloc[0]
    ]


def test_a_reader_is_asked_which_strength(dataset, tmp_path):
    plan, _ = extract(dataset, tmp_path, gain(-6, 0.5))
    path = region_files.location_of(plan)
    with pytest.raises(DataError, match=r"several strengths .*\(-6, 0.5\): say which"):
        open_embeddings(path)
    with pytest.raises(DataError, match=r"no strength -7 \(known: -6, 0.5\)"):
        open_embeddings(path, strength=-7)
    found = open_embeddings(path, strength=0.5, clip_id="audio/bass_0_0.wav")
    assert set(found.clip_id.values) == {"audio/bass_0_0.wav"}
    assert found.attrs["strength"] == "0.5"
    words = open_embeddings(path, strength="0.5", clip_id="audio/bass_0_0.wav")
    assert_array_equal(found.embedding, words.embedding)
    out = tmp_path / "a.parquet"
    assert export.main([str(path), str(out)]) == 1
    assert not out.exists()
    assert export.main([str(path), str(out), "--strength", "-6"]) == 0
    exported = pd.read_parquet(out)
    expected = open_embeddings(path, strength=-6)
    assert_array_equal(np.stack(exported["embedding"]), expected.embedding.values)
    assert_array_equal(exported["clip_id"], expected.clip_id.values)


def test_a_store_of_one_strength_is_read_without_saying_which(dataset, tmp_path):
    plan, _ = extract(dataset, tmp_path, gain(6))
    assert open_embeddings(region_files.location_of(plan)).attrs["strength"] == "6"
    clean = tmp_path / "clean"
    clean.mkdir()
    plan, _ = extract(dataset, clean, None)
    with pytest.raises(DataError, match="its audio was not changed"):
        open_embeddings(region_files.location_of(plan), strength=6)


def test_strengths_that_the_audio_cannot_have_are_to_be_taken_out(tmp_path):
    folder = write_table_dataset(tmp_path / "data", n_recordings=1, rate=8_000)
    entry = {"plugin": "low_pass", "strengths": [1000, 5000]}
    condition = conditions.stored_as(entry, seed=0)
    with pytest.raises(DataError, match=r"low_rate: a low-pass filter at 5000 Hz") as e:
        extract(folder, tmp_path, condition, n_jobs=1)
    assert "4 of 8 clips" in str(e.value)
    assert str(e.value).endswith("Take out strengths that the audio cannot have.")
