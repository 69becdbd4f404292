"""The experiment on a table of clips, labels and vectors."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from earshift.datasets import table as table_dataset
from earshift.errors import DataError
from earshift.runs import analysis, settings
from earshift.stages.embeddings.vector_files import open_vectors
from tests.helpers.places import ROOT

SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.yaml"


def rows(n=12):
    """Clips of two datasets, some of which are called as numbers are."""
    table = pd.DataFrame(
        {
            "clip_id": [f"{i:03d}" for i in range(n)],
            "dataset": np.repeat(["ours", "theirs"], n // 2),
            "recording": [f"r{i // 2}" for i in range(n)],
            "label": np.resize(["cello", "NA"], n),
        }
    )
    X = np.random.default_rng(0).standard_normal((n, 3))
    return table.join(pd.DataFrame(X, columns=["f0", "f1", "f2"]))


def write(table, file):
    if file.suffix == ".csv":
        table.to_csv(file, index=False)
    else:
        table.to_parquet(file, index=False)
    return file


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_what_the_experiment_reads_is_what_the_table_says(tmp_path, ending):
    table = rows()
    file = write(table, tmp_path / f"all.{ending}")
    written = analysis.derive(file, tmp_path / "out")
    config = settings.resolve(
        yaml.safe_load(written.read_text()), SCHEMA, experiment=written
    )
    assert Path(config["results"]) == tmp_path / "out"
    assert list(config["datasets"]) == ["ours", "theirs"]
    assert list(config["methods"]) == list(analysis.METHODS)
    for name, entry in config["datasets"].items():
        own = table[table["dataset"] == name]
        listed = table_dataset.list_clips(Path(entry["folder"])).clips
        assert listed["clip_id"].tolist() == own["clip_id"].tolist()
        assert listed["recording"].tolist() == own["recording"].tolist()
        is_cello = own["label"].eq("cello").tolist()
        assert listed["label:cello"].tolist() == is_cello
        assert listed["label:NA"].tolist() == [not each for each in is_cello]
        file = Path(config["models"]["features"]["files"][name])
        vectors = open_vectors(file, datasets=[name], name="features", columns=[])
        np.testing.assert_allclose(
            np.concatenate(list(vectors.blocks())), own[["f0", "f1", "f2"]], rtol=1e-6
        )


def test_settings_of_an_experiment_are_kept_and_clips_may_be_recordings(tmp_path):
    given = tmp_path / "mine.yaml"
    given.write_text("methods: [none, lda]\nsplits: {n_folds: 3}\ndatasets: {a: {}}\n")
    table = rows().drop(columns=["recording", "label"])
    table["label:cello"] = np.resize([1, 0, np.nan], 12)
    written = analysis.derive(
        write(table, tmp_path / "t.parquet"), tmp_path / "out", given
    )
    config = yaml.safe_load(written.read_text())
    assert config["methods"] == ["none", "lda"]
    assert config["splits"] == {"n_folds": 3}
    assert set(config["datasets"]) == {"ours", "theirs"}
    listed = table_dataset.list_clips(Path(config["datasets"]["ours"]["folder"])).clips
    assert listed["recording"].tolist() == listed["clip_id"].tolist()
    assert listed["label:cello"].isna().sum() == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="dataset"), "needs a column 'dataset'.*clip_id"),
        (lambda t: t.drop(columns="label"), "needs a column 'label'"),
        (lambda t: t[["clip_id", "dataset", "label"]], "no column of features"),
        (lambda t: t.assign(dataset=[None, *["a"] * 11]), "no 'dataset' in row 1"),
    ],
)
def test_a_table_that_lacks_something_is_refused(tmp_path, change, message):
    file = write(change(rows()), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=message):
        analysis.derive(file, tmp_path / "out")
    with pytest.raises(DataError, match="no table"):
        analysis.derive(tmp_path / "none.csv", tmp_path / "out")
    (tmp_path / "t.xlsx").touch()
    with pytest.raises(DataError, match=r"must be a \.parquet or a \.csv"):
        analysis.derive(tmp_path / "t.xlsx", tmp_path / "out")


def test_the_command_line_says_what_is_missing():
    run = [sys.executable, str(ROOT / "workflow" / "scripts" / "run.py")]
    for words, message in (
        (["--analyse", "no.csv"], "needs --out FOLDER"),
        (["--analyse", "no.csv", "--out", "o"], "there is no table 'no.csv'"),
        (["--out", "o"], "--out and --models belong to --study"),
    ):
        done = subprocess.run(
            [*run, *words], capture_output=True, text=True, check=False, cwd=ROOT
        )
        assert done.returncode == 2
        assert message in " ".join(done.stderr.split())


def test_the_library_can_be_asked_for_the_report(tmp_path):
    file = write(rows(80), tmp_path / "clips.csv")
    command = [sys.executable, "-m", "earshift", "analyse"]
    options = {"capture_output": True, "text": True, "check": False, "cwd": ROOT}
    dry = subprocess.run(
        [*command, str(file), "--out", str(tmp_path / "out"), "-n", "--cores", "1"],
        **options,
    )
    assert dry.returncode == 0, dry.stderr
    assert "write_report" in dry.stdout + dry.stderr
    written = yaml.safe_load((tmp_path / "out" / "config.yaml").read_text())
    assert list(written["datasets"]) == ["ours", "theirs"]
    missing = subprocess.run([*command, "no.csv"], **options)
    assert missing.returncode == 2
    assert "there is no table 'no.csv'" in " ".join(missing.stderr.split())
    asked = subprocess.run([*command], **options)
    assert asked.returncode == 2
    assert "required: table" in asked.stderr
