"""Stores of a whole experiment: elsewhere, audited, and repaired."""

import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml
from numpy.testing import assert_array_equal

from earshift import store
from tests.helpers.workflow import (
    TO_TABLES,
    jobs_of,
    run,
    tables,
    write_experiment,
)

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
    done = run(folder, *TO_TABLES)
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


def test_two_experiments_do_not_share_a_store(tmp_path):
    """The same names of dataset and model, other audio, one address."""
    shared = {"address": str(tmp_path / "shared")}
    one, two = (write_experiment(tmp_path / n, store=shared) for n in ("one", "two"))
    for file in (two / "hum" / "audio").iterdir():
        samples, rate = soundfile.read(file)
        soundfile.write(file, samples[::-1], rate)
    target = "results/3_features/hum/mfcc/clean.zarr"
    done = run(one, target)
    assert done.returncode == 0, done.stderr[-3000:]
    before, ids = store.read_features(one / target)
    refused = run(two, target)
    assert refused.returncode != 0
    for folder in (one, two):
        plan = folder / "results/2_embeddings/hum/mfcc/clean.plan.json"
        assert str(plan) in refused.stderr
    assert "another 'store: address'" in refused.stderr
    again = run(one, target, "--forcerun", "pool_frames")
    assert again.returncode == 0, again.stderr[-3000:]
    assert jobs_of(again, "extract_embeddings") == 0
    after, same_ids = store.read_features(one / target)
    assert same_ids == ids
    assert_array_equal(after, before)
    # With an address of its own, the second experiment has other features.
    write_experiment_again(two, store={"address": str(tmp_path / "own")})
    done = run(two, target)
    assert done.returncode == 0, done.stderr[-3000:]
    other, _ = store.read_features(two / target)
    assert np.abs(other - before).max() > 0.1


def write_experiment_again(folder, **changes):
    """Change settings of an experiment, and nothing else."""
    file = folder / "experiment.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | changes))


def test_results_that_were_renamed_find_their_stores(finished, tmp_path):
    """Absolute results, whose old name is gone: nothing is embedded again."""
    folder = tmp_path / "run"
    folder.mkdir()
    shutil.copytree(finished[0] / "results", folder / "old")
    for name in ("clear", "hum"):
        (folder / name).symlink_to(finished[0] / name)
    shutil.copy(finished[0] / "experiment.yaml", folder)
    (folder / "old").rename(folder / "new")
    write_experiment_again(folder, results=str(folder / "new"), pooling=["mean", "std"])
    target = "3_features/hum/mfcc/clean.zarr"
    done = run(folder, str(folder / "new" / target), "--forcerun", "pool_frames")
    assert done.returncode == 0, done.stderr[-3000:]
    assert jobs_of(done, "extract_embeddings") == 0
    pooled, ids = store.read_features(folder / "new" / target)
    before, same_ids = store.read_features(finished[0] / "results" / target)
    assert ids == same_ids
    assert_array_equal(pooled[:, : before.shape[1]], before)
    assert not (folder / "old").exists()
