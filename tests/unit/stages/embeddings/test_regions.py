"""What is embedded again when a dataset changes, and what is not."""

import json

import numpy as np
import pandas as pd
import pytest
import soundfile
from numpy.testing import assert_allclose, assert_array_equal

from earshift import load_model, open_embeddings, store
from earshift.errors import DataError
from earshift.stages.embeddings import indexing, region_files, regions
from tests.helpers import stage2
from tests.helpers.stage2 import add_clips, n_embedded
from tests.helpers.tones import tone

ENTRY = {"plugin": "mfcc"}


def extract(folder, tmp_path, n_jobs=3, **changes):
    """Stages 1 and 2 of a folder as it is now; return the plan and its markers."""
    table = stage2.list_clips(folder, tmp_path)
    return stage2.extract(table, tmp_path, n_jobs, **{"entry": ENTRY} | changes)


def frames(plan):
    """Frames of each clip."""
    found = open_embeddings(region_files.location_of(plan)).load()
    ids = found.clip_id.values
    return {i: found.embedding.values[ids == i] for i in np.unique(ids)}


def test_work_is_shared_equally_and_no_job_is_without_clips():
    n = np.random.default_rng(0).integers(1, 100, 5000)
    spans = regions.share(n, 8)
    assert [a for a, _ in spans[1:]] == [b for _, b in spans[:-1]]
    sums = [n[a:b].sum() for a, b in spans]
    assert max(sums) - min(sums) <= 2 * 100
    assert regions.share(np.array([4, 4]), 5) == [(0, 1), (1, 2)]
    assert regions.share(np.array([], np.int64), 5) == []


def test_added_clips_alone_are_embedded(table_dataset, tmp_path, caplog):
    caplog.set_level("INFO", "earshift")
    plan, _ = extract(table_dataset, tmp_path)
    before = frames(plan)
    assert n_embedded(caplog) == 24
    add_clips(table_dataset, 10)
    caplog.clear()
    plan, markers = extract(table_dataset, tmp_path, n_jobs=2)
    assert n_embedded(caplog) == 10
    assert len(markers) == 5
    after = frames(plan)
    assert len(after) == 34
    for clip, values in before.items():
        assert_array_equal(after[clip], values)
    samples, rate = soundfile.read(table_dataset / "audio/more_3.wav", dtype="float32")
    expected = load_model("mfcc").embed(samples, rate).values
    assert_allclose(after["audio/more_3.wav"], expected, rtol=1e-6, atol=1e-6)
    # The index follows the clip table.
    index = pd.read_parquet(tmp_path / "e.index.parquet")
    assert index["clip_id"].tolist() == stage2_ids(tmp_path)


def stage2_ids(tmp_path):
    return pd.read_parquet(tmp_path / "clips.parquet")["clip_id"].tolist()


def test_a_changed_file_alone_is_embedded_again(table_dataset, tmp_path, caplog):
    caplog.set_level("INFO", "earshift")
    plan, _ = extract(table_dataset, tmp_path)
    before = frames(plan)
    soundfile.write(table_dataset / "audio/bass_2_1.wav", tone(500, 1.5), 16_000)
    caplog.clear()
    plan, _ = extract(table_dataset, tmp_path)
    assert n_embedded(caplog) == 1
    after = frames(plan)
    for clip, values in before.items():
        same = after[clip].shape == values.shape and (after[clip] == values).all()
        assert same == (clip != "audio/bass_2_1.wav")


def test_removed_clips_are_no_longer_listed(table_dataset, tmp_path, caplog):
    plan, _ = extract(table_dataset, tmp_path)
    rows = pd.read_csv(table_dataset / "clips.csv")
    rows[rows["label"] == "bass"].to_csv(table_dataset / "clips.csv", index=False)
    caplog.set_level("INFO", "earshift")
    caplog.clear()
    plan, _ = extract(table_dataset, tmp_path)
    assert n_embedded(caplog) == 0
    assert set(frames(plan)) == set(rows.loc[rows["label"] == "bass", "path"])


def test_a_region_that_was_never_filled_is_dealt_anew(table_dataset, tmp_path, caplog):
    table = stage2.list_clips(table_dataset, tmp_path)
    stage2.create(table, tmp_path, 3, ENTRY)
    soundfile.write(table_dataset / "audio/bass_2_1.wav", tone(500, 1.5), 16_000)
    caplog.set_level("INFO", "earshift")
    plan, markers = extract(table_dataset, tmp_path)
    assert n_embedded(caplog) == 24
    assert "is given up: its clips have changed" in caplog.text
    names = json.loads(plan.read_text())["regions"]
    assert [marker.stem for marker in markers] == names
    files = {file.stem for file in (tmp_path / "e.regions").iterdir()}
    assert files == set(names)
    assert len(frames(plan)) == 24


def test_the_same_table_is_planned_the_same_way(table_dataset, tmp_path, caplog):
    plan, _ = extract(table_dataset, tmp_path)
    said = plan.read_text()
    plan.unlink()
    caplog.set_level("INFO", "earshift")
    extract(table_dataset, tmp_path, n_jobs=7)
    assert plan.read_text() == said
    assert "0 of them to embed" in caplog.text


def test_an_index_needs_all_regions(table_dataset, tmp_path):
    plan, markers = extract(table_dataset, tmp_path)
    with pytest.raises(DataError, match="region 000002 is not done"):
        indexing.index_embeddings(plan, markers[:-1], out=tmp_path / "i.parquet")


@pytest.mark.parametrize("pooling", [["mean"], ["max", "std", "mean", "min"]])
def test_vectors_pooled_on_the_fly_are_those_pooled_later(
    table_dataset, tmp_path, pooling
):
    for name in ("frames", "vectors"):
        (tmp_path / name).mkdir()
    plan, _ = extract(table_dataset, tmp_path / "frames")
    later = stage2.pool(plan, tmp_path / "frames", pooling)
    plan, _ = extract(table_dataset, tmp_path / "vectors", pooling=pooling)
    now = stage2.pool(plan, tmp_path / "vectors", pooling)
    assert now[1] == later[1]
    assert_array_equal(now[0], later[0])
    clip = frames(tmp_path / "frames/e.plan.json")[now[1][0]].astype(np.float64)
    expected = [getattr(np, name)(clip, axis=0) for name in pooling]
    assert_allclose(now[0][0], np.concatenate(expected), rtol=1e-5, atol=1e-4)
    # One row a clip, and no more.
    _, _, n = store.read_index(region_files.location_of(plan))
    assert (n == 1).all()


#: A model whose values are too large for float16 where the sound is loud.
LARGE = """
import numpy as np
from earshift.models import Framing, ModelSpec
env, version, licence, citation = "analysis", 1, "", ""
def spec():
    framing = Framing(window=16_000, hop=16_000)
    return ModelSpec(sample_rate_hz=16_000, framing=framing, n_features=1)
def network(spec):
    return lambda windows: 1e5 * np.abs(windows).max(axis=1, keepdims=True)
"""


def test_values_too_large_for_float16_are_no_embedding(table_dataset, tmp_path):
    (tmp_path / "large.py").write_text(LARGE)
    loud = np.sign(tone(300, 1.0)) * 0.9
    soundfile.write(table_dataset / "audio/bass_2_1.wav", loud, 16_000)
    entry = {"plugin": str(tmp_path / "large.py")}
    plan, _ = extract(table_dataset, tmp_path, entry=entry, dtype="float16")
    index = pd.read_parquet(tmp_path / "e.index.parquet").set_index("clip_id")
    bad = index[index["status"] == "skipped"]
    assert list(bad.index) == ["audio/bass_2_1.wav"]
    assert "too large for float16" in bad["reason"].iloc[0]
    values, ids, reasons = stage2.pool(plan, tmp_path)
    assert len(ids) == 23
    assert list(reasons.index) == ["audio/bass_2_1.wav"]
    assert values.max() < 65_504
