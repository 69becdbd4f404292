"""What is exported can be read by others, and comes back as it was."""

import subprocess
import sys

import h5py
import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
from numpy.testing import assert_array_equal

from earshift import export, store
from earshift.stages.embeddings.vector_files import open_vectors
from tests.helpers.stores import values, write_store

N_FRAMES = [3, 40, 0, 7, 100, 5]
ORDER = [5, 0, 1, 3, 4]
EXPECTED = np.concatenate([values(i, N_FRAMES[i]) for i in ORDER])
CLIPS = np.repeat([f"c{i}" for i in ORDER], [N_FRAMES[i] for i in ORDER])


@pytest.fixture
def path(tmp_path):
    return write_store(tmp_path / "ours" / "mfcc" / "clean.zarr", N_FRAMES)


@pytest.fixture
def features(tmp_path):
    path = tmp_path / "ours" / "mfcc" / "f.zarr"
    store.write_features(path, [values(0, 3)], ["b", "a", "c"], 3, {"model": "m"})
    return path


def test_parquet_has_one_row_a_frame(path, tmp_path):
    export.to_parquet(path, tmp_path / "a.parquet")
    table = pd.read_parquet(tmp_path / "a.parquet")
    assert list(table) == ["clip_id", "frame", "time_s", "embedding"]
    assert_array_equal(table["clip_id"], CLIPS)
    assert_array_equal(table["frame"], EXPECTED[:, 1])
    assert_array_equal(table["time_s"], EXPECTED[:, 1] / 2)
    assert_array_equal(np.stack(table["embedding"]), EXPECTED)
    file = pyarrow.parquet.ParquetFile(tmp_path / "a.parquet")
    assert str(file.schema_arrow.field("embedding").type).endswith("[3]")
    assert file.num_row_groups == 5  # one a shard


def test_parquet_of_features_has_one_row_a_clip(features, tmp_path):
    export.to_parquet(features, tmp_path / "a.parquet")
    table = pd.read_parquet(tmp_path / "a.parquet")
    assert list(table) == ["clip_id", "embedding"]
    assert list(table["clip_id"]) == ["b", "a", "c"]
    assert_array_equal(np.stack(table["embedding"]), values(0, 3))


def test_times_that_are_not_known_are_null(tmp_path):
    path = tmp_path / "s.zarr"
    write_store(path, [2])
    export.to_parquet(path, tmp_path / "a.parquet")
    assert pd.read_parquet(tmp_path / "a.parquet")["time_s"].notna().all()
    facts = {"hop_s": None, "model": "m"}
    store.create_embeddings(
        path, n_features=3, chunk=16, shard=32, dtype="float16", attributes=facts
    )
    store.write_region(path, np.ones((32, 3), np.float32), store.grow(path, 32))
    store.write_index(path, ["a"], np.array([0]), np.array([2]), np.zeros(1, np.uint8))
    export.to_parquet(path, tmp_path / "a.parquet")
    table = pd.read_parquet(tmp_path / "a.parquet")
    assert table["time_s"].isna().all()
    assert table["embedding"][0].dtype == np.float32


def test_npz_has_the_rows_of_each_clip(path, tmp_path):
    export.to_npz(path, tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as found:
        assert found["clip_id"].tolist() == [f"c{i}" for i in ORDER]
        assert_array_equal(found["n_frames"], [N_FRAMES[i] for i in ORDER])
        assert_array_equal(found["first_frame"], [0, 5, 8, 48, 55])
        assert found["embedding"].dtype == np.float32
        assert_array_equal(found["embedding"], EXPECTED)


def test_the_layout_of_the_study_has_one_key_a_frame(path, features, tmp_path):
    groups = {"ours/mfcc": path, "theirs/mfcc": features}
    export.to_h5(groups, tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as found:
        assert found["ours/mfcc/features"].dtype == np.float32
        assert_array_equal(found["ours/mfcc/features"], EXPECTED)
        assert_array_equal(found["ours/mfcc/keys"][:].astype(str), CLIPS)
        assert found["theirs/mfcc/keys"][:].tolist() == [b"b", b"a", b"c"]


@pytest.mark.parametrize("ending", [".parquet", ".npz", ".h5"])
def test_what_is_exported_can_be_imported(path, tmp_path, ending):
    out = tmp_path / f"a{ending}"
    assert export.main([str(path), str(out)]) == 0
    found = open_vectors(out, ["ours"], "mfcc")
    assert found.clip_ids == [f"c{i}" for i in ORDER]
    assert_array_equal(found.n, [N_FRAMES[i] for i in ORDER])
    assert found.n_features == 3
    assert_array_equal(np.concatenate(list(found.blocks())), EXPECTED)


def test_a_failed_export_leaves_no_file(path, tmp_path):
    shard = path / "embedding/c/1/0"
    data = bytearray(shard.read_bytes())
    data[10] ^= 1
    shard.write_bytes(bytes(data))
    for write, name in ((export.to_parquet, "a.parquet"), (export.to_npz, "a.npz")):
        with pytest.raises(ValueError, match=r"checksum|damaged"):
            write(path, tmp_path / name)
    assert [f.name for f in tmp_path.iterdir()] == ["ours"]


def test_the_command_line(path, tmp_path):
    out = tmp_path / "a.dat"
    command = [sys.executable, "-m", "earshift.export", str(path), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 2
    assert "ends in none of .parquet, .npz, .h5" in done.stderr
    command += ["--format", "h5"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert "155/155 rows" in done.stderr
    with h5py.File(out) as found:
        assert list(found) == ["ours"]
    command[3] = str(tmp_path)
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 1
    assert f"there is no store at '{tmp_path}'" in done.stderr
    assert "Traceback" not in done.stderr


def test_several_stores_go_into_one_h5_file_only(path, tmp_path, capsys):
    other = write_store(tmp_path / "theirs" / "mfcc" / "clean.zarr", [2])
    out = str(tmp_path / "a.h5")
    assert export.main([str(path), str(other), out]) == 0
    with h5py.File(out) as found:
        assert sorted(found) == ["ours", "theirs"]
        assert len(found["theirs/mfcc/keys"]) == 2
    with pytest.raises(SystemExit):
        export.main([str(path), str(other), str(tmp_path / "a.npz")])
    assert "one store a file" in capsys.readouterr().err
    assert export.main([str(path), str(path), out]) == 1
