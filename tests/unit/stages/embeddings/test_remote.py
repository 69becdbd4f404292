"""Stores at addresses: s3:// on a server that stands in for one, and others."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from earshift import open_embeddings, store
from earshift.errors import ConfigError, DataError
from earshift.stages.embeddings import region_files, store_audit
from tests.helpers import stage2
from tests.helpers.stage2 import add_clips, n_embedded


@pytest.fixture(params=["s3", "file", "memory"])
def location(request, tmp_path):
    """Where the store goes: an address of each kind."""
    if request.param == "s3":
        return f"{request.getfixturevalue('s3_server')}/{tmp_path.name}/e.zarr"
    return f"{request.param}://{tmp_path}/e.zarr"


@pytest.fixture
def run(table_dataset, tmp_path):
    """Stages 1 and 2 on the clips as they are now, with the store at an address."""
    entry = stage2.wide(tmp_path)

    def run(location, **changes):
        table = stage2.list_clips(table_dataset, tmp_path)
        changes["location"] = location
        return stage2.extract(table, tmp_path, 3, entry, **changes)[0]

    run.entry = entry
    return run


@pytest.fixture
def beside(table_dataset, tmp_path):
    """The same store in a folder."""
    folder = tmp_path / "beside"
    folder.mkdir()
    table = stage2.list_clips(table_dataset, folder)
    plan, _ = stage2.extract(table, folder, 3, stage2.wide(folder))
    return plan, folder


def test_a_store_elsewhere_is_that_in_a_folder(run, beside, tmp_path, location):
    plan = run(location)
    assert region_files.location_of(plan) == location
    assert (tmp_path / "e.zarr").exists() == location.startswith("file://")
    own, other = (
        open_embeddings(region_files.location_of(p)) for p in (plan, beside[0])
    )
    assert own.embedding.chunks is not None
    assert_array_equal(own.embedding, other.embedding)
    assert_array_equal(own.clip_id, other.clip_id)
    for a, b in zip(stage2.pool(plan, tmp_path), stage2.pool(*beside), strict=True):
        assert_array_equal(a, b)


def test_a_store_elsewhere_grows(run, table_dataset, caplog, location):
    before = open_embeddings(region_files.location_of(run(location))).load()
    add_clips(table_dataset, 5)
    caplog.set_level("INFO", "earshift")
    caplog.clear()
    plan = run(location)
    assert n_embedded(caplog) == 5
    after = open_embeddings(location).load()
    assert len(set(after.clip_id.values)) == 29
    for clip in set(before.clip_id.values):
        assert_array_equal(
            *(s.embedding[np.flatnonzero(s.clip_id == clip)] for s in (before, after))
        )
    caplog.clear()
    run(location, pooling=["mean"])
    assert n_embedded(caplog) == 29
    assert store.read_index(location)[2].tolist() == [1] * 29
    assert region_files.location_of(plan) == location


def test_a_store_elsewhere_is_audited_and_repaired(run, location, caplog, tmp_path):
    from fsspec.core import url_to_fs

    plan = run(location)
    before = open_embeddings(location).load()
    assert set(pd.read_csv(stage2.audit(plan, run.entry))["verdict"]) == {"ok"}
    fs, root = url_to_fs(location)
    key = f"{root}/embedding/c/1/0"
    data = bytearray(fs.cat_file(key))
    data[len(data) // 3] ^= 1
    fs.pipe_file(key, bytes(data))
    fs.makedirs(f"{root}/embedding/c/77", exist_ok=True)
    fs.pipe_file(f"{root}/embedding/c/77/0", b"stray")
    with pytest.raises(DataError, match=r"shard embedding/c/1/0 \(rows.*is damaged"):
        stage2.pool(plan, tmp_path)
    table = stage2.audit(plan, run.entry)
    rows = pd.read_csv(table, dtype=str, keep_default_na=False)
    assert rows[rows["verdict"] == "wrong"]["item"].tolist() == [
        "",
        "embedding/c/1/0",
    ]
    assert rows[rows["check"] == "leftover"]["item"].tolist() == [
        "store:embedding/c/77/0"
    ]
    store_audit.repair([table])
    caplog.set_level("INFO", "earshift")
    caplog.clear()
    run(location)
    assert n_embedded(caplog) == 8
    assert_array_equal(open_embeddings(location).embedding, before.embedding)
    assert set(pd.read_csv(stage2.audit(plan, run.entry))["verdict"]) == {"ok"}


def test_an_address_of_an_unknown_kind_says_what_is_missing(run):
    with pytest.raises(ConfigError, match=r"'nowhere://x/e\.zarr'.*nowhere"):
        run("nowhere://x/e.zarr")


@pytest.mark.usefixtures("s3_server")
def test_a_bucket_that_is_not_there_says_so(run):
    with pytest.raises(DataError, match=r"s3://other/e\.zarr: cannot be made.*bucket"):
        run("s3://other/e.zarr")
