"""A whole experiment, from audio files to the report."""

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from earshift import open_embeddings
from tests.workflow.conftest import (
    ROOT,
    command,
    environment,
    kill_when,
    run,
    write_experiment,
)

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(600)]

SCORES = (
    "protocol,model,condition,method,scope,train,test,class,repeat,roc_auc,"
    "average_precision,accuracy,precision,recall,f1,n_positive,n_test"
)


def tables(folder):
    """Every final table, as bytes."""
    found = sorted((folder / "results" / "tables").glob("*.csv"))
    return {file.name: file.read_bytes() for file in found}


def test_the_tables_hold_every_cell(finished):
    folder, _ = finished
    assert set(tables(folder)) == {
        "scores.csv",
        "summary.csv",
        "gaps.csv",
        "discrepancy.csv",
    }
    text = (folder / "results/tables/scores.csv").read_text()
    assert text.splitlines()[0] == SCORES
    scores = pd.read_csv(folder / "results/tables/scores.csv")
    # methods x (train, test) x classes
    assert len(scores) == 4 * 4 * 2
    assert (scores["n_test"] == 36).all()
    assert (scores["n_positive"] == 18).all()
    within = scores[(scores["train"] == scores["test"]) & (scores["method"] == "none")]
    assert (within["roc_auc"] > 0.95).all()  # bass against treble is easy
    discrepancy = pd.read_csv(folder / "results/tables/discrepancy.csv")
    plain = discrepancy[discrepancy["method"] == "none"]
    assert (plain["value"] > 0.9).all()  # and so is hum


def test_the_run_shows_its_progress_and_ends_with_the_main_table(finished):
    _, done = finished
    assert "clear: decoding: 36/36 clips" in done.stderr
    assert "mfcc / clean: scores: 12/12 tasks" in done.stderr
    assert "mean_projection" in done.stdout
    assert "report.html" in done.stdout


def test_the_embeddings_can_be_opened(finished):
    folder, _ = finished
    found = open_embeddings(folder / "results/2_embeddings/hum/mfcc/clean.zarr")
    assert found.sizes["feature"] == 120
    assert len(set(found.clip_id.values)) == 36


def test_each_job_left_its_log(finished):
    folder, _ = finished
    logs = list((folder / "logs").rglob("*.log"))
    assert len(logs) >= 12
    assert all("done in" in log.read_text() for log in logs)


def test_a_second_run_has_nothing_to_do(finished):
    folder, _ = finished
    before = {f: f.stat().st_mtime_ns for f in (folder / "results").rglob("*")}
    done = run(folder)
    assert done.returncode == 0
    assert "Nothing to be done" in done.stderr + done.stdout
    assert "report.html" in done.stdout
    assert before == {f: f.stat().st_mtime_ns for f in (folder / "results").rglob("*")}


@pytest.mark.parametrize("whole_group", [True, False], ids=["all", "driver only"])
@pytest.mark.parametrize(
    "sign",
    [
        "2_embeddings/*/mfcc/clean.done/*.json",
        "5_scores/fixed/mfcc/clean.parts/*.parquet",
    ],
    ids=["stage 2", "stage 5"],
)
def test_a_killed_run_resumes_and_gives_the_same_bytes(
    finished, tmp_path, sign, whole_group
):
    folder = write_experiment(tmp_path / "killed")
    results = folder / "results"
    kill_when(folder, lambda: any(results.glob(sign)), whole_group=whole_group)
    assert not (folder / "results/report.html").exists()
    done = run(folder)
    assert done.returncode == 0, done.stderr[-3000:]
    assert tables(folder) == tables(finished[0])
    assert not list((folder / "results").rglob("*unfinished*"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metods": ["none"]}, "unknown key 'metods'"),
        ({"models": ["mfc"]}, "Did you mean 'mfcc'?"),
        ({"methods": ["none", "lad"]}, "Did you mean 'lda'?"),
        ({"models": {"yamnet": {"weights": "no.h5"}}}, "no.h5"),
    ],
)
def test_a_mistake_in_the_config_stops_before_any_job(tmp_path, changes, message):
    folder = write_experiment(tmp_path / "wrong", **changes)
    done = run(folder)
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "results").exists()


def test_a_missing_folder_is_one_clear_error(tmp_path):
    folder = write_experiment(tmp_path / "wrong")
    shutil.rmtree(folder / "hum")
    done = run(folder)
    assert done.returncode != 0
    assert "the folder 'hum' does not exist" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "results").exists()


def test_bad_clips_are_skipped_and_counted_in_the_report(tmp_path):
    folder = write_experiment(tmp_path / "bad", max_bad_clips=3)
    audio = sorted((folder / "hum" / "audio").glob("*.wav"))
    audio[0].write_bytes(b"")
    audio[5].write_bytes(b"<html>")
    audio[9].unlink()
    done = run(folder)
    assert done.returncode == 0, done.stderr[-3000:]
    scores = pd.read_csv(folder / "results/tables/scores.csv")
    assert set(scores.loc[scores["test"] == "hum", "n_test"]) == {33}
    page = (folder / "results/report.html").read_text()
    for name in (audio[0].name, audio[5].name, audio[9].name):
        assert name in page


def test_what_was_computed_survives_too_many_bad_clips(tmp_path):
    folder = write_experiment(tmp_path / "bad", max_bad_clips=0)
    (folder / "hum" / "audio" / "bass_0_0.wav").write_bytes(b"")
    done = run(folder, "--keep-going")
    assert done.returncode != 0
    assert "1 of 36 clips cannot be used (1 empty)" in done.stderr
    assert (folder / "results/1_clips/clear.parquet").exists()
    assert len(pd.read_csv(folder / "results/1_clips/hum.audit.rejected.csv")) == 1


NEW_METHOD = '''
"""Halve every feature: a method a user might add."""

from earshift.debias.none import Identity

version = 1
access = "none"


class Halve(Identity):
    """Multiply features by one half."""

    def transform(self, X):
        """Return half of `X`, shape (n_clips, n_features)."""
        return 0.5 * super().transform(X)


def make():
    """Return the method."""
    return Halve()
'''

NEW_MODEL = '''
"""Energy in four bands: a model a user might add."""

import numpy as np

from earshift.models import Framing, ModelSpec

env = "analysis"
version = 1
licence = "BSD-3-Clause"
citation = "none"


def spec():
    """Return the facts: 0.5 s windows at 8 kHz, 4 features."""
    return ModelSpec(8000, Framing(window=4000, hop=4000), n_features=4)


def network(spec):
    """Return the function from windows to log energies."""

    def embed(windows):
        power = np.abs(np.fft.rfft(windows)) ** 2
        bands = [b.mean(axis=1) for b in np.array_split(power, 4, axis=1)]
        return np.log10(np.stack(bands, axis=1) + 1e-9).astype(np.float32)

    return embed
'''


@pytest.fixture
def clone(tmp_path):
    """A copy of the project with a new method and a new model, one file each."""
    root = tmp_path / "clone"
    for name in ("workflow", "envs", "resources", "tests"):
        ignored = shutil.ignore_patterns("__pycache__", "downloads", "openmic", "irmas")
        shutil.copytree(ROOT / name, root / name, ignore=ignored)
    for name in ("Snakefile", "pyproject.toml"):
        shutil.copy(ROOT / name, root / name)
    library = root / "workflow" / "scripts" / "earshift"
    (library / "debias" / "halve.py").write_text(NEW_METHOD)
    (library / "models" / "energy.py").write_text(NEW_MODEL)
    return root


def test_a_new_file_is_a_new_method_or_model_with_no_other_edit(clone, tmp_path):
    folder = write_experiment(
        tmp_path / "new", models=["mfcc", "energy"], methods=["none", "lda", "halve"]
    )
    done = run(folder, root=clone)
    assert done.returncode == 0, done.stderr[-3000:]
    summary = pd.read_csv(folder / "results/tables/summary.csv")
    assert set(summary["model"]) == {"mfcc", "energy"}
    assert set(summary["method"]) == {"none", "lda", "halve"}
    page = (folder / "results/report.html").read_text()
    assert "halve" in page
    assert "energy" in page
    contracts = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("tests/contract", "-k", "halve or Halve or energy"),
        ],
        cwd=clone,
        env=environment(clone),
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert contracts.returncode == 0, contracts.stdout[-3000:]
    assert "[halve]" in contracts.stdout + _collected(clone)


def _collected(root):
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "--collect-only"),
            *("-p", "no:cacheprovider", "tests/contract"),
        ],
        cwd=root,
        env=environment(root),
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert "energy" in done.stdout
    return done.stdout


def jobs_of(done, rule):
    """How many jobs of a rule a run did."""
    return (done.stdout + done.stderr).count(f"rule {rule}:")


def test_a_raised_version_re_runs_its_own_jobs(clone, tmp_path):
    folder = write_experiment(
        tmp_path / "new", models=["mfcc", "energy"], methods=["none", "lda"]
    )
    first = run(folder, root=clone)
    assert jobs_of(first, "extract_embeddings") == 8
    before = pd.read_csv(folder / "results/tables/summary.csv").set_index("model")
    plugin = clone / "workflow/scripts/earshift/models/energy.py"
    code = plugin.read_text().replace("power, 4,", "power**2, 4,")
    plugin.write_text(code.replace("version = 1", "version = 2"))
    second = run(folder, root=clone)
    assert second.returncode == 0, second.stderr[-3000:]
    assert jobs_of(second, "extract_embeddings") == 4
    assert "embedded before" not in second.stderr
    after = pd.read_csv(folder / "results/tables/summary.csv").set_index("model")
    pd.testing.assert_frame_equal(before.loc[["mfcc"]], after.loc[["mfcc"]])
    assert not before.loc["energy"].equals(after.loc["energy"])


def test_an_edited_label_decodes_nothing_and_embeds_nothing(tmp_path, finished):
    folder = tmp_path / "edited"
    shutil.copytree(finished[0], folder)
    table = pd.read_csv(folder / "hum" / "clips.csv")
    table.loc[table["recording"] == "bass3", "label"] = "treble"
    table.to_csv(folder / "hum" / "clips.csv", index=False)
    done = run(folder)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "hum: 36 of 36 were decoded before" in done.stderr
    assert "clear: " not in done.stderr
    assert "checkpoint plan_regions:" in done.stderr
    assert "36 clips, 0 of them to embed" in done.stderr
    assert "rule extract_embeddings:" not in done.stderr
    scores = pd.read_csv(folder / "results/tables/scores.csv")
    hum = scores[(scores["test"] == "hum") & (scores["class"] == "bass")]
    assert set(hum["n_positive"]) == {16}


def test_a_mended_file_is_taken_up_when_asked(tmp_path):
    folder = write_experiment(tmp_path / "mended", max_bad_clips=1)
    sound = folder / "hum" / "audio" / "bass_0_0.wav"
    whole = sound.read_bytes()
    sound.write_bytes(b"")
    assert run(folder).returncode == 0
    sound.write_bytes(whole)
    done = run(folder, "--forcerun", "list_clips")
    assert done.returncode == 0, done.stderr[-3000:]
    scores = pd.read_csv(folder / "results/tables/scores.csv")
    assert set(scores["n_test"]) == {36}


def test_a_users_own_file_outside_the_project_is_a_method(tmp_path, finished):
    folder = tmp_path / "own"
    shutil.copytree(finished[0], folder)
    (folder / "halve.py").write_text(NEW_METHOD)
    config = yaml.safe_load((folder / "experiment.yaml").read_text())
    config["methods"].append("halve.py")
    (folder / "experiment.yaml").write_text(yaml.safe_dump(config))
    done = run(folder)
    assert done.returncode == 0, done.stderr[-3000:]
    # Only the new method's folds were computed.
    assert "mfcc / clean: scores: 3/3 tasks" in done.stderr
    assert "extract_embeddings" not in done.stdout + done.stderr
    summary = pd.read_csv(folder / "results/tables/summary.csv")
    assert set(summary["method"]) == {"none", "lda", "mlda", "mean_projection", "halve"}


def test_only_one_run_works_in_a_folder_at_a_time(tmp_path):
    folder = write_experiment(tmp_path / "twice")
    pair = [
        subprocess.Popen(
            command(folder),
            cwd=folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=300)[0] for process in pair]
    assert [process.returncode for process in pair] == [0, 0]
    waited = [o for o in outputs if "Another run is going on" in o]
    assert len(waited) == 1
    assert "Nothing to be done" in waited[0]


def test_snakemake_makes_its_own_report(finished, tmp_path):
    folder, _ = finished
    out = tmp_path / "snakemake.html"
    snakefile = Path(ROOT / "Snakefile")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "--snakefile", str(snakefile)),
            *("--configfile", "experiment.yaml", "--report", str(out)),
        ],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    page = out.read_text()
    for figure in ("per_class", "gaps", "discrepancy"):
        assert figure in page
