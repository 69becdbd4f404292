"""A store belongs to one plan: no other reads it or writes into it."""

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from earshift import open_embeddings, store
from earshift.errors import DataError
from earshift.stages.embeddings import (
    importing,
    owners,
    region_files,
    regions,
    store_audit,
)
from tests.helpers import stage2
from tests.helpers.stage2 import n_embedded
from tests.helpers.tones import write_table_dataset

ENTRY = {"plugin": "mfcc"}


def make(folder, location=None, seed=0, data=None, **changes):
    """Stages 1 and 2 of an experiment with audio of its own; return its plan."""
    data = data or folder / "data"
    if not data.exists():
        write_table_dataset(data, n_recordings=2, seed=seed)
    folder.mkdir(parents=True, exist_ok=True)
    table = stage2.list_clips(data, folder)
    options = {"entry": ENTRY, "location": location} | changes
    return stage2.extract(table, folder, 2, **options)[0]


@pytest.fixture(params=["folder", "s3"])
def shared(request, tmp_path):
    """An address that two experiments name."""
    if request.param == "s3":
        return f"{request.getfixturevalue('s3_server')}/{tmp_path.name}/d/m/clean.zarr"
    return tmp_path / "shared" / "clean.zarr"


def test_the_store_of_another_experiment_is_left_as_it_is(tmp_path, shared):
    one, two = tmp_path / "one", tmp_path / "two"
    plan = make(one, shared, seed=1)
    before = stage2.pool(plan, one)
    with pytest.raises(DataError) as refused:
        make(two, shared, seed=2)
    for said in (plan, two / "e.plan.json", shared, "another 'store: address'"):
        assert str(said) in str(refused.value)
    assert not (two / "e.plan.json").exists()
    values, ids, _ = stage2.pool(plan, one)
    assert ids == before[1]
    assert_array_equal(values, before[0])
    assert not (stage2.audit(plan, ENTRY).read_text().count("wrong"))
    # With a store of its own, the second experiment has other numbers.
    own = stage2.pool(make(two, two / "own.zarr", seed=2), two)
    assert own[1] == ids
    assert np.abs(own[0] - values).max() > 0.1


def test_a_store_that_was_overwritten_is_neither_read_nor_written(tmp_path):
    shared = tmp_path / "shared.zarr"
    plan, other = (tmp_path / name / "e.plan.json" for name in ("one", "two"))
    make(plan.parent, shared, seed=1)
    stage2.pool(plan, plan.parent)
    shutil.rmtree(shared)
    make(other.parent, shared, seed=2)
    before = open_embeddings(shared).load()
    said = rf"made by the plan '{other}'.*this plan is '{plan}'"
    marker = tmp_path / "m.json"
    for step in (
        lambda: stage2.pool(plan, plan.parent),
        lambda: stage2.embed(plan, "000000", marker, ENTRY),
        lambda: make(plan.parent, shared),
    ):
        with pytest.raises(DataError, match=said):
            step()
    table = stage2.audit(plan, ENTRY)
    rows = pd.read_csv(table, keep_default_na=False)
    assert rows["verdict"].tolist() == ["wrong"]
    assert "made by the plan" in rows["detail"][0]
    with pytest.raises(DataError, match="damaged stores: 1"):
        store_audit.summarise([table])
    store_audit.repair([table])  # has nothing to mark
    assert_array_equal(open_embeddings(shared).embedding, before.embedding)


def test_the_same_experiment_goes_on(tmp_path, caplog):
    shared = tmp_path / "shared.zarr"
    plan = make(tmp_path, shared)
    token = json.loads(plan.read_text())["token"]
    assert token == store.attributes(shared)["owner"]["token"]
    index = pd.read_parquet(tmp_path / "e.index.parquet")
    assert index.attrs["token"] == token
    caplog.set_level("INFO", "earshift")
    for step in ("again", "without a plan", "other options", "lost"):
        if step == "without a plan":  # Snakemake deletes it before it is made anew
            plan.unlink()
        if step == "lost":
            shutil.rmtree(shared)
        caplog.clear()
        make(
            tmp_path, shared, dtype="float16" if step == "other options" else "float32"
        )
        n = 0 if step in ("again", "without a plan") else 8
        assert n_embedded(caplog) == n, step
        assert json.loads(plan.read_text())["token"] == token


def test_a_plan_that_was_killed_before_it_was_written_goes_on(tmp_path):
    """The token is there before the store, and the plan after it."""
    write_table_dataset(tmp_path / "data", n_recordings=2)
    table = stage2.list_clips(tmp_path / "data", tmp_path)
    shared = tmp_path / "shared.zarr"
    stage2.create(table, tmp_path, 1, ENTRY, location=shared).unlink()
    assert store.attributes(shared)
    assert len(stage2.pool(make(tmp_path, shared), tmp_path)[1]) == 8


def test_a_store_is_not_read_with_a_plan_of_other_options(tmp_path):
    plan = make(tmp_path)
    said = plan.read_text()
    make(tmp_path, dtype="float16")
    plan.write_text(said)
    with pytest.raises(DataError, match=r"made anew, with another model.*plan_regions"):
        stage2.pool(plan, tmp_path)


def test_an_index_of_another_store_is_not_used(tmp_path):
    one, two = (make(tmp_path / name) for name in ("one", "two"))
    shutil.copy(two.parent / "e.index.parquet", one.parent)
    with pytest.raises(DataError, match=r"index beside .* is of the store of another"):
        stage2.pool(one, one.parent)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_moved_results_find_their_store(tmp_path, elsewhere, caplog):
    old, data = tmp_path / "old/2_embeddings/d/m", tmp_path / "data"
    location = tmp_path / "shared.zarr" if elsewhere else None
    before = stage2.pool(make(old, location, data=data), old)
    (tmp_path / "old").rename(tmp_path / "new")
    new = tmp_path / "new/2_embeddings/d/m"
    after = stage2.pool(new / "e.plan.json", new)
    assert_array_equal(after[0], before[0])
    caplog.set_level("INFO", "earshift")
    caplog.clear()
    plan = make(new, location, data=data)
    assert "0 of them to embed" in caplog.text
    held = store.attributes(region_files.location_of(plan))
    assert held["owner"]["plan"] == str(plan)
    assert not (tmp_path / "old").exists()


def test_a_project_of_relative_paths_can_be_moved(tmp_path, monkeypatch):
    (tmp_path / "old").mkdir()
    monkeypatch.chdir(tmp_path / "old")
    plan = make(Path("results/2_embeddings/d/m"), Path("stores/d/m/clean.zarr"))
    before = stage2.pool(plan, plan.parent)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old").rename(tmp_path / "new")
    plan = tmp_path / "new" / plan
    assert region_files.location_of(plan) == tmp_path / "new/stores/d/m/clean.zarr"
    assert_array_equal(stage2.pool(plan, plan.parent)[0], before[0])


def test_a_copy_reads_the_store_of_the_original_but_does_not_write_into_it(tmp_path):
    shared = tmp_path / "shared.zarr"
    plan = make(tmp_path / "one", shared)
    before = stage2.pool(plan, plan.parent)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    copy = tmp_path / "two/e.plan.json"
    assert_array_equal(stage2.pool(copy, copy.parent)[0], before[0])
    for step in (
        lambda: make(copy.parent, shared, dtype="float16"),
        lambda: stage2.embed(copy, "000000", tmp_path / "m.json", ENTRY),
    ):
        with pytest.raises(DataError, match=r"two/e.plan.json' is a copy of '.*one/e"):
            step()
    assert_array_equal(stage2.pool(plan, plan.parent)[0], before[0])
    shutil.rmtree(tmp_path / "one")  # it was moved, after all
    make(copy.parent, shared)


def test_a_copy_with_a_store_of_its_own_goes_on(tmp_path, caplog):
    make(tmp_path / "one", data=tmp_path / "data")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    caplog.set_level("INFO", "earshift")
    caplog.clear()
    plan = make(tmp_path / "two", data=tmp_path / "data")
    assert "0 of them to embed" in caplog.text
    assert region_files.location_of(plan) == tmp_path / "two/e.zarr"


def forget_owner(plan):
    """Make plan, index and store those of a version that knew no tokens."""
    location = region_files.location_of(plan)
    said = json.loads(plan.read_text())
    del said["token"]
    plan.write_text(json.dumps(said | {"store": str(location)}))
    description = location / "zarr.json"
    held = json.loads(description.read_text())
    del held["attributes"]["owner"]
    description.write_text(json.dumps(held))
    region_files.beside(plan, ".owner.json").unlink()
    index = plan.parent / "e.index.parquet"
    rows = pd.read_parquet(index)
    rows.attrs.clear()
    rows.to_parquet(index)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_store_of_an_earlier_version_is_adopted(tmp_path, elsewhere, caplog):
    location = tmp_path / "shared.zarr" if elsewhere else tmp_path / "one/e.zarr"
    plan = make(tmp_path / "one", location)
    forget_owner(plan)
    before = stage2.pool(plan, plan.parent)
    caplog.set_level("INFO", "earshift")
    caplog.clear()
    make(tmp_path / "one", location)
    assert n_embedded(caplog) == 0
    assert "owner" in store.attributes(location)
    assert_array_equal(stage2.pool(plan, plan.parent)[0], before[0])


def test_a_store_of_an_earlier_version_is_not_adopted_by_others(tmp_path):
    shared = tmp_path / "shared.zarr"
    forget_owner(make(tmp_path / "one", shared))
    with pytest.raises(DataError, match="does not name"):
        make(tmp_path / "two", shared)
    # Nor by one whose embeddings it once had.
    forget_owner(make(tmp_path / "two", tmp_path / "two.zarr"))
    rows = pd.read_parquet(tmp_path / "two/e.index.parquet")
    rows.assign(n_frames=9).to_parquet(tmp_path / "two/e.index.parquet")
    with pytest.raises(DataError, match=r"does not hold what .*index.parquet' says"):
        make(tmp_path / "two", shared)


def test_moved_results_of_an_earlier_version_find_their_store(tmp_path):
    old = tmp_path / "old/2_embeddings/d/m"
    plan = make(old)
    forget_owner(plan)
    before = stage2.pool(plan, old)
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    copy = tmp_path / "new/2_embeddings/d/m/e.plan.json"
    # Also while the original is there.
    assert region_files.location_of(copy) == copy.parent / "e.zarr"
    shutil.rmtree(tmp_path / "old")
    assert region_files.location_of(copy) == copy.parent / "e.zarr"
    assert_array_equal(stage2.pool(copy, copy.parent)[0], before[0])


def test_an_import_does_not_overwrite_the_store_of_another(tmp_path):
    shared = tmp_path / "shared.zarr"
    plan = make(tmp_path / "one", shared)
    before = stage2.pool(plan, plan.parent)
    two = tmp_path / "two"
    two.mkdir()
    with h5py.File(two / "e.h5", "w") as held:
        held["d/m/features"], held["d/m/keys"] = (
            np.ones((8, 2)),
            np.array(before[1], "S"),
        )
    options = {
        "datasets": ["d"],
        "name": "m",
        "table": tmp_path / "one/clips.parquet",
        "versions": stage2.VERSIONS,
        "dtype": "float32",
        "pooling": [],
        "max_bad_clips": 0,
        "plan": two / "e.plan.json",
        "index": two / "e.index.parquet",
    }
    with pytest.raises(DataError, match="made by the plan"):
        importing.import_embeddings("m", two / "e.h5", location=shared, **options)
    assert_array_equal(stage2.pool(plan, plan.parent)[0], before[0])
    for _ in range(2):
        importing.import_embeddings(
            "m", two / "e.h5", location=two / "e.zarr", **options
        )
    assert owners.store_of(two / "e.plan.json", writing=True) == two / "e.zarr"


def test_what_is_left_to_embed_is_not_said_of_the_store_of_another(tmp_path):
    shared = tmp_path / "shared.zarr"
    make(tmp_path / "one", shared)
    with pytest.raises(DataError, match="made by the plan"):
        regions.left_to_embed(
            "m",
            ENTRY,
            table=tmp_path / "one/clips.parquet",
            versions=stage2.VERSIONS,
            location=shared,
            dtype="float32",
            pooling=(),
            plan=tmp_path / "two.plan.json",
        )
    assert not (tmp_path / "two.owner.json").exists()
