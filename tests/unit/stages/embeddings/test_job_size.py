"""How many jobs there are, what they ask for, and what a run is said to take."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import soundfile

from earshift import store
from earshift.runs import forecast
from earshift.stages.embeddings import job_size, region_files, regions
from earshift.stages.embeddings.calibration import calibrate_model
from earshift.stages.embeddings.job_size import Calibration
from earshift.stages.report.sections.forecast import plan_table
from earshift.tables import PLAN
from tests.helpers import stage2
from tests.helpers.tones import tone, write_table_dataset

ENTRY = {"plugin": "mfcc"}
EXTRACTION = {
    "minutes_per_job": 30,
    "max_jobs": 200,
    "gpu": 0,
    "price_per_cpu_hour": None,
    "price_per_gpu_hour": None,
}


@pytest.mark.parametrize(
    ("audio_h", "n_clips", "speed", "max_jobs", "expected"),
    [
        (1, 200, 100, 200, 1),  # 36 s of work
        (50, 6_000, 100, 200, 1),  # exactly half an hour
        (51, 6_000, 100, 200, 2),
        (3_000, 1_000_000, 100, 200, 60),
        (3_000, 1_000_000, 1, 200, 200),
        (3_000, 1_000_000, 100, 7, 7),
        (3_000, 1_000_000, 1e6, 200, 10),  # by the memory for their lists
        (0, 0, 100, 200, 1),
    ],
)
def test_jobs_follow_from_work_speed_and_limits(
    audio_h, n_clips, speed, max_jobs, expected
):
    n = job_size.n_jobs(3600 * audio_h, n_clips, 60 * 30 * speed, max_jobs)
    assert n == expected


def write_calibration(file, **changes):
    """A calibration with chosen numbers."""
    said = {"audio_s_per_s": 100.0, "load_s": 6.0, "peak_mib": 1000.0, "threads": 2}
    said |= {"frames_per_audio_s": 2.0} | changes
    file.write_text(json.dumps(said))
    return file


def test_a_jobs_time_and_memory_follow_from_its_plan_and_grow(tmp_path):
    plan = tmp_path / "m.plan.json"
    work = {"000000": {"audio_s": 180_000.0}, "000001": {"audio_s": 60.0}}
    plan.write_text(json.dumps({"work": work}))
    file = write_calibration(tmp_path / "c.json")
    time_ = [job_size.runtime_min(plan, [file], 30, k) for k in (1, 2, 3)]
    # 1800 s of work and 6 s of loading, twice, and 10 minutes.
    assert time_ == [71, 142, 213]
    memory = [job_size.memory_mb(plan, [file], k) for k in (1, 2, 3)]
    # 600 and 1.5 x 1048.576, and 0.002 for each of 100,000 clips.
    assert memory == [2373, 4746, 7119]
    file.unlink()
    assert job_size.runtime_min(plan, [file], 30, 2) == 140
    assert job_size.memory_mb(plan, [file], 2) == 8000


def test_jobs_that_may_share_an_array_ask_for_the_same(tmp_path):
    small = write_calibration(tmp_path / "small.json", peak_mib=500.0, load_s=1.0)
    large = write_calibration(tmp_path / "large.json", audio_s_per_s=10.0)
    asked = set()
    for name, audio_s in (("a", 1000.0), ("b", 9.0)):
        plan = tmp_path / f"{name}.plan.json"
        plan.write_text(json.dumps({"work": {"000000": {"audio_s": audio_s}}}))
        for files in ([small, large], [large, small]):
            minutes = job_size.runtime_min(plan, files, 30, 1)
            asked.add((minutes, job_size.memory_mb(plan, files, 1)))
    assert asked == {(71, 2373)}
    # One that was not measured yet is left out.
    files = [small, tmp_path / "none.json"]
    assert job_size.memory_mb(plan, files, 1) == 1587


def test_a_new_plan_is_read_anew(tmp_path):
    plan = tmp_path / "m.plan.json"
    file = write_calibration(tmp_path / "c.json")
    for n, audio_s in enumerate((0.0, 3_000_000.0)):
        plan.write_text(json.dumps({"work": {"000000": {"audio_s": audio_s}}}))
        minutes = job_size.runtime_min(plan, [file], 30, 1)
        assert minutes == (71, 1011)[n]


def test_a_calibration_says_what_the_model_gives(tmp_path):
    out = tmp_path / "mfcc.json"
    calibrate_model("mfcc", ENTRY, versions=stage2.VERSIONS, n_threads=2, out=out)
    found = Calibration.read(out)
    assert found.frames_per_audio_s == 1.9  # windows of 1 s every 0.5 s in 10 s
    assert found.threads == 2
    assert found.audio_s_per_s > 0
    assert found.peak_mib > 50
    said = json.loads(out.read_text())
    assert said["bytes_per_audio_s"] == 1.9 * 120 * 4
    assert set(said["machine"]) == {"cpu", "cores", "gpus"}
    capacity = job_size.audio_s_per_job(out, 2)
    assert capacity == 120 * found.audio_s_per_s


def estimate(tmp_path, folder, entry=ENTRY, location=None, **changes):
    """The plan of one dataset and one model; its rows by stage."""
    extraction = EXTRACTION | changes
    options = {"name": "m", "entry": entry, "versions": stage2.VERSIONS}
    options |= {"plan": str(tmp_path / "e.plan.json"), "dtype": "float32"}
    options |= {"location": location or str(tmp_path / "e.zarr"), "pooling": []}
    key = {"dataset": "d", "model": "m", "condition": "clean"}
    key |= {"features": str(tmp_path / "f.zarr")}
    dataset = {"name": "d", "entry": {"plugin": "table", "folder": str(folder)}}
    forecast.estimate_run(
        [dataset | {"table": str(tmp_path / "clips.parquet")}],
        [key | {"calibration": str(tmp_path / "c.json"), "options": options}],
        extraction=extraction,
        pooling=["mean"],
        n_threads=2,
        seed=0,
        out=tmp_path / "plan.csv",
    )
    rows = pd.read_csv(tmp_path / "plan.csv")
    assert list(rows.columns) == PLAN.names
    return {row["stage"][2:]: row for row in rows.to_dict("records")}


def n_files(*paths):
    """Bytes and number of all files under some paths."""
    files = [f for path in paths for f in [path, *path.rglob("*")] if f.is_file()]
    return sum(f.stat().st_size for f in files), len(files)


def test_after_stage_1_the_plan_is_what_is_then_done(table_dataset, tmp_path):
    write_calibration(tmp_path / "c.json", audio_s_per_s=1.0)
    table = stage2.list_clips(table_dataset, tmp_path)
    rows = estimate(tmp_path, table_dataset, minutes_per_job=0.1)
    assert rows["clips"]["jobs"] == 0
    assert rows["clips"]["clips_to_do"] == 0
    assert math.isnan(rows["embeddings"]["within"])
    found = rows["embeddings"]
    assert found["clips"] == found["clips_to_do"] == 24
    assert found["audio_h"] == pytest.approx(24 * 1.2 / 3600)
    assert found["jobs"] == 5  # 28.8 s of audio, 6 s a job
    assert found["hours"] == pytest.approx((5 * 6 + 28.8) / 3600)
    assert found["cpu_h"] == pytest.approx(2 * found["hours"])
    assert not (tmp_path / "e.zarr").exists()
    # The same clips, dealt and embedded.
    regions.plan_regions(
        "m",
        ENTRY,
        table=table,
        versions=stage2.VERSIONS,
        location=tmp_path / "e.zarr",
        dtype="float32",
        pooling=(),
        audio_s_per_job=6.0,
        max_jobs=200,
        plan=tmp_path / "e.plan.json",
    )
    names = stage2.names(tmp_path / "e.plan.json")
    assert len(names) == 5
    waiting = estimate(tmp_path, table_dataset, minutes_per_job=0.1)["embeddings"]
    assert waiting["jobs"] == 5
    assert waiting["clips_to_do"] == 24
    plan, markers = stage2.extract(table, tmp_path, 5, ENTRY)
    beside = [
        region_files.beside(plan, e) for e in (".regions", ".kept", ".clips.parquet")
    ]
    stored = [tmp_path / "e.zarr", *beside, plan, tmp_path / "e.index.parquet"]
    _, files = n_files(*stored, *markers)
    assert files == found["files"]
    shards, _ = n_files(tmp_path / "e.zarr/embedding/c")
    assert found["bytes"] == pytest.approx(shards, rel=0.01)
    records = [region_files.record_of(plan, name) for name in names]
    spent = [json.loads(file.read_text())["spent"] for file in records]
    assert sum(s["bytes"] for s in spent) == shards
    stage2.pool(plan, tmp_path)
    _, files = n_files(tmp_path / "f.zarr", tmp_path / "s.csv")
    assert rows["features"]["files"] == files
    done = estimate(tmp_path, table_dataset, minutes_per_job=0.1)
    for stage in ("clips", "embeddings", "features"):
        for column in ("clips_to_do", "jobs", "hours", "bytes", "files"):
            assert done[stage][column] == 0


def test_a_store_at_an_address_is_said_to_be_there(table_dataset, tmp_path):
    write_calibration(tmp_path / "c.json")
    rows = estimate(tmp_path, table_dataset)
    assert pd.isna([row["address"] for row in rows.values()]).all()
    rows = estimate(tmp_path, table_dataset, location="s3://there/e.zarr")
    assert rows["embeddings"]["address"] == "s3://there/e.zarr"
    assert rows["embeddings"]["bytes"] > 0
    assert pd.isna(rows["features"]["address"])


def test_only_new_clips_are_to_do(table_dataset, tmp_path):
    write_calibration(tmp_path / "c.json")
    table = stage2.list_clips(table_dataset, tmp_path)
    stage2.extract(table, tmp_path, 2, ENTRY)
    soundfile.write(table_dataset / "audio/bass_2_1.wav", tone(500, 1.5), 16_000)
    stage2.list_clips(table_dataset, tmp_path)
    found = estimate(tmp_path, table_dataset)["embeddings"]
    assert (found["clips"], found["clips_to_do"], found["jobs"]) == (24, 1, 1)
    assert found["audio_h"] == pytest.approx(1.5 / 3600)
    assert found["files"] == 1 + forecast.JOB_FILES


def write_many(folder, n=300):
    """Clips of very different lengths; every tenth file is no audio."""
    rng = np.random.default_rng(1)
    write_table_dataset(folder, n_recordings=1)
    rows, total = [], 0.0
    for i, length in enumerate(rng.uniform(0.2, 1.8, n)):
        file = folder / f"{i}.wav"
        if i % 10:
            soundfile.write(file, tone(200, length, 8_000), 8_000)
            total += length
        else:
            file.write_text("no audio")
        rows.append((file.name, "bass", f"r{i}"))
    columns = ["path", "label", "recording"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "clips.csv", index=False)
    return total


def test_before_stage_1_a_sample_gives_the_audio_within_what_it_says(tmp_path):
    total = write_many(tmp_path / "many")
    write_calibration(tmp_path / "c.json")
    rows = estimate(tmp_path, tmp_path / "many", minutes_per_job=1 / 60)
    assert not (tmp_path / "clips.parquet").exists()
    found = rows["embeddings"]
    assert rows["clips"]["clips"] == 300
    assert rows["clips"]["cpu_h"] > 0
    assert found["clips"] == pytest.approx(270, rel=0.1)
    assert 0.05 < found["within"] < 0.25
    assert 3600 * found["audio_h"] == pytest.approx(total, rel=found["within"])
    assert found["jobs"] == math.ceil(36 * found["audio_h"])  # 100 s a job
    again = estimate(tmp_path, tmp_path / "many", minutes_per_job=1 / 60)
    assert again["embeddings"]["audio_h"] == found["audio_h"]


#: A model of whole clips, whose network would say how many frames there are.
WHOLE = """
from earshift.models import ClipSpec
env, version, licence, citation = "analysis", 1, "", ""
def spec():
    return ClipSpec(sample_rate_hz=16_000, n_features=4096)
def network(spec):
    raise RuntimeError("loaded")
"""


def test_a_plan_loads_no_network(table_dataset, tmp_path):
    (tmp_path / "whole.py").write_text(WHOLE)
    write_calibration(tmp_path / "c.json", frames_per_audio_s=25.0)
    stage2.list_clips(table_dataset, tmp_path)
    entry = {"plugin": str(tmp_path / "whole.py")}
    found = estimate(tmp_path, table_dataset, entry=entry)["embeddings"]
    n_frames = 24 * 30  # 1.2 s each
    n_bytes = n_frames * 4096 * 4
    assert n_bytes <= found["bytes"] <= n_bytes + store.CHUNK_BYTES


def test_prices_give_costs_and_gpus_hours(table_dataset, tmp_path):
    write_calibration(tmp_path / "c.json")
    stage2.list_clips(table_dataset, tmp_path)
    prices = {"gpu": 1, "price_per_cpu_hour": 0.5, "price_per_gpu_hour": 2.0}
    found = estimate(tmp_path, table_dataset, **prices)["embeddings"]
    assert found["gpu_h"] == found["hours"]
    assert found["cost"] == pytest.approx((2 * 0.5 + 2.0) * found["hours"])
    text = plan_table(tmp_path)
    assert "GPU h" in text
    assert "cost" in text


def test_a_model_that_was_not_calibrated_has_no_hours(table_dataset, tmp_path):
    stage2.list_clips(table_dataset, tmp_path)
    found = estimate(tmp_path, table_dataset)
    assert found["embeddings"]["clips_to_do"] == 24
    assert math.isnan(found["embeddings"]["hours"])
    text = plan_table(tmp_path)
    assert "the model has no calibration" in text
    assert "cost" not in text
    assert max(map(len, text.splitlines())) <= 100


def test_shards_without_frames_take_no_bytes(tmp_path):
    location = tmp_path / "e.zarr"
    store.create_embeddings(
        location, n_features=4, chunk=16, shard=32, dtype="float32", attributes={}
    )
    region = store.grow(location, 60)
    assert store.stored_bytes(location, region) == 0
    store.write_region(location, np.ones((32, 4), np.float32), (32, 64))
    assert store.stored_bytes(location, (0, 32)) == 0
    assert store.stored_bytes(location, region) >= 32 * 4 * 4
