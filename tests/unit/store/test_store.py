import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from earshift import open_embeddings, store
from earshift.errors import DataError

FACTS = {"hop_s": 0.5, "model": "m"}


N_FRAMES = (3, 0, 5, 700, 2)
IDS = [f"clip {i} é" for i in range(len(N_FRAMES))]


def make(path, n_features=1000, dtype="float32"):
    """A store of two regions, of the first three and the last two clips."""
    chunk, shard = store.shard_frames(100, n_features, dtype)
    store.create_embeddings(
        path,
        n_features=n_features,
        chunk=chunk,
        shard=shard,
        dtype=dtype,
        attributes=FACTS,
    )
    return [store.grow(path, 8), store.grow(path, 702)]


def fill(path, regions):
    """Write every clip's frames, which hold the clip and their place in it."""
    first = np.zeros(len(N_FRAMES), np.int64)
    for region, own in zip(regions, ([0, 1, 2], [3, 4]), strict=True):
        with store.RegionWriter(path, region) as writer:
            at = 0
            for clip in own:
                n = N_FRAMES[clip]
                first[clip] = region[0] + at
                values = np.float32(clip) + np.arange(n, dtype=np.float32) / 1024
                frames = np.repeat(values[:, None], 1000, axis=1)
                writer.put(at + np.arange(n), frames)
                at += n
    store.write_index(path, IDS, first, np.array(N_FRAMES), np.zeros(5, np.uint8))
    return first


def test_regions_are_whole_shards_one_after_the_other(tmp_path):
    (a, b), (c, d) = make(tmp_path / "s.zarr")
    shard = store.shard_of(tmp_path / "s.zarr")
    assert a == 0
    assert b == c == shard
    assert (d - c) % shard == 0
    assert d - c >= 702


def test_what_was_written_is_read_by_clip(tmp_path):
    fill(tmp_path / "s.zarr", make(tmp_path / "s.zarr"))
    found = open_embeddings(tmp_path / "s.zarr")
    assert found.sizes == {"frame": 710, "feature": 1000}
    assert found.attrs["model"] == "m"
    last = found.embedding[found.clip_id == IDS[3]]
    assert_array_equal(last[:, 0], np.float32(3) + np.arange(700) / 1024)
    assert_array_equal(found.time_s[found.clip_id == IDS[2]], np.arange(5) * 0.5)
    assert IDS[1] not in found.clip_id.values


def test_reading_is_lazy(tmp_path):
    fill(tmp_path / "s.zarr", make(tmp_path / "s.zarr"))
    assert open_embeddings(tmp_path / "s.zarr").embedding.chunks is not None


def test_clips_are_read_one_after_the_other_in_parts(tmp_path):
    first = fill(tmp_path / "s.zarr", make(tmp_path / "s.zarr"))
    parts = list(store.read_clips(tmp_path / "s.zarr", first, np.array(N_FRAMES)))
    clips = [clip for clip, _ in parts]
    assert clips == sorted(clips)
    assert clips.count(3) > 1  # longer than a shard
    for clip, n in enumerate(N_FRAMES):
        frames = [part for c, part in parts if c == clip]
        assert sum(map(len, frames)) == n
        if n:
            expected = np.float32(clip) + np.arange(n) / 1024
            assert_array_equal(np.concatenate(frames)[:, 0], expected)


def test_rows_never_written_are_nan(tmp_path):
    make(tmp_path / "s.zarr")
    assert np.isnan(store.read_embeddings(tmp_path / "s.zarr", 0, 3)).all()


def test_a_store_in_float16_takes_half_the_room(tmp_path):
    sizes = {}
    for dtype in store.DTYPES:
        path = tmp_path / dtype
        fill(path, make(path, dtype=dtype))
        sizes[dtype] = sum(
            f.stat().st_size for f in (path / "embedding/c").rglob("*") if f.is_file()
        )
        found = open_embeddings(path).embedding
        assert found.dtype == dtype
        assert_allclose(found[-1, :2], [4 + 1 / 1024] * 2, rtol=1e-3)
    assert 0.45 < sizes["float16"] / sizes["float32"] < 0.65


def test_a_region_that_cuts_a_shard_is_refused(tmp_path):
    (start, stop), _ = make(tmp_path / "s.zarr")
    rows = np.zeros((5, 1000), np.float32)
    with pytest.raises(DataError, match="cut a shard"):
        store.write_region(tmp_path / "s.zarr", rows, (0, 5))
    with pytest.raises(DataError, match="hold"):
        store.write_region(tmp_path / "s.zarr", rows, (start, stop))


def test_a_flipped_bit_is_found_on_reading(tmp_path):
    regions = make(tmp_path / "s.zarr")
    fill(tmp_path / "s.zarr", regions)
    shard = max(
        (tmp_path / "s.zarr/embedding/c").rglob("*"), key=lambda p: p.stat().st_size
    )
    data = bytearray(shard.read_bytes())
    data[len(data) // 3] ^= 1
    shard.write_bytes(bytes(data))
    with pytest.raises(ValueError, match="checksum"):
        store.read_embeddings(tmp_path / "s.zarr", 0, regions[-1][1])


def test_cleared_shards_leave_no_file(tmp_path):
    regions = make(tmp_path / "s.zarr")
    fill(tmp_path / "s.zarr", regions)

    def shards():
        folders = (tmp_path / "s.zarr/embedding/c").glob("*")
        return {f.name for f in folders if any(f.iterdir())}

    before = shards()
    store.clear_rows(tmp_path / "s.zarr", *regions[0])
    assert before - shards() == {"0"}


@pytest.mark.parametrize("size", [1, 7, 50])
def test_features_come_back_with_their_ids(tmp_path, size):
    values = np.random.default_rng(0).standard_normal((50, 7)).astype(np.float32)
    ids = [f"c{i}" for i in range(50)]
    blocks = [values[i : i + size] for i in range(0, 50, size)]
    store.write_features(tmp_path / "f.zarr", blocks, ids, 7, FACTS)
    found, names = store.read_features(tmp_path / "f.zarr")
    assert_array_equal(found, values)
    assert names == ids


def test_a_folder_that_is_no_store_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"there is no store at .*make run"):
        open_embeddings(tmp_path)
