import numpy as np
import pytest
from numpy.testing import assert_array_equal

from earshift import open_embeddings, store
from earshift.errors import DataError

FACTS = {"hop_s": 0.5, "model": "m"}


def make(path, n_frames=(3, 0, 5, 700, 2), n_jobs=2, n_features=1000):
    layout = store.plan(np.asarray(n_frames), n_features, n_jobs)
    ids = [f"clip {i} é" for i in range(len(n_frames))]
    store.create_embeddings(path, layout, ids, FACTS)
    return layout, ids


def fill(path, layout):
    """Write every region with frames that hold their clip and their place in it."""
    for region, (a, b) in zip(layout.regions, layout.clips, strict=True):
        rows = np.full((region[1] - region[0], layout.n_features), np.nan, np.float32)
        for clip in range(a, b):
            start = layout.first_frame[clip] - region[0]
            for k in range(layout.n_frames[clip]):
                rows[start + k] = clip + k / 1000
        store.write_region(path, rows, region)


def test_jobs_own_whole_shards_and_share_none():
    layout = store.plan(np.full(1000, 20), 128, 7)
    for (a, b), (c, _) in zip(layout.regions, layout.regions[1:], strict=False):
        assert a % layout.shard_frames == b % layout.shard_frames == 0
        assert b == c
    for (first, last), (start, stop) in zip(layout.clips, layout.regions, strict=True):
        assert layout.first_frame[first] == start
        assert layout.first_frame[last - 1] + layout.n_frames[last - 1] <= stop


def test_frames_are_shared_about_equally():
    rng = np.random.default_rng(0)
    n_frames = rng.integers(1, 100, 5000)
    layout = store.plan(n_frames, 128, 8)
    sums = [n_frames[a:b].sum() for a, b in layout.clips]
    assert max(sums) - min(sums) <= 2 * 100


def test_more_jobs_than_clips_leave_some_without():
    layout = store.plan(np.array([4, 4]), 8, 5)
    assert sum(b - a for a, b in layout.clips) == 2
    assert layout.clips[0][0] == 0
    assert layout.clips[-1][1] == 2


def test_what_was_written_is_read_by_clip(tmp_path):
    layout, ids = make(tmp_path / "s.zarr")
    fill(tmp_path / "s.zarr", layout)
    found = open_embeddings(tmp_path / "s.zarr")
    assert found.sizes == {"frame": 710, "feature": 1000}
    assert found.attrs["model"] == "m"
    last = found.embedding[found.clip_id == ids[3]]
    assert_array_equal(last[:, 0], np.float32(3 + np.arange(700) / 1000))
    assert_array_equal(found.time_s[found.clip_id == ids[2]], np.arange(5) * 0.5)
    assert ids[1] not in found.clip_id.values


def test_reading_is_lazy(tmp_path):
    layout, _ = make(tmp_path / "s.zarr")
    fill(tmp_path / "s.zarr", layout)
    assert open_embeddings(tmp_path / "s.zarr").embedding.chunks is not None


def test_rows_never_written_are_nan(tmp_path):
    make(tmp_path / "s.zarr")
    assert np.isnan(store.read_embeddings(tmp_path / "s.zarr", 0, 3)).all()


def test_a_region_that_cuts_a_shard_is_refused(tmp_path):
    layout, _ = make(tmp_path / "s.zarr")
    rows = np.zeros((5, 1000), np.float32)
    with pytest.raises(DataError, match="cut a shard"):
        store.write_region(tmp_path / "s.zarr", rows, (0, 5))
    start, stop = layout.regions[0]
    with pytest.raises(DataError, match="hold"):
        store.write_region(tmp_path / "s.zarr", rows, (start, stop))


def test_a_flipped_bit_is_found_on_reading(tmp_path):
    layout, _ = make(tmp_path / "s.zarr")
    fill(tmp_path / "s.zarr", layout)
    shard = max(
        (tmp_path / "s.zarr/embedding/c").rglob("*"), key=lambda p: p.stat().st_size
    )
    data = bytearray(shard.read_bytes())
    data[len(data) // 3] ^= 1
    shard.write_bytes(bytes(data))
    with pytest.raises(ValueError, match="checksum"):
        store.read_embeddings(tmp_path / "s.zarr", 0, layout.regions[-1][1])


def test_features_come_back_with_their_ids(tmp_path):
    values = np.random.default_rng(0).standard_normal((50, 7)).astype(np.float32)
    ids = [f"c{i}" for i in range(50)]
    store.write_features(tmp_path / "f.zarr", values, ids, FACTS)
    found, names = store.read_features(tmp_path / "f.zarr")
    assert_array_equal(found, values)
    assert names == ids


def test_a_folder_that_is_no_store_is_refused(tmp_path):
    with pytest.raises(DataError, match="no store of embeddings"):
        open_embeddings(tmp_path)
