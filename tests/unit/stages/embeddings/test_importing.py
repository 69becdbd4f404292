"""Embeddings that were made elsewhere become a store like any other."""

import json

import h5py
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from earshift import load_model, open_embeddings, store
from earshift.errors import ConfigError, DataError
from earshift.models import imported
from earshift.stages.embeddings import region_files, vector_tables
from earshift.stages.embeddings.vector_files import open_vectors
from earshift.stages.features import pool
from tests.helpers.importing import CLIPS, run

#: Clips and their frames in the file, in another order than in the dataset.
RUNS = [("d", 2), ("a", 3), ("unknown", 2), ("b", 1)]
ROWS = np.random.default_rng(0).standard_normal((8, 5)).astype(np.float32)
FRAMES = {"d": ROWS[:2], "a": ROWS[2:5], "b": ROWS[7:]}


def keys(runs=RUNS):
    return np.repeat([key for key, _ in runs], [n for _, n in runs])


def write(file, ids=None, rows=ROWS):
    """A file of the kind that its ending says."""
    ids = keys() if ids is None else np.asarray(ids)
    columns = {f"f{i}": rows[:, i] for i in range(rows.shape[1])}
    if file.suffix == ".h5":
        with h5py.File(file, "w") as held:
            held["ours/net/features"] = rows
            held["ours/net/keys"] = np.char.encode(ids, "utf-8")
    elif file.suffix == ".npz":
        np.savez(file, clip_id=ids, embedding=rows)
    elif file.suffix == ".csv":
        pd.DataFrame({"clip_id": ids, "time_s": 0.5} | columns).to_csv(
            file, index=False
        )
    elif file.stem == "lists":
        table = pd.DataFrame({"clip_id": ids, "vector": list(rows.astype(float))})
        table.to_parquet(file)
    else:
        pd.DataFrame({"clip_id": ids} | columns).to_parquet(file)
    return file


FILES = ["study.h5", "t.npz", "t.csv", "lists.parquet", "columns.parquet"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("block", [1, 3, 1000], ids="rows of a block: {}".format)
def test_every_kind_of_file_gives_the_same_store(tmp_path, name, block, monkeypatch):
    monkeypatch.setattr(vector_tables, "BLOCK_BYTES", 4 * 5 * block)
    index = run(tmp_path, write(tmp_path / name))
    assert list(index.index) == CLIPS
    assert list(index["status"]) == ["ok", "ok", "no_frames", "ok"]
    assert index["reason"]["é"] == "missing: no vector of it"
    frames = open_embeddings(tmp_path / "e.zarr").load()
    assert list(dict.fromkeys(frames.clip_id.values)) == ["d", "a", "b"]
    for clip, rows in FRAMES.items():
        assert_array_equal(frames.embedding[frames.clip_id == clip], rows)
    assert np.isnan(frames.time_s).all()


def test_a_store_says_where_it_came_from(tmp_path, caplog):
    caplog.set_level("INFO", "earshift")
    file = write(tmp_path / "study.h5")
    run(tmp_path, file)
    facts = store.attributes(tmp_path / "e.zarr")
    assert facts["plugin"] == "imported"
    assert facts["imported"]["file"] == str(file)
    assert len(facts["imported"]["sha256"]) == 64
    plan = json.loads((tmp_path / "e.plan.json").read_text())
    assert plan["key"] == facts["key"]
    assert plan["store"] == "e.zarr"  # from the plan, so that both can be moved
    assert region_files.location_of(tmp_path / "e.plan.json") == tmp_path / "e.zarr"
    assert plan["token"] == facts["owner"]["token"]
    assert "vectors of 1 clips that the dataset 'ours' does not have" in caplog.text
    assert "6 rows of 3 clips" in caplog.text


@pytest.mark.parametrize("kept", [True, False], ids=["frames", "vectors"])
def test_an_imported_store_is_pooled_as_others_are(tmp_path, kept):
    pooling = ["mean", "max"]
    file = write(tmp_path / "t.npz")
    run(tmp_path, file, pooling=[] if kept else pooling, dtype="float32")
    out, skipped = tmp_path / "f.zarr", tmp_path / "s.csv"
    index = tmp_path / "e.index.parquet"
    plan = tmp_path / "e.plan.json"
    pool.pool_frames(plan, index, pooling=pooling, out=out, skipped=skipped)
    vectors, ids = store.read_features(out)
    assert ids == ["d", "a", "b"]
    expected = [np.r_[FRAMES[i].mean(axis=0), FRAMES[i].max(axis=0)] for i in ids]
    assert_allclose(vectors, expected, rtol=1e-6)
    assert pd.read_csv(skipped)["reason"].tolist() == ["missing: no vector of it"]
    assert store.attributes(out)["imported"]["file"] == str(file)


def test_a_vector_that_is_not_finite_is_left_out_with_its_clip(tmp_path):
    rows = ROWS.copy()
    rows[3, 2] = np.nan
    file = write(tmp_path / "t.npz", rows=rows)
    index = run(tmp_path, file, limit=2)
    assert index["status"]["a"] == "skipped"
    assert index["reason"]["a"].startswith("not_finite")
    frames = open_embeddings(tmp_path / "e.zarr").load()
    assert list(dict.fromkeys(frames.clip_id.values)) == ["d", "b"]
    assert np.isfinite(frames.embedding).all()
    with pytest.raises(DataError, match=r"2 of 4 clips have no vector, or a bad one"):
        run(tmp_path, file, limit=1)
    rows[3, 2] = 1e6
    file = write(tmp_path / "t.npz", rows=rows)
    assert run(tmp_path, file)["status"]["a"] == "ok"
    assert run(tmp_path, file, limit=2, dtype="float16")["status"]["a"] == "skipped"


@pytest.mark.parametrize("block", [1, 3, 1000], ids="rows of a block: {}".format)
@pytest.mark.parametrize("pooling", [[], ["mean"]], ids=["frames", "pooled"])
def test_rows_that_were_never_written_are_no_vectors(
    tmp_path, monkeypatch, block, pooling
):
    monkeypatch.setattr(vector_tables, "BLOCK_BYTES", 4 * 5 * block)
    clips = [f"c{i}" for i in range(8)]
    with h5py.File(tmp_path / "s.h5", "w") as held:
        held["ours/net/keys"] = np.array(clips, "S")
        rows = held.create_dataset("ours/net/features", (8, 5), "f4")
        rows[:3] = ROWS[:3]
    with pytest.raises(DataError, match=r"5 of 8 clips.*'c3': zeros: all values are 0"):
        run(tmp_path, tmp_path / "s.h5", clips=clips, pooling=pooling)
    index = run(tmp_path, tmp_path / "s.h5", limit=5, clips=clips, pooling=pooling)
    assert index["status"].tolist() == ["ok"] * 3 + ["skipped"] * 5
    assert index["reason"]["c4"] == (
        "zeros: all values are 0 (from row 4, counted from 0)"
    )
    frames = open_embeddings(tmp_path / "e.zarr").load()
    assert_array_equal(frames.embedding, ROWS[:3])


def test_a_vector_that_is_zero_as_stored_is_left_out(tmp_path):
    rows = ROWS.copy()
    rows[7] = 1e-30
    file = write(tmp_path / "t.npz", rows=rows)
    assert run(tmp_path, file)["status"]["b"] == "ok"
    assert run(tmp_path, file, limit=2, dtype="float16")["status"]["b"] == "skipped"
    rows[7], rows[6] = ROWS[7], 0  # of a clip that the dataset does not have
    assert run(tmp_path, write(tmp_path / "t.npz", rows=rows))["status"]["b"] == "ok"


def test_a_file_of_equal_vectors_is_warned_of(tmp_path, caplog):
    run(tmp_path, write(tmp_path / "t.npz"))
    assert "are equal" not in caplog.text
    run(tmp_path, write(tmp_path / "t.npz", rows=np.repeat(ROWS[:1], 8, axis=0)))
    assert "all of its 8 vectors are equal" in caplog.text


def test_a_failed_import_writes_no_index(tmp_path):
    file = write(tmp_path / "t.npz")
    with pytest.raises(DataError, match=r"1 of 4 clips .* 'é': missing"):
        run(tmp_path, file, limit=0)
    assert not (tmp_path / "e.plan.json").exists()
    assert not (tmp_path / "e.index.parquet").exists()
    with pytest.raises(DataError, match="no complete store"):
        open_embeddings(tmp_path / "e.zarr")


@pytest.mark.parametrize("name", FILES)
def test_clips_of_another_name_are_an_error(tmp_path, name):
    file = write(tmp_path / name)
    with pytest.raises(DataError, match=r"no vector of any clip.*'d'.*'a.wav'"):
        run(tmp_path, file, clips=["a.wav", "b.wav"])


@pytest.mark.parametrize(
    ("there", "here", "said"),
    [
        ("d", "d.wav", "in the ending: 'd' in the file is 'd.wav' in the dataset"),
        ("x/d.mp3", "d.wav", "in the ending and in the folder: 'x/d.mp3'"),
        ("a\\d", "d", r"in the folder: 'a\\d' in the file is 'd'"),
        ("D", "d", "in upper and lower case"),
        ("e\u0301", "\xe9", "or the form of letters: "),
        ("7", "007", "in leading zeros.*: '7' in the file is '007'"),
        ("7.0", "007", "in leading zeros.*: '7.0' in the file is '007'"),
        ("A/7.wav", "a/007", "in the ending and in the folder and in leading zeros"),
        ("q", "007", r"that of the dataset '007'\.$"),
    ],
)
def test_what_makes_all_clips_unknown_is_said(tmp_path, there, here, said):
    file = write(tmp_path / "t.npz", [there, "other"], ROWS[:2])
    with pytest.raises(DataError, match=said):
        run(tmp_path, file, clips=[here])


@pytest.mark.parametrize("name", FILES)
def test_a_clip_in_two_places_is_an_error(tmp_path, name):
    ids = keys([("d", 2), ("a", 3), ("d", 2), ("b", 1)])
    with pytest.raises(DataError, match="1 clips have rows in two places, such as 'd'"):
        run(tmp_path, write(tmp_path / name, ids))


def study(tmp_path, rows, ids, name="ours/net"):
    with h5py.File(tmp_path / "s.h5", "w") as held:
        held[f"{name}/features"], held[f"{name}/keys"] = rows, ids
    return tmp_path / "s.h5"


def test_the_layout_of_the_study_is_checked(tmp_path):
    file = study(tmp_path, ROWS, keys().astype("S"), "other/net")
    with pytest.raises(DataError, match=r"no group 'ours/net' \(known: other"):
        run(tmp_path, file)
    file = study(tmp_path, ROWS, keys().astype("S"), "table/net")  # the plugin's name
    assert (run(tmp_path, file)["status"] == "ok").sum() == 3
    with pytest.raises(DataError, match=r"\(8, 5\) and \(7,\)"):
        run(tmp_path, study(tmp_path, ROWS, keys()[:7].astype("S")))
    with pytest.raises(DataError, match="keys of type int64"):
        run(tmp_path, study(tmp_path, ROWS, np.arange(8)))
    with pytest.raises(DataError, match="holds no vector"):
        run(tmp_path, study(tmp_path, ROWS[:0], keys()[:0].astype("S")))
    with h5py.File(tmp_path / "s.h5", "a") as held:
        del held["ours/net/keys"]
    with pytest.raises(DataError, match="'ours/net' has no 'keys'"):
        run(tmp_path, tmp_path / "s.h5")
    (tmp_path / "s.h5").write_text("no such file")
    with pytest.raises(DataError, match="cannot be read"):
        run(tmp_path, tmp_path / "s.h5")


def test_tables_are_checked(tmp_path):
    file = tmp_path / "t.parquet"
    frame = pd.DataFrame({"clip_id": ["a", "b"], "x": [[1.0, 2.0], [3.0]]})
    frame.to_parquet(file)
    with pytest.raises(
        DataError, match=r"row 1.*'b', has a vector of 1 values; others have 2"
    ):
        run(tmp_path, file, limit=4)
    frame.assign(y=1.0).to_parquet(file)
    with pytest.raises(DataError, match="holds more than clips and vectors"):
        run(tmp_path, file)
    pd.DataFrame({"clip_id": ["a"], "x": ["high"]}).to_parquet(file)
    with pytest.raises(DataError, match="'x' does not hold numbers"):
        run(tmp_path, file, limit=4)
    pd.DataFrame({"clip": ["a"], "x": [1.0]}).to_parquet(file)
    with pytest.raises(DataError, match=r"no column 'clip_id' \(it has: clip, x"):
        run(tmp_path, file)
    pd.DataFrame({"clip_id": ["a", None], "x": 1.0}).to_parquet(file)
    with pytest.raises(DataError, match=r"row 1, counted from 0, has no clip_id"):
        run(tmp_path, file)
    pd.DataFrame({"clip_id": ["a"], "time_s": 1.0}).to_parquet(file)
    with pytest.raises(DataError, match="no column of features"):
        run(tmp_path, file)
    file = tmp_path / "t.csv"
    file.write_text("clip_id,x\na,1\nb,high\n")
    with pytest.raises(
        DataError, match=r"row 3: the column 'x' must hold numbers.*high"
    ):
        run(tmp_path, file, limit=4)
    file = tmp_path / "t.npz"
    np.savez(file, clip_id=["a", "b"], vectors=ROWS[:2])
    with pytest.raises(DataError, match="no array 'embedding'"):
        run(tmp_path, file)
    np.savez(file, clip_id=["a", "b"], embedding=ROWS)
    with pytest.raises(DataError, match=r"must hold 2 rows of numbers, got shape \(8"):
        run(tmp_path, file)
    np.savez(file, clip_id=np.array(["a"], object), embedding=ROWS[:1])
    with pytest.raises(DataError, match=r"save clip_id\.astype\(str\)"):
        run(tmp_path, file)
    np.savez(file, clip_id=["a", "b"], embedding=np.asfortranarray(ROWS[:2]))
    with pytest.raises(DataError, match="stored by columns"):
        run(tmp_path, file, limit=4)


def test_numbers_may_be_names_of_clips(tmp_path):
    file = tmp_path / "t.csv"
    file.write_text("clip_id,x\n007,1\n8,2\n")
    assert open_vectors(file, ["d"], "m").clip_ids == ["007", "8"]


def test_options_are_checked(tmp_path):
    file = write(tmp_path / "t.npz")
    spec = imported.spec(files={"ours": str(file)})
    assert spec.file_of("any", "ours") == file
    with pytest.raises(
        ConfigError, match=r"names no file for the dataset 'our'.*'ours'"
    ):
        spec.file_of("our", "table")
    assert imported.spec(file=str(file)).file_of("any", "table") == file
    for options, message in (
        ({}, "needs 'file: <path>', or 'files"),
        ({"file": str(file), "files": {"a": str(file)}}, "needs 'file"),
        ({"files": str(file)}, "needs 'file"),
        ({"file": str(tmp_path / "no.npz")}, "no file '.*no.npz'"),
        ({"file": str(tmp_path / "t.txt")}, r"must end in one of .h5"),
    ):
        with pytest.raises(ConfigError, match=message):
            imported.spec(**options)
    with pytest.raises(ConfigError, match="it cannot embed audio"):
        load_model("imported", file=str(file))


@pytest.mark.parametrize("name", ["T.H5", "T.NPZ", "T.CSV", "Lists.PARQUET"])
def test_endings_may_be_upper_case(tmp_path, name):
    file = write(tmp_path / name.lower()).rename(tmp_path / name)
    assert imported.spec(file=str(file)).file == file
    assert (run(tmp_path, file)["status"] == "ok").sum() == 3


@pytest.mark.parametrize("ending", "tsv txt csv.gz pq pkl feather npy".split())
def test_other_endings_are_refused_with_those_that_are_read(tmp_path, ending):
    file = tmp_path / f"t.{ending}"
    np.save(tmp_path / "t.npy", ROWS)
    (tmp_path / "t.npy").rename(file)
    said = r"one of \.h5, \.hdf5, \.parquet, \.csv, \.npz"
    with pytest.raises(ConfigError, match=said):
        imported.spec(file=str(file))
    with pytest.raises(DataError, match=said):
        run(tmp_path, file)


def test_what_is_no_archive_of_arrays_says_what_is_needed(tmp_path):
    file = tmp_path / "t.npz"
    np.save(tmp_path / "t.npy", ROWS)
    whole = write(tmp_path / "whole.npz").read_bytes()
    for raw in ((tmp_path / "t.npy").read_bytes(), b"", whole[:-100], whole[:20]):
        file.write_bytes(raw)
        with pytest.raises(DataError, match=r"t\.npz' is no archive.*np\.savez\("):
            run(tmp_path, file)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"features/x": ROWS, "keys": keys().astype("S")}, "features' .*is a group"),
        ({"features": ROWS, "keys/x": keys().astype("S")}, "keys' .*is a group"),
        ({"features": h5py.Empty("f4"), "keys": keys().astype("S")}, "is empty"),
        ({"features": ROWS, "keys": h5py.Empty("S3")}, "keys' .*is empty"),
        ({"features": np.float32(1), "keys": keys().astype("S")}, r"the shapes \(\)"),
        ({"features": ROWS, "keys": np.bytes_("a")}, r"\(8, 5\) and \(\)"),
        ({"": ROWS}, "'ours/net' must be a group .* is an array"),
    ],
)
def test_the_parts_of_the_studys_layout_must_be_arrays(tmp_path, parts, message):
    with h5py.File(tmp_path / "s.h5", "w") as held:
        for part, value in parts.items():
            held[f"ours/net/{part}".rstrip("/")] = value
    with pytest.raises(DataError, match=message) as refused:
        run(tmp_path, tmp_path / "s.h5")
    assert "s.h5" in str(refused.value)


@pytest.mark.parametrize("parts", [{"features": ROWS, "keys": ROWS}, {"ours": ROWS}])
def test_a_file_of_no_groups_says_what_is_needed(tmp_path, parts):
    with h5py.File(tmp_path / "s.h5", "w") as held:
        for part, value in parts.items():
            held[part] = value
    said = rf"no group 'ours/net' with .*'features'.*'keys'.* but: {', '.join(parts)}"
    with pytest.raises(DataError, match=said):
        run(tmp_path, tmp_path / "s.h5")


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_gone_is_an_error(tmp_path, name):
    with pytest.raises(DataError, match=rf"{name}' cannot be read.*[Nn]o such file"):
        run(tmp_path, tmp_path / name)


@pytest.mark.parametrize("kind", ["h5", "parquet", "npz", "stored.npz"])
def test_damage_that_is_met_while_vectors_are_read_names_the_file(tmp_path, kind):
    file = tmp_path / f"lists.{kind}"
    n = 4000
    rows = np.random.default_rng(0).standard_normal((n, 5)).astype(np.float32)
    ids = np.array([f"c{i}" for i in range(n)])
    if kind == "h5":
        with h5py.File(file, "w") as held:
            held["ours/net/keys"] = ids.astype("S")
            options = {"chunks": (100, 5), "compression": "gzip", "fletcher32": True}
            held.create_dataset("ours/net/features", data=rows, **options)
    elif "npz" in kind:
        save = np.savez if "stored" in kind else np.savez_compressed
        save(file, clip_id=ids, embedding=rows)
    else:
        table = pd.DataFrame({"clip_id": ids, "x": list(rows)})
        table.to_parquet(file, compression="gzip")
    raw = bytearray(file.read_bytes())
    middle = len(raw) // 2
    raw[middle : middle + 2000] = bytes(2000)
    file.write_bytes(raw)
    with pytest.raises(DataError, match=rf"lists\.{kind}' cannot be read: ."):
        run(tmp_path, file, clips=ids.tolist())
    assert not (tmp_path / "e.index.parquet").exists()
