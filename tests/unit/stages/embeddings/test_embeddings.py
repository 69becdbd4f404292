import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.testing import assert_allclose, assert_array_equal

from earshift import load_model, open_embeddings, store
from earshift.audio import reading
from earshift.errors import DataError, WeightsError
from earshift.stages.clips import listing
from earshift.stages.embeddings import extraction, indexing, region_files
from tests.helpers import stage2
from tests.helpers.tones import tone

ENTRY = {"plugin": "mfcc"}


@pytest.fixture
def experiment(table_dataset, tmp_path):
    """A clip table of files of many lengths, rates and channels."""
    for i, path in enumerate(sorted((table_dataset / "audio").glob("*.wav"))):
        rate = (8_000, 16_000, 44_100)[i % 3]
        sound = tone(100 + 30 * i, 0.3 + 0.37 * i, rate, seed=i)
        if i % 4 == 0:
            sound = np.stack([sound, 0.5 * sound], axis=1)
        soundfile.write(path, sound, rate)
    return stage2.list_clips(table_dataset, tmp_path)


def create(table, tmp_path, n_jobs, entry=ENTRY, **changes):
    return stage2.create(table, tmp_path, n_jobs, entry, **changes)


def extract(table, tmp_path, n_jobs=3, entry=ENTRY, **changes):
    return stage2.extract(table, tmp_path, n_jobs, entry, **changes)


def test_the_store_holds_what_the_model_gives_clip_by_clip(experiment, tmp_path):
    plan, markers = extract(experiment, tmp_path)
    found = open_embeddings(region_files.location_of(plan)).load()
    model = load_model("mfcc")
    for row in listing.usable(experiment).itertuples():
        samples, rate = soundfile.read(row.path, dtype="float32")
        expected = model.embed(samples, rate)
        own = found.isel(frame=np.flatnonzero(found.clip_id == row.clip_id))
        assert_allclose(own.embedding, expected.values, rtol=1e-6, atol=1e-6)
        assert_array_equal(own.time_s, expected.time_s)
    facts = [json.loads(marker.read_text()) for marker in markers]
    assert sum(f["clips"] for f in facts) == 24
    assert all(f["skipped"] == {} for f in facts)


def test_the_number_of_jobs_changes_no_frame(experiment, tmp_path):
    for name in ("one", "four"):
        (tmp_path / name).mkdir()
    one, _ = extract(experiment, tmp_path / "one", 1)
    four, _ = extract(experiment, tmp_path / "four", 4)
    assert_array_equal(
        *(open_embeddings(region_files.location_of(p)).embedding for p in (one, four))
    )


def test_the_store_says_what_made_it(experiment, tmp_path):
    plan, _ = extract(experiment, tmp_path)
    path = region_files.location_of(plan)
    facts = store.attributes(path)
    assert facts["model"] == "m"
    assert facts["sample_rate_hz"] == 22_050
    assert facts["resampler"] == "soxr_hq"
    assert facts["precision"] == "float32"
    assert facts["provenance"]["numpy"] == np.__version__


def test_a_clip_that_is_gone_by_then_is_recorded_and_its_rows_stay_nan(
    experiment, tmp_path
):
    usable = listing.usable(experiment)
    gone, changed = usable.iloc[2], usable.iloc[20]
    Path(gone["path"]).unlink()
    soundfile.write(changed["path"], tone(300, 30.0), 16_000)
    plan, _ = extract(experiment, tmp_path)
    values, ids, reasons = stage2.pool(plan, tmp_path)
    assert reasons[gone["clip_id"]].startswith("missing")
    assert "was the file changed?" in reasons[changed["clip_id"]]
    assert len(ids) == 22
    assert not {gone["clip_id"], changed["clip_id"]} & set(ids)
    assert np.isfinite(values).all()


def test_features_are_means_over_frames(experiment, tmp_path):
    plan, _ = extract(experiment, tmp_path)
    values, ids, _ = stage2.pool(plan, tmp_path)
    found = open_embeddings(region_files.location_of(plan)).load()
    for value, clip_id in zip(values, ids, strict=True):
        own = found.embedding[np.flatnonzero(found.clip_id == clip_id)]
        assert_allclose(value, own.mean("frame"), rtol=1e-5)


def test_rows_that_were_never_written_are_not_averaged(experiment, tmp_path):
    plan = create(experiment, tmp_path, 1)
    marker = tmp_path / "000000.json"
    marker.write_text('{"skipped": {}}')
    indexing.index_embeddings(plan, [marker], out=tmp_path / "e.index.parquet")
    with pytest.raises(DataError, match="never written"):
        stage2.pool(plan, tmp_path)


def test_short_clips_are_left_out_when_asked(experiment, tmp_path):
    entry = ENTRY | {"short": "skip"}
    plan, _ = extract(experiment, tmp_path, entry=entry)
    *_, reasons = stage2.pool(plan, tmp_path)
    short = listing.usable(experiment)["duration_s"] < 1
    assert len(reasons) == short.sum() > 0
    assert reasons.str.startswith("short").all()


def markers_say(markers):
    return [json.loads(marker.read_text())["skipped"] for marker in markers]


def test_the_same_files_are_not_embedded_twice(experiment, tmp_path, caplog):
    caplog.set_level("INFO", "earshift")
    plan, markers = extract(experiment, tmp_path)
    before = open_embeddings(region_files.location_of(plan)).load()
    for marker in markers:
        marker.unlink()
    caplog.clear()
    extract(experiment, tmp_path)
    assert caplog.text.count("embedded before") == 3
    after = open_embeddings(region_files.location_of(plan)).load()
    assert_array_equal(before.embedding, after.embedding)
    assert markers_say(markers) == [{}, {}, {}]


@pytest.mark.parametrize(
    "changes",
    [
        {"versions": {"stage": 1, "plugin": 2}},
        {"versions": {"stage": 2, "plugin": 1}},
        {"entry": ENTRY | {"short": "skip"}},
        {"dtype": "float16"},
        {"pooling": ["mean"]},
    ],
)
def test_another_version_option_or_layout_starts_anew(
    experiment, tmp_path, caplog, changes
):
    caplog.set_level("INFO", "earshift")
    extract(experiment, tmp_path)
    caplog.clear()
    extract(experiment, tmp_path, **changes)
    assert "embedded before" not in caplog.text


def test_clips_that_fail_in_numbers_stop_the_job_and_leave_no_marker(
    experiment, tmp_path
):
    for path in listing.usable(experiment)["path"].iloc[:3]:
        Path(path).unlink()
    with pytest.raises(DataError, match=r"3 of .* that stage 1 could read failed now"):
        extract(experiment, tmp_path, n_jobs=1)
    assert not (tmp_path / "000000.json").exists()


def test_a_short_clip_is_an_error_when_the_model_is_told_so(experiment, tmp_path):
    with pytest.raises(DataError, match=r"needs at least 1\.000 s"):
        extract(experiment, tmp_path, entry=ENTRY | {"short": "error"})


def frames_of(plan, clip_id):
    found = open_embeddings(region_files.location_of(plan)).load()
    return found.embedding[np.flatnonzero(found.clip_id == clip_id)]


def test_a_clip_read_in_many_parts_gives_the_bytes_of_one_read_whole(
    experiment, tmp_path, monkeypatch
):
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    whole, _ = extract(experiment, tmp_path / "whole")
    monkeypatch.setattr(reading, "BLOCK", 1_111)
    monkeypatch.setattr(extraction, "PIECES_PER_PART", 2)
    parts, _ = extract(experiment, tmp_path / "parts")
    assert_array_equal(
        *(
            open_embeddings(region_files.location_of(p)).embedding
            for p in (whole, parts)
        )
    )


def test_a_clip_that_breaks_off_half_way_leaves_no_frame(
    experiment, tmp_path, monkeypatch
):
    monkeypatch.setattr(reading, "BLOCK", 1_000)
    broken = listing.usable(experiment).iloc[20]
    content = Path(broken["path"]).read_bytes()
    # The header still declares all of it.
    Path(broken["path"]).write_bytes(content[: len(content) * 3 // 4])
    plan, markers = extract(experiment, tmp_path)
    skipped = {
        clip: reason
        for marker in markers
        for clip, reason in json.loads(marker.read_text())["skipped"].items()
    }
    assert list(skipped) == [broken["clip_id"]]
    assert skipped[broken["clip_id"]].startswith("truncated")
    assert np.isnan(frames_of(plan, broken["clip_id"])).all()
    neighbour = listing.usable(experiment)["clip_id"].iloc[21]
    assert np.isfinite(frames_of(plan, neighbour)).all()


def test_a_clip_as_long_but_at_another_rate_is_not_used(experiment, tmp_path):
    other = listing.usable(experiment).iloc[1]
    samples, _ = soundfile.read(other["path"])
    soundfile.write(other["path"], samples, 11_025)
    _, markers = extract(experiment, tmp_path)
    skipped = {}
    for marker in markers:
        skipped |= json.loads(marker.read_text())["skipped"]
    assert list(skipped) == [other["clip_id"]]
    assert "no longer has" in skipped[other["clip_id"]]


def test_the_papers_resampler_gives_other_frames_and_is_recorded(experiment, tmp_path):
    (tmp_path / "paper").mkdir()
    paper, _ = extract(
        experiment, tmp_path / "paper", entry=ENTRY | {"resampler": "paper"}
    )
    usual, _ = extract(experiment, tmp_path)
    facts = store.attributes(region_files.location_of(paper))
    assert facts["resampler"] == "paper"
    row = listing.usable(experiment).iloc[5]
    samples, rate = soundfile.read(row["path"], dtype="float32")
    expected = load_model("mfcc", resampler="paper").embed(samples, rate).values
    assert_allclose(frames_of(paper, row["clip_id"]), expected, rtol=1e-5, atol=1e-5)
    assert np.abs(frames_of(usual, row["clip_id"]) - expected).max() > 1e-3


#: A model of whole clips that fails on one of them, and miscounts another.
FUSSY = """
import numpy as np
from earshift.errors import DataError, WeightsError
from earshift.models import ClipSpec
env, version, licence, citation = "analysis", 1, "", ""
def spec():
    return ClipSpec(sample_rate_hz=16_000, n_features=2)
def network(spec):
    def embed(samples):
        n = 1 + len(samples) // 16_000
        peak = np.abs(samples).max()
        if peak > 0.7:
            raise DataError("too loud")
        frames = np.full((n, 2), peak, np.float32)
        return frames[: n - 1] if 0.6 < peak else frames
    return embed
"""


def test_a_whole_clip_model_that_fails_on_a_clip_loses_that_clip_only(
    experiment, tmp_path
):
    usable = listing.usable(experiment)
    for place, level in ((3, 0.9), (20, 0.65)):
        row = usable.iloc[place]
        n = row["n_samples"]
        sound = level * np.sign(np.sin(np.arange(n) / 20))
        soundfile.write(row["path"], sound, row["sample_rate_hz"])
    (tmp_path / "fussy.py").write_text(FUSSY)
    entry = {"plugin": str(tmp_path / "fussy.py"), "resampler": "soxr_hq"}
    plan, markers = extract(experiment, tmp_path, entry=entry)
    skipped = {}
    for marker in markers:
        skipped |= json.loads(marker.read_text())["skipped"]
    lost = {usable["clip_id"].iloc[place] for place in (3, 20)}
    assert set(skipped) == lost
    assert all("the model failed" in reason for reason in skipped.values())
    location = region_files.location_of(plan)
    ids, first, n = store.read_index(location)
    assert (n == 1 + usable["duration_s"].astype(int)).all()
    for clip_id, a, b in zip(ids, first, first + n, strict=True):
        frames = store.read_embeddings(location, a, b)
        assert np.isnan(frames).all() if clip_id in lost else np.isfinite(frames).all()
    assert not lost & set(open_embeddings(location).clip_id.values)


def test_a_registered_file_that_was_exchanged_is_not_used(
    experiment, tmp_path, monkeypatch
):
    monkeypatch.setenv("EARSHIFT_WEIGHTS", str(tmp_path))
    (tmp_path / "yamnet.h5").write_bytes(b"\x89HDF\r\n\x1a\n but another")
    with pytest.raises(WeightsError, match=r"is not the registered yamnet\.h5.*bytes"):
        create(experiment, tmp_path, 1, {"plugin": "yamnet"})
    assert not (tmp_path / "e.zarr").exists()
