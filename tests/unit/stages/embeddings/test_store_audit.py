"""What is wrong with a store is found, and repaired by embedding that part again."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from earshift import open_embeddings, store
from earshift.errors import DataError
from earshift.stages.embeddings import region_files, store_audit
from earshift.store import sizes
from tests.helpers import stage2


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    """Shards of one chunk: a region has several."""
    monkeypatch.setattr(sizes, "MAX_CHUNKS_PER_SHARD", 1)


@pytest.fixture
def entry(tmp_path):
    return stage2.wide(tmp_path)


@pytest.fixture
def plan(table_dataset, tmp_path, entry):
    """A filled store of three regions of eight clips, and several shards each."""
    table = stage2.list_clips(table_dataset, tmp_path)
    return stage2.extract(table, tmp_path, 3, entry)[0]


def again(tmp_path, entry, **changes):
    """Run stage 2 on the clips as they are listed now."""
    return stage2.extract(tmp_path / "clips.parquet", tmp_path, 3, entry, **changes)


def found(table, verdict):
    """What an audit's table says, as (region, check, item)."""
    rows = pd.read_csv(table, dtype=str, keep_default_na=False)
    rows = rows[rows["verdict"] == verdict]
    return [tuple(row) for row in rows[["region", "check", "item"]].to_numpy()]


def shard(plan, number):
    return region_files.location_of(plan) / f"embedding/c/{number}/0"


def flip_a_bit(file):
    data = bytearray(file.read_bytes())
    data[len(data) // 3] ^= 1
    file.write_bytes(data)


def clips_of(plan):
    """Clips of the store, by region, in the order of their rows."""
    rows = pd.read_parquet(region_files.beside(plan, ".clips.parquet"))
    return rows.sort_values("first_frame").groupby("region")["clip_id"].agg(list)


def content(plan):
    """Every file of a store, as bytes."""
    root = region_files.location_of(plan)
    return {f: (root / f).read_bytes() for f in store.files(root)}


def n_embedded(caplog):
    return sum(map(int, re.findall(r"d / m: (\d+)/\1 clips", caplog.text)))


@pytest.mark.parametrize(
    "changes", [{}, {"dtype": "float16"}, {"pooling": ["mean", "max"]}]
)
def test_a_whole_store_is_found_whole(table_dataset, tmp_path, entry, changes, caplog):
    table = stage2.list_clips(table_dataset, tmp_path)
    plan, _ = stage2.extract(table, tmp_path, 3, entry, **changes)
    before = content(plan)
    table = stage2.audit(plan, entry, n_clips=5, **changes)
    rows = pd.read_csv(table)
    assert set(rows["verdict"]) == {"ok"}
    assert rows["check"].value_counts().to_dict() == {
        "sample": 5,
        "region": 3,
        "index": 1,
    }
    assert (rows.loc[rows["check"] == "sample", "value"] == 0).all()
    n_shards = sum("embedding/c/" in name for name in before)
    assert rows.loc[rows["check"] == "region", "value"].sum() == n_shards
    caplog.set_level("INFO", "earshift")
    store_audit.summarise([table])
    assert "5 identical, largest relative difference 0" in caplog.text
    assert content(plan) == before


def test_the_sample_is_drawn_by_the_seed(plan, entry):
    drawn = [found(stage2.audit(plan, entry, seed=s), "ok") for s in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_flipped_bit_is_found_and_only_its_region_is_embedded_again(
    plan, tmp_path, entry, caplog
):
    before = content(plan)
    second = clips_of(plan)["000001"]
    first, stop = region_files.rows_of(
        region_files.read_region(plan, "000001"),
        store.shard_of(region_files.location_of(plan)),
    )
    number = first // 16 + 1
    assert stop - first > 2 * 16
    flip_a_bit(shard(plan, number))
    table = stage2.audit(plan, entry)
    key = f"embedding/c/{number}/0"
    assert found(table, "wrong") == [
        ("000001", "region", ""),
        ("000001", "shard", key),
    ]
    with pytest.raises(DataError, match="damaged stores: 1"):
        store_audit.summarise([table])
    # Whoever reads it is told the same.
    match = (
        rf"e\.zarr: shard {key} \(rows {number * 16}:{number * 16 + 16}, "
        rf"\d clips from '{second[1]}' to '.*'\) is damaged.*'make repair'"
    )
    with pytest.raises(DataError, match=match):
        store.read_embeddings(region_files.location_of(plan), first, stop)
    with pytest.raises(DataError, match=match):
        stage2.pool(plan, tmp_path)
    store_audit.repair([table])
    caplog.set_level("INFO", "earshift")
    caplog.clear()
    again(tmp_path, entry)
    assert n_embedded(caplog) == 8
    assert content(plan) == before
    assert not found(stage2.audit(plan, entry), "wrong")


@pytest.mark.parametrize("lost", ["gone", "empty", "cut"])
def test_a_shard_that_is_not_there_is_found(plan, tmp_path, entry, lost):
    before = content(plan)
    if lost == "gone":
        shard(plan, 2).unlink()
    else:
        shard(plan, 2).write_bytes(b"" if lost == "empty" else b"half")
    table = stage2.audit(plan, entry)
    assert found(table, "wrong")[1] == ("000000", "shard", "embedding/c/2/0")
    store_audit.repair([table])
    again(tmp_path, entry)
    assert content(plan) == before


def test_rows_without_values_are_found_by_clip(plan, tmp_path, entry):
    before = content(plan)
    clip = clips_of(plan)["000002"][3]
    rows = region_files.read_region(plan, "000002").set_index("clip_id").loc[clip]
    at = int(rows["first_frame"]) + 1
    store.clear_rows(region_files.location_of(plan), at, at + 2)
    table = stage2.audit(plan, entry)
    assert ("000002", "rows", clip) in found(table, "wrong")
    store_audit.repair([table])
    again(tmp_path, entry)
    assert content(plan) == before


@pytest.mark.parametrize("change", [1e-3, 1e-6])
def test_values_that_the_model_does_not_give_are_found(plan, entry, change):
    location = region_files.location_of(plan)
    size = store.shard_of(location)
    first, stop = region_files.rows_of(region_files.read_region(plan, "000001"), size)
    values = store.read_embeddings(location, first, stop)
    store.write_region(location, values * np.float32(1 + change), (first, stop))
    table = stage2.audit(plan, entry, n_clips=24)
    expected = (
        clips_of(plan)["000001"] if change > store_audit.TOLERANCE["float32"] else []
    )
    wrong = [item for _, check, item in found(table, "wrong") if check == "sample"]
    assert wrong == expected
    worst = pd.read_csv(table).query("check == 'sample'")["value"].max()
    assert worst == pytest.approx(change, rel=0.1)


def test_clips_that_were_skipped_or_changed_since_are_no_damage(
    table_dataset, tmp_path, entry
):
    table = stage2.list_clips(table_dataset, tmp_path)
    gone = table_dataset / "audio/bass_1_0.wav"
    gone.rename(tmp_path / "aside.wav")
    plan, _ = stage2.extract(table, tmp_path, 3, entry)
    (table_dataset / "audio/bass_2_0.wav").unlink()
    table = stage2.audit(plan, entry, n_clips=24)
    assert not found(table, "wrong")
    assert [item for *_, item in found(table, "note")] == ["audio/bass_2_0.wav"]


def test_what_killed_jobs_left_is_listed_and_cleared(plan, tmp_path, entry):
    before = content(plan)
    partial = shard(plan, 1).with_name("0.0f.partial")
    stray = region_files.location_of(plan) / "embedding/c/99/0"
    stray.parent.mkdir()
    beside = [
        tmp_path / "e.kept/000009.json",
        tmp_path / "e.kept/.000001.unfinished.json",
        tmp_path / ".e.index.unfinished.parquet",
    ]
    for file in (partial, stray, *beside):
        file.write_text("{}")
    table = stage2.audit(plan, entry)
    assert {item for _, check, item in found(table, "note") if check == "leftover"} == {
        ".e.index.unfinished.parquet",
        "e.kept/.000001.unfinished.json",
        "e.kept/000009.json",
        "store:embedding/c/1/0.0f.partial",
        "store:embedding/c/99/0",
    }
    store_audit.summarise([table])  # no damage
    store_audit.repair([table])
    assert content(plan) == before
    assert not any(file.exists() for file in beside)


def test_a_job_clears_its_own_shards_and_the_index_all(plan, tmp_path, entry):
    own, other = (shard(plan, i).with_name("0.0f.partial") for i in (0, 8))
    for file in (own, other):
        file.write_text("")
    location = region_files.location_of(plan)
    region = region_files.rows_of(region_files.read_region(plan, "000000"), 16)
    with store.RegionWriter(location, region):
        assert not own.exists()
        assert other.exists()
    again(tmp_path, entry)
    assert not other.exists()


def test_an_index_of_other_rows_is_found_and_written_again(plan, tmp_path, entry):
    before = content(plan)
    ids, first, n = store.read_index(region_files.location_of(plan))
    store.write_index(
        region_files.location_of(plan),
        ids,
        first[::-1].copy(),
        n,
        np.zeros(24, np.uint8),
    )
    table = stage2.audit(plan, entry)
    assert found(table, "wrong") == [("", "index", "e.index.parquet")]
    said = plan.read_text()
    store_audit.repair([table])
    # By a changed plan the workflow knows that there is something to do.
    assert plan.read_text() != said
    again(tmp_path, entry)
    assert content(plan) == before


def test_a_region_is_repaired_without_clips_that_are_no_longer_used(
    plan, table_dataset, tmp_path, entry
):
    before = open_embeddings(region_files.location_of(plan)).load()
    gone = clips_of(plan)["000000"][:5]
    rows = pd.read_csv(table_dataset / "clips.csv")
    rows[~rows["path"].isin(gone)].to_csv(table_dataset / "clips.csv", index=False)
    for name in gone:
        (table_dataset / name).unlink()
    stage2.list_clips(table_dataset, tmp_path)
    again(tmp_path, entry)
    for number in (0, 5):
        flip_a_bit(shard(plan, number))
    table = stage2.audit(plan, entry)
    assert {region for region, *_ in found(table, "wrong")} == {"000000"}
    store_audit.repair([table])
    again(tmp_path, entry, max_bad_clips=0)
    after = open_embeddings(region_files.location_of(plan)).load()
    kept = before.isel(frame=~np.isin(before.clip_id, gone))
    assert_array_equal(after.clip_id, kept.clip_id)
    assert_array_equal(after.embedding, kept.embedding)
    assert not found(stage2.audit(plan, entry), "wrong")
    assert not found(stage2.audit(plan, entry), "note")


def test_a_store_of_another_version_is_not_compared(plan, entry):
    table = stage2.audit(plan, entry, versions={"stage": 1, "plugin": 2})
    assert found(table, "note") == [("", "sample", "")]
    store_audit.summarise([table])


def test_a_store_that_is_not_there_yet_is_no_damage_but_a_lost_one_is(
    plan, tmp_path, entry
):
    table = stage2.audit(tmp_path / "no.plan.json", entry)
    assert [check for _, check, _ in found(table, "note")] == ["store"]
    store_audit.summarise([table])
    shutil.rmtree(region_files.location_of(plan))
    table = stage2.audit(plan, entry)
    assert [check for _, check, _ in found(table, "wrong")] == ["store"]
    with pytest.raises(DataError, match=r"no store at .*--forcerun plan_regions"):
        stage2.embed(plan, "000001", tmp_path / "m.json", entry)


def test_a_region_that_is_not_filled_yet_is_no_damage(table_dataset, tmp_path, entry):
    table = stage2.list_clips(table_dataset, tmp_path)
    plan = stage2.create(table, tmp_path, 3, entry)
    table = stage2.audit(plan, entry)
    checks = [check for _, check, _ in found(table, "note")]
    assert checks == ["region", "region", "region", "index"]
    assert not found(table, "wrong")


@pytest.mark.parametrize("file", ["zarr.json", "embedding/zarr.json"])
def test_a_store_without_its_description_says_what_to_do(plan, tmp_path, entry, file):
    path = region_files.location_of(plan) / file
    path.write_text(path.read_text()[:50])
    with pytest.raises(DataError, match=f"{file} is damaged or gone.*plan_regions"):
        store.read_embeddings(region_files.location_of(plan), 0, 1)
    table = stage2.audit(plan, entry)
    assert [check for _, check, _ in found(table, "wrong")] == ["store"]
    with pytest.raises(DataError, match="damaged stores: 1"):
        store_audit.summarise([table])
    shutil.rmtree(region_files.location_of(plan))
    again(tmp_path, entry)
    assert json.loads(path.read_text())
    assert not found(stage2.audit(plan, entry), "wrong")


def test_damaged_features_say_what_to_do(plan, tmp_path):
    stage2.pool(plan, tmp_path)
    file = tmp_path / "f.zarr/feature/c/0/0"
    flip_a_bit(file)
    with pytest.raises(DataError, match=r"f\.zarr: shard feature/c/0/0.*pooled anew"):
        store.read_features(tmp_path / "f.zarr")
    file.unlink()
    with pytest.raises(DataError, match=r"vectors of 16 clips are gone.*pooled anew"):
        store.read_features(tmp_path / "f.zarr")
