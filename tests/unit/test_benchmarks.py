"""Every benchmark runs, each at its smallest size, and prints its figures."""

import json
import os
import re
import subprocess
import sys

import h5py
import numpy as np
import pandas as pd
import pytest

from tests.helpers import study
from tests.helpers.places import ROOT
from tests.helpers.tones import write_table_dataset

#: Those that are run here; that of clusters is run beside the tests of SLURM.
HERE = {
    *("chance", "classifier", "coverage", "decomposition", "distances", "folds"),
    *("models", "precision", "scale", "scorecard", "short_clips", "study"),
}

NUMBER = r"[-+]?\d+(\.\d+)?(e[-+]\d+)?"


def figures(name, *arguments, cwd):
    """Run a benchmark; return the numbers of each line that it prints."""
    variables = os.environ | {"PYTHONPATH": str(ROOT / "workflow" / "scripts")}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / f"{name}.py", *map(str, arguments)],
        cwd=cwd,
        env=variables,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [
        [float(m[0]) for m in re.finditer(rf"(?<!\S){NUMBER}(?=%?(?!\S))", line)]
        for line in done.stdout.splitlines()
    ]


def test_no_benchmark_is_left_out():
    found = {file.stem for file in (ROOT / "benchmarks").glob("*.py")}
    assert found == HERE | {"clusters"}


def test_chance(tmp_path):
    """Two pairs of datasets of each size, by both measures."""
    head, *rows = figures("chance", "--quick", cwd=tmp_path)
    assert head == []
    assert [row[:3] for row in rows] == 2 * [[50, 2, 2]] + 2 * [[12, 3, 2]]
    for detected, error, unwidened, _, value, spread in (row[3:] for row in rows):
        assert detected in (0, 50, 100)
        assert error == pytest.approx(np.sqrt(detected * (100 - detected) / 2), abs=0.1)
        assert unwidened >= detected
        assert 0.3 < value < 0.7
        assert spread < 0.3


def test_classifier(tmp_path):
    head, row = figures("classifier", "--quick", cwd=tmp_path)
    assert head == []
    clips, features, ours, theirs, ratio, difference = row
    assert (clips, features) == (200, 120)
    assert min(ours, theirs, ratio) > 0
    assert difference < 1e-4  # the two agree


@pytest.mark.timeout(400)
def test_coverage(tmp_path):
    """Two repetitions are kept, and not made again."""
    arguments = ("coverage", "kept", "--quick", "--scenarios", "same")
    rows = figures(*arguments, cwd=tmp_path)[1:]
    assert len(rows) == 3 * 5  # metrics; within, across, gap, and two changes
    for n, coverage, *_ in rows:
        assert n == 2
        assert 0 <= coverage <= 1
    kept = {file: file.stat().st_mtime_ns for file in (tmp_path / "kept").iterdir()}
    assert len(kept) == 2
    for estimate in (row for file in kept for row in json.loads(file.read_text())):
        parts = [estimate[f"se_{part}"] for part in ("test", "train", "repeats")]
        assert estimate["se"] == pytest.approx(np.linalg.norm(parts))
    assert figures(*arguments, cwd=tmp_path)[1:] == rows
    assert {file: file.stat().st_mtime_ns for file in kept} == kept


@pytest.mark.parametrize(("shift", "broken"), [(0.0, 0), (0.2, 2)])
def test_coverage_says_which_promise_is_broken(tmp_path, shift, broken):
    """Of kept repetitions in which gaps are seen, or not, where there are none."""
    for number in range(4):
        rows = [
            {"method": "none", "train": train, "test": test, "kind": kind}
            | {"metric": "roc_auc", "value": shift, "se": 0.05, "df": 30}
            | {"low": shift - 0.1, "high": shift + 0.1, "p": 0.001 if shift else 0.5}
            for train, test in ("ab", "ba")
            for kind in ("gap", "change across")
        ]
        (tmp_path / f"same-{number:04d}.json").write_text(json.dumps(rows))
    options = ("--repetitions", "4", "--scenarios", "same", "--check")
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "coverage.py", tmp_path, *options],
        env=os.environ | {"PYTHONPATH": str(ROOT / "workflow" / "scripts")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    said = done.stderr.partition("Promises that are broken:\n")[2].splitlines()
    assert (done.returncode, len(said)) == (int(broken > 0), broken)
    if broken:
        assert said[1].split()[:3] == ["same", "roc_auc", "gap"]


def test_decomposition(tmp_path):
    """Of a translation, which label shares have no part in."""
    head, *rows = figures("decomposition", "--quick", cwd=tmp_path)
    assert head == []
    loss, shares, *split = (row[:2] for row in rows)
    assert shares == [0, 0]
    assert 0.05 < loss[0] < 0.2
    for column in (0, 1):
        assert sum(row[column] for row in split) == pytest.approx(
            loss[column], abs=0.01
        )
    assert len(split) == 3


def test_distances(tmp_path):
    """With a difference that a hundred recordings of each show."""
    options = ("--clips", "200", "--features", "64", "--clips-per-recording", "2")
    head, *rows = figures("distances", *options, cwd=tmp_path)
    assert head == []
    assert len(rows) == 3
    for n, n_features, seconds, cpu, memory, features, value, null, p in rows:
        assert (n, n_features, features) == (200, 64, 0)  # in MB
        assert min(seconds, cpu) >= 0
        assert memory > 20
        assert value > max(null, 0)
        assert p == 0.005


def test_folds(tmp_path):
    names = [f"r{i}" for i in range(40)]
    table = pd.DataFrame({"recording": names}).assign(**{"label:x": [True, False] * 20})
    table.to_parquet(tmp_path / "a.parquet")
    *_, row = figures("folds", "a.parquet", cwd=tmp_path)
    n, *moved, unevenness = row
    assert n == 40
    assert len(moved) == 3
    assert all(0 <= share < 50 for share in moved)  # %; folds drawn anew move 80
    assert 0 <= unevenness < 0.5


@pytest.mark.timeout(400)
def test_short_clips(tmp_path):
    write_table_dataset(tmp_path / "data", n_recordings=12)
    options = ("--folder", "data", "--clips", "40", "--models", "mfcc")
    figures("short_clips", *options, "--json", "out.json", cwd=tmp_path)
    said = json.loads((tmp_path / "out.json").read_text())["mfcc"]
    assert {"pad", "repeat", "reflect"} <= said.keys()
    for measures in said.values():
        for value, low, high in measures.values():
            assert 0 <= low <= value <= high <= 1


@pytest.mark.timeout(400)
def test_models(tmp_path):
    options = ("--models", "mfcc", "--precision", "float32", "--seconds", "0.01")
    _, row = figures("models", *options, "--json", "out.json", cwd=tmp_path)
    assert len(row) == 4  # files/wall, files/CPU, bare, efficiency
    assert min(row) > 0
    (said,) = json.loads((tmp_path / "out.json").read_text())
    assert said["model"] == "mfcc"
    assert said["audio_s_per_wall_s"] == pytest.approx(row[0], abs=0.06)


@pytest.mark.timeout(400)
def test_precision(tmp_path):
    write_table_dataset(tmp_path / "data")
    options = ("--models", "yamnet", "--folder", "data")
    first, _, row = figures("precision", *options, cwd=tmp_path)
    assert first == [24]  # clips
    distance, cosine, auc, change = row
    assert 0 < distance < 0.1
    assert 0.99 < cosine < 1
    assert 0.5 < auc <= 1
    assert abs(change) < 0.1


@pytest.mark.timeout(400)
def test_scale(tmp_path):
    options = ("--clips", "40", "--no-stage-1", "--read", "2000")
    rows = figures("scale", *options, cwd=tmp_path)
    assert len(rows) == 7  # cores; plan, embed, index, pool; files; reading
    assert [row[0] for row in rows[1:6]] == 5 * [40]
    assert all(min(row) >= 0 for row in rows[1:])


def write_published(folder):
    """Published inputs of the study in small: eight clips of a class and genre."""
    rng = np.random.default_rng(0)
    genres, codes = list(study._IRMAS_GENRES), list(study._CODES)
    cells = [(c, g, i) for c in codes for g in genres for i in range(8)]
    irmas = [f"[{c}][{g}]{n:04d}__1" for n, (c, g, _) in enumerate(cells)]
    openmic = [f"{n:06d}_0" for n in range(len(cells))]
    (folder / "data/irmas").mkdir(parents=True)
    own = folder / "data/openmic-2018"
    own.mkdir()
    with h5py.File(folder / "embeddings.h5", "w") as file:
        for dataset, keys in (("irmas", irmas), ("openmic", openmic)):
            classes = [study.CLASSES.index(study._CODES[c]) for c, _, _ in cells]
            X = np.eye(len(study.CLASSES))[classes]
            X = X + rng.normal(0, 0.3, X.shape)
            file[f"{dataset}/vggish/features"] = X.astype(np.float32)
            file[f"{dataset}/vggish/keys"] = np.array(keys, "S")
    train = [i < 6 for _, _, i in cells]
    for path, keys in (
        (folder / "data/irmas/irmas_train.csv", irmas),
        (own / "openmic2018_train.csv", openmic),
    ):
        path.write_text("\n".join(np.array(keys)[train]) + "\n")
    columns = {name: i for i, name in enumerate(study.CLASSES)}
    (own / "class-map.json").write_text(json.dumps(columns))
    has = np.array([[study._CODES[c] == n for n in columns] for c, _, _ in cells])
    np.savez(
        own / "openmic-2018.npz",
        sample_key=np.array(openmic),
        Y_true=has.astype(float),
        Y_mask=np.ones_like(has),
    )
    titles = [study._IRMAS_GENRES[g].split("_")[0] for _, g, _ in cells]
    pd.DataFrame(
        {
            "sample_key": openmic,
            "track_genres": [str([{"genre_title": title}]) for title in titles],
        }
    ).to_csv(own / "openmic-2018-metadata.csv", index=False)


@pytest.mark.timeout(400)
def test_study(tmp_path):
    write_published(tmp_path)
    _, loading, cells = figures("study", ".", "--quick", cwd=tmp_path)
    # Of the original, ours, their ratio, wall clock.
    assert loading[0] == 20.0
    assert len(cells[1:]) == 4
    assert min(loading + cells) > 0


def test_scorecard(tmp_path):
    """Without draws of training data, and with them."""
    head, plain, drawn = figures("scorecard", "--quick", cwd=tmp_path)
    assert head == []
    assert [plain[0], drawn[0]] == [0, 20]
    assert min(*plain, *drawn[1:]) >= 0
    assert plain[3] == 1
    assert drawn[3] > 1
