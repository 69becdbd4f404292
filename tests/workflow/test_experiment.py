"""A whole experiment, from audio files to the report."""

import shutil
import subprocess

import pandas as pd
import pytest
import yaml

from earshift import open_embeddings
from earshift.tables import DECOMPOSITION, LABEL_CURVES, SCORES
from tests.helpers.workflow import (
    TO_TABLES,
    command,
    environment,
    kill_when,
    run,
    snakemake,
    tables,
    write_experiment,
)

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(1800)]


def written(folder):
    """When each file of the results was written, but for the lock of runs."""
    found = (folder / "results").rglob("*")
    return {f: f.stat().st_mtime_ns for f in found if f.name != ".run.lock"}


def test_the_tables_hold_every_cell(finished):
    folder, _ = finished
    assert set(tables(folder)) == {
        "scores.csv",
        "summary.csv",
        "gaps.csv",
        "learning_curves.csv",
        "null_gaps.csv",
        "class_values.csv",
        "differences.csv",
        "rescaled.csv",
        "gate.csv",
        "scorecard.csv",
        "discrepancy.csv",
        "discrepancy_curve.csv",
        "discrepancy_null.csv",
        "padding.csv",
    }
    text = (folder / "results/tables/scores.csv").read_text()
    assert text.splitlines()[0].split(",") == SCORES.names
    scores = SCORES.read(folder / "results/tables/scores.csv")
    # Each trained on all clips, and on as many as the other dataset has.
    names = scores["sample"].value_counts()
    # methods x (train, test) x classes
    assert names["all"] == names["equal"] == 4 * 4 * 2
    # Shares and halves are of none alone; halves are tested within.
    assert names["1/2"] == names["1/4"] == 4 * 2
    assert names["same half"] == names["other half"] == 2 * 2
    scores = scores[scores["sample"].eq("all")]
    assert (scores["n_test"] == 36).all()
    assert (scores["n_positive"] == 18).all()
    within = scores[(scores["train"] == scores["test"]) & (scores["method"] == "none")]
    assert (within["roc_auc"] > 0.95).all()  # bass against treble is easy
    padding = pd.read_csv(folder / "results/tables/padding.csv")
    assert padding[["dataset", "n_clips", "n_padded"]].to_numpy().tolist() == [
        ["clear", 36, 0],
        ["hum", 36, 0],
    ]
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


def test_a_second_run_has_nothing_to_do(finished, tmp_path):
    folder = shutil.copytree(finished[0], tmp_path / "again")
    before = written(folder)
    done = run(folder)
    assert done.returncode == 0
    assert "Nothing to be done" in done.stderr + done.stdout
    assert "report.html" in done.stdout
    assert before == written(folder)


def test_what_is_off_may_be_asked_for_later_and_nothing_else_is_done(
    finished, tmp_path
):
    folder = shutil.copytree(finished[0], tmp_path / "labelled")
    before = written(folder)
    config = yaml.safe_load((folder / "experiment.yaml").read_text())
    config["few_labels"] = {"methods": ["none", "lda"], "numbers": [1, 4]}
    config["decomposition"] = {"methods": ["none", "lda"], "n_labels": 2}
    (folder / "experiment.yaml").write_text(yaml.safe_dump(config))
    done = run(folder)
    assert done.returncode == 0, done.stderr[-3000:]
    after = written(folder)
    changed = {f.name for f in before if f.is_file() and before[f] != after[f]}
    assert changed == {"report.html", "report.html.json"}
    curves = LABEL_CURVES.read(folder / "results/tables/label_curves.csv")
    # Numbers with none, methods, directions.
    own = curves[curves["metric"].eq("roc_auc")]
    assert len(own) == 3 * 2 * 2
    assert set(own["n_labels"]) == {0, 1, 4}
    assert own["value"].between(0.5, 1).all()
    page = (folder / "results/report.html").read_text()
    assert '<h2 id="few-labels">' in page
    assert page.count("lda, from ") == 2
    assert (folder / "results/figures/label_curves.png").stat().st_size > 10_000
    parts = DECOMPOSITION.read(folder / "results/tables/decomposition.csv")
    own = parts[parts["of"].eq("gap") & parts["class"].eq("")]
    for _, (whole, *others) in own.groupby("train")["value"]:
        assert len(others) == 4
        assert sum(others) == pytest.approx(whole, abs=1e-4)
    assert set(parts["method"]) == {"", "none", "lda"}
    assert '<h2 id="decomposition">' in page
    assert page.count("from clear to hum: ") == page.count("from hum to clear: ") == 1
    assert (folder / "results/figures/decomposition.png").stat().st_size > 10_000
    assert "decomposition: 2/2 tasks" in done.stderr


def test_a_run_that_is_killed_again_and_again_gives_the_same_bytes(finished, tmp_path):
    folder = write_experiment(tmp_path / "killed")
    results = folder / "results"
    embedded = "2_embeddings/*/mfcc/clean.done/*.json"
    scored = "5_scores/fixed/mfcc/clean.parts/[!.]*.parquet"
    # The whole run, or the launcher alone, after so many of these files.
    for sign, n, whole_group in (
        (embedded, 1, True),
        (scored, 1, True),
        (scored, 12, False),  # Snakemake outlives it, and is waited for
    ):
        kill_when(
            folder,
            lambda s=sign, n=n: len(list(results.glob(s))) >= n,
            whole_group=whole_group,
        )
        assert not (results / "report.html").exists()
    done = run(folder)
    assert done.returncode == 0, done.stderr[-3000:]
    assert tables(folder) == tables(finished[0])
    assert not list(results.rglob("*unfinished*"))


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


def test_an_edited_label_decodes_nothing_and_embeds_nothing(tmp_path, finished):
    folder = tmp_path / "edited"
    shutil.copytree(finished[0], folder)
    table = pd.read_csv(folder / "hum" / "clips.csv")
    table.loc[table["recording"] == "bass3", "label"] = "treble"
    table.to_csv(folder / "hum" / "clips.csv", index=False)
    done = run(folder, *TO_TABLES)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "hum: 36 of 36 were decoded before" in done.stderr
    assert "hum: 36 clips listed" in done.stderr
    assert "clear: 36 clips listed" not in done.stderr
    assert "checkpoint plan_regions:" in done.stderr
    assert "36 clips, 0 of them to embed" in done.stderr
    assert "rule extract_embeddings:" not in done.stderr
    scores = SCORES.read(folder / "results/tables/scores.csv")
    scores = scores[scores["sample"].eq("all")]
    hum = scores[(scores["test"] == "hum") & (scores["class"] == "bass")]
    assert set(hum["n_positive"]) == {16}


def test_only_one_run_works_in_a_folder_at_a_time(tmp_path):
    folder = write_experiment(tmp_path / "twice")
    pair = [
        subprocess.Popen(
            command(folder, "results/1_clips/hum.parquet"),
            cwd=folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=900)[0] for process in pair]
    assert [process.returncode for process in pair] == [0, 0]
    waited = [o for o in outputs if "Another run is going on" in o]
    assert len(waited) == 1
    assert "Nothing to be done" in waited[0]


def test_snakemake_makes_its_own_report(finished, tmp_path):
    folder = shutil.copytree(finished[0], tmp_path / "copy")
    out = tmp_path / "snakemake.html"
    done = snakemake(folder, "--report", out)
    assert done.returncode == 0, done.stderr[-2000:]
    page = out.read_text()
    for figure in ("per_class", "gaps", "discrepancy"):
        assert figure in page
