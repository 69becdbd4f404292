"""A disk that is full: a small one is mounted, filled, and made larger."""

import pytest
from numpy.testing import assert_array_equal

from earshift import store
from earshift.errors import DataError
from earshift.stages.embeddings import region_files
from earshift.store import sizes
from tests.helpers import stage2
from tests.helpers.stores import read_files


@pytest.fixture
def small_disk(mount):
    """A disk of 3 MB, and what makes it larger."""
    return mount("size=3m"), lambda: mount("remount,size=30m")


def test_a_full_disk_keeps_what_is_written_and_the_rest_comes_later(
    small_disk, table_dataset, tmp_path, monkeypatch
):
    monkeypatch.setattr(sizes, "MAX_CHUNKS_PER_SHARD", 1)
    disk, enlarge = small_disk
    entry = stage2.wide(tmp_path)
    table = stage2.list_clips(table_dataset, tmp_path)
    plan = stage2.create(table, tmp_path, 3, entry, location=disk / "e.zarr")
    markers = [tmp_path / f"{region}.json" for region in stage2.names(plan)]
    stage2.embed(plan, "000000", markers[0], entry)
    before = read_files(disk / "e.zarr")
    match = r"disk/e\.zarr: no room. This job has up to \d\.\d MB yet to write there, "
    with pytest.raises(DataError, match=match + r"0\.\d MB are free \(No space"):
        stage2.embed(plan, "000001", markers[1], entry)
    assert not markers[1].exists()
    assert region_files.skipped_in(plan, "000001") is None
    after = read_files(disk / "e.zarr")
    # The shards that had room are whole, and nothing is left of the one that had not.
    assert before.items() < after.items()
    assert not [name for name in after if name.endswith(store.PARTIAL)]
    rows = region_files.rows_of(region_files.read_region(plan, "000001"), 16)
    for shard in store.check_shards(disk / "e.zarr", *rows, {}):
        assert not shard.problem
    enlarge()
    stage2.extract(table, tmp_path, 3, entry, location=disk / "e.zarr")
    (tmp_path / "whole").mkdir()
    stage2.extract(table, tmp_path / "whole", 3, entry)
    assert read_files(disk / "e.zarr") == read_files(tmp_path / "whole/e.zarr")


def test_features_that_have_no_room_say_so(small_disk, table_dataset, tmp_path):
    disk, _ = small_disk
    entry = stage2.wide(tmp_path)
    table = stage2.list_clips(table_dataset, tmp_path)
    plan, _ = stage2.extract(table, tmp_path, 1, entry)
    (disk / "e.index.parquet").write_bytes((tmp_path / "e.index.parquet").read_bytes())
    (disk / "ballast").write_bytes(bytes(2_900_000))
    with pytest.raises(DataError, match=r"f\.zarr: no room.*Make room and run again"):
        stage2.pool(plan, disk)
    (disk / "ballast").unlink()
    values, *_ = stage2.pool(plan, disk)
    assert_array_equal(values, stage2.pool(plan, tmp_path)[0])
