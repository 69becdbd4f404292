"""Stores of a whole experiment: elsewhere, audited, and repaired."""

import shutil

import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from earshift import store
from tests.workflow.conftest import jobs_of, run, write_experiment
from tests.workflow.test_experiment import tables

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(1800)]


def test_damage_is_found_and_its_region_alone_is_embedded_again(finished, tmp_path):
    folder = tmp_path / "damaged"
    shutil.copytree(finished[0], folder)
    beside = folder / "results/2_embeddings/hum/mfcc"
    shard = beside / "clean.zarr/embedding/c/0/0"
    before = shard.read_bytes()
    shard.write_bytes(before[:-1])
    found = run(folder, "--audit")
    assert found.returncode != 0
    assert "wrong: shard embedding/c/0/0 of region 000000" in found.stderr
    assert "damaged stores: 1" in found.stderr
    assert jobs_of(found, "extract_embeddings") == 0
    rows = pd.read_csv(beside / "clean.audit.csv", dtype=str, keep_default_na=False)
    assert rows[rows["verdict"] == "wrong"]["check"].tolist() == ["region", "shard"]
    repaired = run(folder, "--repair")
    assert repaired.returncode == 0, repaired.stderr[-3000:]
    assert "clean.audit.csv: regions to embed again: 000000" in repaired.stderr
    assert not (beside / "clean.done/000000.json").exists()
    done = run(folder)
    assert done.returncode == 0, done.stderr[-3000:]
    assert jobs_of(done, "extract_embeddings") == 1
    assert jobs_of(done, "pool_frames") == 1
    assert shard.read_bytes() == before
    assert tables(folder) == tables(finished[0])


def test_an_experiment_keeps_its_stores_on_s3(finished, tmp_path, s3_server):
    address = f"{s3_server}/{tmp_path.name}"
    folder = write_experiment(tmp_path / "remote", store={"address": address})
    features = [
        f"results/3_features/{name}/mfcc/clean.zarr" for name in ("hum", "clear")
    ]
    done = run(folder, *features)
    assert done.returncode == 0, done.stderr[-3000:]
    assert not list((folder / "results/2_embeddings").rglob("*.zarr"))
    for name in features:
        found, ids = store.read_features(folder / name)
        expected, same_ids = store.read_features(finished[0] / name)
        assert_array_equal(found, expected)
        assert ids == same_ids
    audit = run(folder, "--audit", "--config", "audit_clips=2")
    assert audit.returncode == 0, audit.stderr[-3000:]
    assert f"{address}/hum/mfcc/clean.zarr: embedding again" in audit.stderr
    assert "2 identical, largest relative difference 0" in audit.stderr
