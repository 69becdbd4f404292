"""Lazy reading: what is read is what was asked for, and no more."""

import traceback

import numpy as np
import pandas as pd
import pytest
import xarray
from numpy.testing import assert_array_equal

from earshift import open_embeddings, open_features, store
from earshift.errors import ConfigError, DataError
from earshift.store.rows import find_rows
from tests.helpers.stores import FACTS, values, write_store

N_FRAMES = [3, 40, 0, 7, 100, 5]


@pytest.fixture
def table():
    """Of all clips but `c4`, and of one that is not in the store."""
    return pd.DataFrame(
        {
            "clip_id": ["c5", "c0", "c1", "c2", "c3", "other"],
            "recording": ["r1", "r0", "r0", "r1", "r2", "r2"],
            "subgroup": ["x", "x", "y", None, "y", "x"],
            "split": ["train", "test", "train", "test", "train", "test"],
            "label:low": pd.array([True, False, None, True, True, True], "boolean"),
            "label:high": pd.array([False, True, True, True, False, True], "boolean"),
        }
    )


@pytest.fixture
def path(tmp_path):
    return write_store(tmp_path / "s.zarr", N_FRAMES)


def clips(frames):
    """Clips of a dataset, in its order."""
    return list(dict.fromkeys(frames.clip_id.values))


def test_all_frames_come_in_the_order_of_the_store(path):
    frames = open_embeddings(path)
    assert clips(frames) == ["c5", "c0", "c1", "c3", "c4"]
    assert frames.sizes == {"frame": sum(N_FRAMES), "feature": 3}
    expected = [values(i, N_FRAMES[i]) for i in (5, 0, 1, 3, 4)]
    assert_array_equal(frames.embedding, np.concatenate(expected))
    assert_array_equal(frames.time_s, np.concatenate(expected)[:, 1] / 2)
    assert frames.attrs == FACTS


def test_whole_shards_are_read_as_slices(path):
    pieces = list(find_rows(path).pieces())
    assert [(p.start, p.stop) for p in pieces][:3] == [(0, 32), (32, 64), (64, 96)]
    assert all(p.within is None for p in pieces)
    assert open_embeddings(path).embedding.chunks[0] == tuple(p.n for p in pieces)


@pytest.mark.parametrize("gap", [0, 1, 40])
def test_rows_of_no_clip_are_not_read(tmp_path, gap):
    n = [2, 5, 1, 60, 33]
    path = write_store(tmp_path / "s.zarr", n, status=[0, 0, 1, 0, 0], gap=gap)
    frames = open_embeddings(path)
    assert clips(frames) == ["c4", "c0", "c1", "c3"]  # c2 was skipped
    expected = [values(i, n[i]) for i in (4, 0, 1, 3)]
    assert_array_equal(frames.embedding, np.concatenate(expected))


def test_a_table_adds_labels_and_says_which_clips(path, table):
    frames = open_embeddings(path, table)
    assert clips(frames) == ["c5", "c0", "c1", "c3"]
    one = frames.isel(frame=frames.clip_id.values == "c1")
    assert set(one.recording.values) == {"r0"}
    assert set(one.subgroup.values) == {"y"}
    assert set(one.split.values) == {"train"}
    assert (one.label.sel({"class": "low"}) == -1).all()
    assert (one.label.sel({"class": "high"}) == 1).all()
    assert frames.label.dtype == np.int8
    assert frames.label.attrs["flag_meanings"] == "unknown absent present"


def test_a_table_may_be_a_file(path, table, tmp_path):
    table.to_parquet(tmp_path / "t.parquet")
    frames = open_embeddings(path, tmp_path / "t.parquet", split="test")
    assert clips(frames) == ["c0"]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"clip_id": "c3"}, ["c3"]),
        ({"clip_id": ["c3", "c5"]}, ["c5", "c3"]),
        ({"label": "low"}, ["c5", "c3"]),
        ({"label": ["low", "high"]}, ["c5", "c0", "c1", "c3"]),
        ({"recording": "r0"}, ["c0", "c1"]),
        ({"subgroup": "y", "label": "low"}, ["c3"]),
        ({"subgroup": "x", "recording": "r0", "split": ["train", "test"]}, ["c0"]),
    ],
)
def test_clips_are_chosen(path, table, where, expected):
    frames = open_embeddings(path, table, **where)
    assert clips(frames) == expected
    numbers = [int(c[1:]) for c in expected]
    rows = [values(i, N_FRAMES[i]) for i in numbers]
    assert_array_equal(frames.embedding, np.concatenate(rows))


def test_a_choice_of_nothing_is_an_empty_dataset(path, table):
    frames = open_embeddings(path, table, subgroup="x", label="low", recording="r0")
    assert frames.embedding.compute().shape == (0, 3)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"label": "lwo"}, "no label 'lwo'.*Did you mean 'low'"),
        ({"clip_id": ["c3", "c9"]}, "the clip_id 'c9'"),
        ({"clip_id": "c2"}, "the clip_id 'c2'"),  # it has no frame
        ({"recording": "r7"}, "no clip of .* has the recording 'r7'"),
    ],
)
def test_what_is_not_there_is_an_error(path, table, where, message):
    with pytest.raises(DataError, match=message):
        open_embeddings(path, table, **where)


def test_a_choice_by_what_only_a_table_knows_asks_for_it(path, table):
    with pytest.raises(DataError, match="Give the clip table"):
        open_embeddings(path, subgroup="x")
    with pytest.raises(DataError, match="Give the clip table"):
        open_embeddings(path, label="low")
    with pytest.raises(DataError, match="no column 'clip_id'"):
        open_embeddings(path, table.drop(columns="clip_id"))
    with pytest.raises(DataError, match="lists 'c5' more than once"):
        open_embeddings(path, pd.concat([table, table]))


def test_xarray_selects_and_groups(path, table):
    frames = open_embeddings(path, table)
    one = frames.set_xindex("clip_id").sel(clip_id="c1")
    assert_array_equal(one.embedding, values(1, 40))
    means = frames.embedding.groupby("clip_id").mean()
    assert_array_equal(means.sel(clip_id="c3"), values(3, 7).mean(axis=0))


def test_half_precision_stays(tmp_path):
    frames = open_embeddings(write_store(tmp_path / "h.zarr", [4], dtype="float16"))
    assert frames.embedding.dtype == frames.embedding.compute().dtype == np.float16


def test_features_have_one_row_a_clip(tmp_path, table):
    vectors = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    ids = ["c3", "c0", "c9", "c5"]
    store.write_features(tmp_path / "f.zarr", [vectors], ids, 3, {"model": "m"})
    found = open_features(tmp_path / "f.zarr")
    # The ids are the index, as a user of xarray expects.
    assert found.embedding.dims == ("clip_id", "feature")
    assert_array_equal(found.embedding.sel(clip_id="c9"), vectors[2])
    assert_array_equal(found.embedding.mean("clip_id"), vectors.mean(axis=0))
    assert_array_equal(found.embedding, vectors)
    assert list(found.clip_id.values) == ids
    found = open_features(tmp_path / "f.zarr", table, label="low")
    assert list(found.clip_id.values) == ["c3", "c5"]
    assert_array_equal(found.embedding, vectors[[0, 3]])
    with pytest.raises(DataError, match="no store of embeddings: open it by open_feat"):
        open_embeddings(tmp_path / "f.zarr")


def test_many_clips_are_opened_without_a_loop_over_them(tmp_path):
    """Half a million rows of one frame each, every second of no clip."""
    n = 1 << 18
    path = tmp_path / "s.zarr"
    store.create_embeddings(
        path, n_features=1, chunk=4096, shard=1 << 14, dtype="float32", attributes=FACTS
    )
    region = store.grow(path, 2 * n)
    rows = np.arange(2 * n, dtype=np.float32)[:, None]
    store.write_region(path, rows, region)
    first, ones = 2 * np.arange(n), np.ones(n, np.int64)
    ids = list(map(str, range(n)))
    store.write_index(path, ids, first, ones, np.zeros(n, np.uint8))
    frames = open_embeddings(path)
    assert len(frames.embedding.chunks[0]) == 2 * n // (1 << 14)
    assert_array_equal(frames.embedding[:, 0], first)


@pytest.mark.parametrize("kind", ["frames", "features"])
def test_no_name_hides_a_method_of_xarray(path, table, tmp_path, kind):
    found = open_embeddings(path, table)
    if kind == "features":
        vectors = np.ones((4, 3), np.float32)
        facts = {"model": "m", "pooling": ["mean"]}
        ids = ["c3", "c0", "c1", "c5"]
        store.write_features(tmp_path / "f.zarr", [vectors], ids, 3, facts)
        found = open_features(tmp_path / "f.zarr", table)
    names = {*map(str, found.variables), *map(str, found.dims)}
    assert {"embedding", "clip_id", "label", "recording"} <= names
    for name in {*names, *found.attrs}:
        assert not hasattr(xarray.Dataset, name), name
    for name in names:
        assert not hasattr(xarray.DataArray, name), name
    clipped = found.embedding.clip(0, 1).compute()
    assert clipped.max() <= 1


def test_what_is_missing_is_one_sentence_with_its_path_and_what_makes_it(
    path, tmp_path
):
    missing = tmp_path / "none.zarr"
    for wrong in (
        lambda: open_embeddings(missing),
        lambda: open_features(missing),
        lambda: open_embeddings(path, missing),
    ):
        with pytest.raises(
            DataError, match=r"there is no .*none\.zarr.*make run"
        ) as error:
            wrong()
        # Nothing of the libraries below is shown above it.
        text = "".join(traceback.format_exception(error.value))
        assert "During handling" not in text
        assert "zarr.errors" not in text
        assert len(str(error.value)) < 400
    (path / "zarr.json").write_text("{")
    with pytest.raises(DataError, match=r"zarr\.json is damaged"):
        open_embeddings(path)
    with pytest.raises(ConfigError, match="nowhere"):
        open_embeddings("nowhere://bucket/e.zarr")


def test_a_store_whose_jobs_are_not_done_says_so(path):
    (path / "first_frame" / "zarr.json").unlink()
    with pytest.raises(DataError, match=r"no complete store .*make run"):
        open_embeddings(path)
