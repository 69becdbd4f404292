"""Which numbers of a file are features, and which only look like some."""

import re

import h5py
import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest
from numpy.testing import assert_array_equal

from earshift.errors import ConfigError, DataError
from earshift.models import imported
from earshift.stages.embeddings.vector_files import open_vectors
from tests.helpers.importing import run

N = 24
X = np.random.default_rng(1).standard_normal((N, 3)).astype(np.float32)
IDS = [f"{i:03d}" for i in range(N)]
TABLE = pd.DataFrame(X, columns=["f0", "f1", "f2"])
TABLE.insert(0, "clip_id", IDS)

#: Name of a column that is no feature -> what it holds.
NO_FEATURES = {
    "": np.arange(N),
    "Unnamed: 0": np.arange(N),
    "index": np.arange(N)[::-1],
    "Index": np.arange(N) + 5,
    "id": np.arange(N) * 7,
    "track_id": np.arange(N) * 7 + 1000,
    "trackId": np.arange(N) * 7 + 1000,
    "uuid": np.arange(N) * 9,
    "label": np.arange(N) % 2,
    "label:cello": np.arange(N) % 2,
    "label_0": np.arange(N) % 2,
    "y": np.arange(N) % 2,
    "Class": np.arange(N) % 3,
    "fold": np.arange(N) % 5,
    "cv_fold": np.arange(N) % 5,
    "split": np.arange(N) % 2,
    "recording": np.arange(N) // 2,
    "year": 1990 + np.arange(N) % 5,
    "duration_s": np.full(N, 3.0),
    "flag": np.arange(N) % 2 == 0,
    "when": pd.date_range("2020", periods=N),
    "words": np.where(np.arange(N) % 2, "x", "z"),
    # By what it holds, whatever it is called.
    "f3": np.random.default_rng(0).permutation(N),
    "f4": np.arange(N) + 100.0,
}


def save(table, file):
    if file.suffix == ".csv":
        table.to_csv(file, index=False)
    else:
        table.to_parquet(file, index=False)
    return file


def read(file, **options):
    found = open_vectors(file, ["d"], "m", **options)
    return found, np.concatenate(list(found.blocks()))


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
@pytest.mark.parametrize("name", NO_FEATURES)
def test_a_column_that_is_no_feature_is_refused(tmp_path, name, ending):
    table = TABLE.copy()
    table.insert(1, name, NO_FEATURES[name])
    file = save(table, tmp_path / f"t{ending}")
    said = "one without a name" if name == "" else f"'{name}'"
    with pytest.raises(DataError, match=re.escape(said)) as refused:
        read(file)
    assert str(file) in str(refused.value)
    # Those that say what their features are get them, and nothing else.
    found, values = read(file, columns=["f[0-2]"])
    assert_array_equal(values, X)
    assert found.columns == ["f0", "f1", "f2"]
    assert found.clip_ids == IDS


def test_the_message_names_all_such_columns_and_the_way_out(tmp_path):
    table = TABLE.assign(label=1, fold=2)
    with pytest.raises(DataError, match=r"'label', 'fold'.*index=False.*'columns'"):
        read(save(table, tmp_path / "t.csv"))


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_an_index_that_pandas_writes_is_refused(tmp_path, ending):
    file = tmp_path / f"t{ending}"
    # Rows that were dealt anew keep their numbers.
    table = TABLE.sample(frac=1, random_state=0)
    table.to_csv(file) if ending == ".csv" else table.to_parquet(file)
    said = "one without a name" if ending == ".csv" else "__index_level_0__"
    with pytest.raises(DataError, match=said):
        read(file)


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_names_that_features_have_are_accepted(tmp_path, ending):
    names = (
        "0|f0|x1|e_3|dim_7|feature_12|mfcc_1_mean|mfcc 2 mean|V10|x|grid|embedding.3"
    )
    names = names.split("|")
    values = np.random.default_rng(0).standard_normal((N, len(names))).astype("f4")
    table = pd.DataFrame(values, columns=names).assign(clip_id=IDS, frame=0, time_s=0.1)
    found, got = read(save(table, tmp_path / f"t{ending}"))
    assert_array_equal(got, values)
    assert list(found.columns) == names


@pytest.mark.parametrize(
    "name",
    """class_0 class0 target_0 label0 labels_0 labels_enc y0 y_0 is_train isTest
    ground_truth gt truth annotation species cluster dataset_num datasetNo datasetIndex
    corpus instrument_code classLabel classlabel recordingNumber recording_no kfold
    k_fold cv pred prob_x onehot_0 one_hot_0 clip_no take segment frame_index domain2
    genreId testSet trackid""".split(),
)
def test_a_column_is_no_feature_by_any_word_of_its_name(tmp_path, name):
    values = np.random.default_rng(2).standard_normal(N)  # not refused by what it holds
    file = save(TABLE.assign(**{name: values}), tmp_path / "t.csv")
    with pytest.raises(DataError, match=f"no features: '{name}'"):
        read(file)
    assert_array_equal(read(file, columns=["f[0-9]"])[1], X)
    assert list(read(file, columns=["f[0-9]", name])[0].columns)[-1] == name


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_few_whole_numbers_beside_fractions_are_no_feature(tmp_path, ending):
    table = TABLE.assign(g=np.arange(N) % 3, h=np.where(np.arange(N) % 2, 1.0, np.nan))
    table.loc[0, "h"] = 4
    file = save(table, tmp_path / f"t{ending}")
    with pytest.raises(DataError, match=r"'g', 'h'.*whole numbers.*'columns'"):
        read(file)
    assert_array_equal(read(file, columns=["f*"])[1], X)
    with pytest.raises(DataError, match="'g', 'h'"):
        read(file, columns=["*"])
    assert read(file, columns=["f*", "g", "h"])[0].n_features == 5
    # Constants, whole numbers of a wide range, and tables of nothing else are features.
    wide = np.random.default_rng(0).integers(0, 10**6, 60)
    long = pd.DataFrame(np.random.default_rng(0).random((60, 4))).add_prefix("f")
    long = long.assign(zero=0, wide=wide, clip_id=[f"c{i}" for i in range(60)])
    assert read(save(long, tmp_path / f"l{ending}"))[0].n_features == 6
    whole = TABLE.assign(f0=np.arange(N) % 3, f1=np.arange(N) % 4, f2=np.arange(N) % 5)
    assert read(save(whole, tmp_path / f"w{ending}"))[0].n_features == 3


def test_a_doubled_column_is_refused(tmp_path):
    doubled = pd.concat([TABLE, TABLE[["f0"]]], axis=1)
    with pytest.raises(DataError, match="the column 'f0' more than once"):
        read(save(doubled, tmp_path / "t.csv"))
    # As pandas reads and writes it again.
    again = pd.read_csv(tmp_path / "t.csv", dtype={"clip_id": str})
    with pytest.raises(DataError, match=r"'f0\.1'"):
        read(save(again, tmp_path / "t.parquet"))
    doubled = pd.concat([TABLE, TABLE[["clip_id"]]], axis=1)
    with pytest.raises(DataError, match="the column 'clip_id' more than once"):
        read(save(doubled, tmp_path / "t.csv"))
    arrays = [pyarrow.array(IDS), pyarrow.array(X[:, 0]), pyarrow.array(X[:, 1])]
    table = pyarrow.table(arrays, names=["clip_id", "f", "f"])
    pyarrow.parquet.write_table(table, tmp_path / "p.parquet")
    with pytest.raises(DataError, match="the column 'f' more than once"):
        read(tmp_path / "p.parquet")


def test_columns_are_names_or_patterns_in_the_order_of_the_file(tmp_path):
    file = save(TABLE.assign(label=1, e=2.0), tmp_path / "t.csv")
    assert_array_equal(read(file, columns=["f2", "f0"])[1], X[:, [0, 2]])
    assert read(file, columns=["f*", "e"])[0].columns == ["f0", "f1", "f2", "e"]
    with pytest.raises(DataError, match=r"no column 'g\*'.*known: e, f0, f1"):
        read(file, columns=["f*", "g*"])
    with pytest.raises(DataError, match="no column 'clip_id'"):
        read(file, columns=["clip_id"])


def test_a_pattern_does_not_catch_what_is_no_feature(tmp_path):
    file = save(TABLE.assign(fold=np.arange(N) % 5), tmp_path / "t.csv")
    with pytest.raises(DataError, match="no features: 'fold'"):
        read(file, columns=["f*"])
    assert_array_equal(read(file, columns=["f[0-9]*"])[1], X)
    # Unless it is called by its name.
    found = read(file, columns=["f[0-9]*", "fold"])[0]
    assert found.columns == ["f0", "f1", "f2", "fold"]
    file = save(TABLE.assign(**{"": 1.0}), tmp_path / "t.csv")
    with pytest.raises(DataError, match="one without a name"):
        read(file, columns=["*"])


def test_one_column_of_lists_may_be_chosen(tmp_path):
    table = pd.DataFrame(
        {"clip_id": IDS, "label": 1, "e": list(X), "g": list(X[:, :2])}
    )
    file = save(table, tmp_path / "t.parquet")
    with pytest.raises(DataError, match="holds more than clips and vectors"):
        read(file)
    assert_array_equal(read(file, columns=["e"])[1], X)
    with pytest.raises(DataError, match="holds more than clips and vectors"):
        read(file, columns=["e", "g"])
    table = table.assign(e=[[True, False]] * N)[["clip_id", "e"]]
    with pytest.raises(DataError, match=r"'e' does not hold numbers \(bool\)"):
        read(save(table, tmp_path / "t.parquet"))


def test_the_option_columns_is_of_tables_alone(tmp_path):
    np.savez(tmp_path / "t.npz", clip_id=IDS, embedding=X)
    with pytest.raises(DataError, match="cannot have the option 'columns'"):
        read(tmp_path / "t.npz", columns=["f*"])
    file = save(TABLE, tmp_path / "t.csv")
    assert imported.spec(file=str(file)).columns == ()
    assert imported.spec(file=str(file), columns="f*").columns == ("f*",)
    assert imported.spec(file=str(file), columns=["a", "b"]).columns == ("a", "b")
    for wrong in (3, [1], {"a": 1}):
        with pytest.raises(ConfigError, match="'columns' is a pattern"):
            imported.spec(file=str(file), columns=wrong)


def test_the_numbers_of_rows_are_no_feature_in_any_file(tmp_path):
    """As where a table with its index was made an array."""
    rows = np.column_stack([X[:, 0], np.arange(N), X[:, 1]]).astype(np.float32)
    np.savez(tmp_path / "t.npz", clip_id=IDS, embedding=rows)
    with h5py.File(tmp_path / "t.h5", "w") as held:
        held["d/m/features"], held["d/m/keys"] = rows, np.array(IDS, "S")
    pd.DataFrame({"clip_id": IDS, "e": list(rows)}).to_parquet(tmp_path / "t.parquet")
    for name in ("t.npz", "t.h5", "t.parquet"):
        with pytest.raises(DataError, match="feature 1 holds the numbers of the rows"):
            read(tmp_path / name)
        with pytest.raises(DataError, match="feature 1 holds the numbers of the rows"):
            run(tmp_path, tmp_path / name, clips=IDS, datasets=["d"], name="m")
        assert not (tmp_path / "e.index.parquet").exists()
    # Whole numbers as such are features: counts, or VGGish in 8 bits.
    rows[:, 1] = np.random.default_rng(0).integers(0, N, N)
    np.savez(tmp_path / "t.npz", clip_id=IDS, embedding=rows)
    assert_array_equal(read(tmp_path / "t.npz")[1], rows)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clip_id,f0,f1\na,1,2\nb,1,2,3\n", "row 3 has 4 cells.* 3 columns: b,1,2,3"),
        ("clip_id,f0,f1\na,1,2\nb,1\n", "row 3 has 2 cells.* 3 columns: b,1"),
        ("clip_id,f0\na,1\nb,high\n", "row 3: the column 'f0' must hold numbers.*high"),
        ("clip_id,f0\na,True\n", "row 2: the column 'f0' must hold numbers.*True"),
        ("clip_id,f0\na,2020-01-01\n", "'f0' must hold numbers.*2020-01-01"),
        ("clip_id,f0\na,1\n,2\n", "row 1, counted from 0, has no clip_id"),
        ("clip_id;f0\na;1\n", "no column 'clip_id'.*clip_id;f0.*commas"),
        ("clip_id,f0\n", "holds no vector"),
        ("", "no column 'clip_id'"),
    ],
)
def test_a_csv_file_says_what_is_wrong_and_where(tmp_path, text, message):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match=message) as refused:
        read(tmp_path / "t.csv")
    assert "t.csv" in str(refused.value)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"sep=,\nclip_id,f0\na,1\n", "first line must name the columns.*'sep=,'"),
        (b"sep=;\nclip_id;f0\na;1\n", "first line must name the columns.*'sep=;'"),
        (b"\nclip_id,f0\na,1\n", "first line must name the columns, and is blank"),
        (b"clip_id;f0\na;1,5\n", "separated by semicolons, and must be by commas"),
        (b"clip_id\tf0\na\t1\n", "separated by tabs, and must be by commas"),
        ("clip_id,f0\na,1\n".encode("utf-16"), "UTF-16"),
        ("clip_id,f0\na,1\n".encode("utf-16-le"), "UTF-16"),
    ],
)
def test_another_kind_of_csv_file_is_refused_with_the_reason(tmp_path, raw, message):
    (tmp_path / "t.csv").write_bytes(raw)
    with pytest.raises(DataError, match=message) as refused:
        read(tmp_path / "t.csv")
    assert "t.csv" in str(refused.value)


def test_spaces_beside_the_names_of_columns_are_no_part_of_them(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbfclip_id , f0,fold \na,1.5,2\n")
    with pytest.raises(DataError, match="no features: 'fold'"):
        read(tmp_path / "t.csv")
    found, values = read(tmp_path / "t.csv", columns=["f0"])
    assert (found.clip_ids, found.columns) == (["a"], ["f0"])
    assert_array_equal(values, [[1.5]])


def test_a_csv_file_that_is_no_text_says_so(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"clip_id,f0\na,1\ncaf\xe9,2\n")
    with pytest.raises(
        DataError, match="row 3: the column 'clip_id' is no text in UTF-8"
    ):
        read(tmp_path / "t.csv")


def test_what_a_csv_file_may_look_like(tmp_path):
    text = '\ufeffclip_id,f0,f1\r\nNA,1, 2.5 \r\n\r\n"a\nb","3",-1e-3\r\nnull,nan,\r\n'
    (tmp_path / "t.csv").write_bytes(text.encode())
    found, values = read(tmp_path / "t.csv")
    assert found.clip_ids == ["NA", "a\nb", "null"]
    expected = np.array([[1, 2.5], [3, -1e-3], [np.nan, np.nan]], np.float32)
    assert_array_equal(values, expected)


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".npz", ".h5"])
def test_clips_may_have_names_that_look_like_nothing(tmp_path, ending):
    ids = ["NA", "None", "nan", "null", "1e5", "True", "007", "N/A"]
    rows, file = X[: len(ids)], tmp_path / f"t{ending}"
    if ending == ".npz":
        np.savez(file, clip_id=ids, embedding=rows)
    elif ending == ".h5":
        with h5py.File(file, "w") as held:
            held["d/m/features"], held["d/m/keys"] = rows, np.array(ids, "S")
    else:
        save(TABLE[: len(ids)].assign(clip_id=ids), file)
    index = run(tmp_path, file, clips=ids, datasets=["d"], name="m", limit=0)
    assert index["status"].eq("ok").all()
    assert list(index.index) == ids


def test_bytes_are_names_of_clips(tmp_path):
    np.savez(tmp_path / "t.npz", clip_id=np.array(IDS, "S"), embedding=X)
    assert read(tmp_path / "t.npz")[0].clip_ids == IDS
    save(TABLE.assign(clip_id=[i.encode() for i in IDS]), tmp_path / "t.parquet")
    assert read(tmp_path / "t.parquet")[0].clip_ids == IDS


@pytest.mark.parametrize("place", [0, 5])
def test_a_vector_that_is_missing_or_empty_names_its_row_and_clip(tmp_path, place):
    for missing, said in ((None, "no vector"), ([], "a vector of 0 values")):
        vectors = list(X)
        vectors[place] = missing
        table = pd.DataFrame({"clip_id": IDS, "e": vectors})
        file = save(table, tmp_path / "t.parquet")
        with pytest.raises(DataError, match=rf"row {place}.*'00{place}', has {said}"):
            read(file)


@pytest.mark.parametrize("ending", [".parquet", ".npz", ".h5"])
def test_vectors_of_no_values_are_an_error(tmp_path, ending):
    file = tmp_path / f"t{ending}"
    if ending == ".npz":
        np.savez(file, clip_id=IDS, embedding=X[:, :0])
    elif ending == ".h5":
        with h5py.File(file, "w") as held:
            held["d/m/features"], held["d/m/keys"] = X[:, :0], np.array(IDS, "S")
    else:
        pd.DataFrame({"clip_id": IDS, "e": [np.zeros(0, "f4")] * N}).to_parquet(file)
    with pytest.raises(DataError, match="its vectors have no values"):
        read(file)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"first_frame": [0, 2, 4]}, r"'first_frame' must hold.*2 clips.*\(3,\)"),
        ({"n_frames": [2, 2, 2]}, r"'n_frames' must hold.*2 clips.*\(3,\)"),
        ({"n_frames": [4, -2]}, r"'n_frames' of the clip 'b', row 1.* is -2"),
        ({"first_frame": [0, 3]}, "those of 'b' must begin at 2, and .* says 3"),
        ({"n_frames": [2.0, 2.0]}, "a whole number .* of float64"),
        ({"clip_id": [["a"], ["b"]]}, r"'clip_id' must have one dimension"),
        ({"embedding": X[:4] > 0}, "'embedding' does not hold numbers, but bool"),
        ({"embedding": X[:4].astype("c8")}, "'embedding' does not hold .*complex64"),
        ({"embedding": X[:3]}, r"must hold 4 rows of numbers, got shape \(3, 3\)"),
    ],
)
def test_the_arrays_of_an_npz_file_must_fit(tmp_path, changes, message):
    arrays = {"clip_id": ["a", "b"], "first_frame": [0, 2], "n_frames": [2, 2]}
    file = tmp_path / "t.npz"
    np.savez(file, **{"embedding": X[:4]} | arrays)
    assert read(file)[0].n.tolist() == [2, 2]
    np.savez(file, **{"embedding": X[:4]} | arrays | changes)
    with pytest.raises(DataError, match=message):
        read(file)


@pytest.mark.parametrize("kind", ["?", "c8"])
def test_features_of_the_studys_layout_must_be_numbers(tmp_path, kind):
    with h5py.File(tmp_path / "t.h5", "w") as held:
        held["d/m/features"], held["d/m/keys"] = X.astype(kind), np.array(IDS, "S")
    with pytest.raises(DataError, match="'d/m/features' does not hold numbers"):
        read(tmp_path / "t.h5")


def test_a_key_that_is_no_text_names_its_row(tmp_path):
    with h5py.File(tmp_path / "t.h5", "w") as held:
        keys = np.array([i.encode() for i in IDS])
        keys[3] = b"\xe9"
        held["d/m/features"], held["d/m/keys"] = X, keys
    with pytest.raises(DataError, match=r"the clip of row 3.*no text in UTF-8"):
        read(tmp_path / "t.h5")


def test_a_value_that_is_not_finite_is_named_with_its_column_and_row(tmp_path):
    table = TABLE.copy()
    table.loc[4, "f1"], table.loc[6, "f2"] = np.inf, 70_000
    file = save(table, tmp_path / "t.csv")
    options = {"clips": IDS, "datasets": ["d"], "name": "m"}
    index = run(tmp_path, file, limit=1, **options)
    assert index["status"].value_counts().to_dict() == {"ok": N - 1, "skipped": 1}
    assert index["reason"]["004"] == (
        "not_finite: inf in the column 'f1' (row 4, counted from 0)"
    )
    index = run(tmp_path, file, limit=2, dtype="float16", **options)
    assert "70000 in the column 'f2' is too large" in index["reason"]["006"]


def test_noise_scores_at_chance_where_its_table_is_accepted(tmp_path):
    """Sorted by class, the number of the row was the best feature of all."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    n, auc = 200, {}
    y = np.arange(n) >= n // 2
    table = pd.DataFrame(rng.standard_normal((n, 4))).add_prefix("f")
    table.insert(0, "clip_id", [f"{i:03d}" for i in range(n)])
    table.to_csv(tmp_path / "t.csv")
    with pytest.raises(DataError):
        read(tmp_path / "t.csv")
    for name, columns in (("all", ["*"]), ("features", ["f*"])):
        try:
            values = read(tmp_path / "t.csv", columns=columns)[1]
        except DataError:  # also where all columns are asked for
            values = np.column_stack([np.arange(n), table.iloc[:, 1:]])
        odd = np.arange(n) % 2 == 1
        model = LogisticRegression().fit(values[odd], y[odd])
        auc[name] = roc_auc_score(y[~odd], model.decision_function(values[~odd]))
    assert auc["all"] > 0.9
    assert abs(auc["features"] - 0.5) < 0.15
