"""Results are used again if, and only if, the settings are those that made them."""

import fcntl
import os
import shutil
import signal
import subprocess
import time

import pandas as pd
import pytest
import soundfile
import yaml

from tests.helpers.bare import python_without_earshift
from tests.helpers.waiting import wait_for
from tests.helpers.workflow import (
    by_hand,
    command,
    environment,
    run,
    write_experiment,
)

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(1800)]

LAST = ["draw_figures", "write_report"]
SPLIT = ["make_splits", "select_clips", "choose_classes"]
SCORED = ["cross_validate", "measure_discrepancy", "summarise_scores", *LAST]


def copy_of(finished, folder):
    """The finished experiment elsewhere, where Snakemake knows nothing of it."""
    ignored = shutil.ignore_patterns(".snakemake", "logs")
    return shutil.copytree(finished[0], folder, ignore=ignored)


def change(folder, **changes):
    """Change the settings of an experiment."""
    file = folder / "experiment.yaml"
    config = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump(config | changes, sort_keys=False))


def said(done):
    """All that a run said."""
    return done.stdout + done.stderr


def rules_run(done, *expected):
    """Whether the rules with jobs in a run, or a dry run, were the expected ones."""
    assert done.returncode == 0, done.stderr[-3000:]
    lines = said(done).splitlines()
    heads = [line for line in lines if line.endswith(":") and line[:1].isalpha()]
    found = {line[:-1].split()[1] for line in heads if len(line.split()) == 2}
    return found - {"all", "stats"} == set(expected)


def contents(folder):
    """Every file of the results, with when it was written."""
    found = (folder / "results").rglob("*")
    return {f: f.stat().st_mtime_ns for f in found if f.name != ".run.lock"}


def test_results_that_were_copied_are_used_as_they_are(finished, tmp_path):
    folder = copy_of(finished, tmp_path / "copy")
    before = contents(folder)
    done = run(folder)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Nothing to be done" in said(done)
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"splits": {"n_folds": 4}}, SPLIT),
        ({"pooling": ["mean", "std"]}, ["pool_frames"]),
        ({"seed": 5}, [*SPLIT, "audit_datasets", "draw_audio"]),
    ],
)
def test_of_copied_results_what_other_settings_made_is_made_again(
    finished, tmp_path, changes, expected
):
    folder = copy_of(finished, tmp_path / "copy")
    before = contents(folder)
    change(folder, **changes)
    done = run(folder, "-n")
    assert rules_run(done, *expected, *SCORED)
    assert f"{expected[0]} ({next(iter(changes))})" in said(done)
    assert "Mean ROC-AUC" not in done.stdout  # those there are not of these settings
    assert contents(folder) == before
    # What a dry run saw counts for nothing.
    shutil.copy(finished[0] / "experiment.yaml", folder)
    assert "Nothing to be done" in said(run(folder, "-n"))


def test_the_table_of_copied_results_is_that_of_the_present_methods(finished, tmp_path):
    folder = copy_of(finished, tmp_path / "copy")
    change(folder, methods=["none", "lda"], classifier={"C": [1.0]})
    done = run(folder)
    assert rules_run(done, *SCORED)
    assert "mlda" not in done.stdout
    summary = pd.read_csv(folder / "results/tables/summary.csv")
    assert set(summary["method"]) == {"none", "lda"}
    assert "Nothing to be done" in said(run(folder))
    # A record that is gone says nothing of what made the file.
    (folder / "results/tables/.settings/summary.csv.json").unlink(missing_ok=True)
    (folder / "results/tables/.settings/scores.csv.json").unlink()
    done = run(folder, "-n")
    assert rules_run(done, "summarise_scores", *LAST)
    assert "summarise_scores (settings unknown)" in said(done)


def test_results_that_another_folder_made_since_are_not_taken_for_ours(
    finished, tmp_path
):
    ours, theirs = (copy_of(finished, tmp_path / name) for name in ("ours", "theirs"))
    shared = shutil.move(ours / "results", tmp_path / "shared")
    shutil.rmtree(theirs / "results")
    target = f"{shared}/4_splits/classes.csv"
    for folder in (ours, theirs):
        change(folder, results=str(shared))
    assert "Nothing to be done" in said(run(ours, target))
    change(theirs, splits={"n_folds": 4})
    assert rules_run(run(theirs, target), *SPLIT)
    assert "Nothing to be done" in said(run(theirs, target))
    # Our Snakemake remembers nothing that differs; the files do.
    assert rules_run(run(ours, target), *SPLIT)


def is_held(lock):
    """Whether another process holds a lock."""
    if not lock.exists():
        return False
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_one_run_at_a_time_works_on_results_whatever_folder_it_is_in(tmp_path):
    shared = tmp_path / "shared"
    folders = [write_experiment(tmp_path / name, results=str(shared)) for name in "ab"]
    target = f"{shared}/1_clips/hum.parquet"
    said = [tmp_path / name for name in ("first", "second", "by_hand")]

    def start(words, folder, file):
        with file.open("w") as out:
            return subprocess.Popen(
                words,
                cwd=folder,
                env=environment(),
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    first = start(command(folders[0], target), folders[0], said[0])
    wait_for(lambda: is_held(shared / ".run.lock"), "the lock of the first run")
    line = f"Another run is going on with the results in '{shared}'; waiting for it."
    # It goes on when both others wait for it, one of them as Snakemake itself.
    os.killpg(first.pid, signal.SIGSTOP)
    try:
        others = [
            start(command(folders[1], target), folders[1], said[1]),
            start(by_hand("-c", "1", target, "--nolock"), folders[0], said[2]),
        ]
        for file in said[1:]:
            wait_for(lambda file=file: line in file.read_text(), "that one waits")
    finally:
        os.killpg(first.pid, signal.SIGCONT)
    assert [process.wait(timeout=900) for process in (first, *others)] == [0, 0, 0]
    outputs = [file.read_text() for file in said]
    assert line not in outputs[0]
    for output in outputs[1:]:
        assert "Nothing to be done" in output


def test_the_table_printed_is_that_of_the_results_that_were_asked_for(
    finished, tmp_path
):
    folder = copy_of(finished, tmp_path / "copy")
    shutil.copytree(folder / "results", folder / "other")
    (folder / "results" / "tables" / "summary.csv").write_text("not what is asked for")
    done = run(folder, "--config", "results=other")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Mean ROC-AUC" in done.stdout
    assert done.stdout.endswith("Report: other/report.html\n")


def test_why_a_job_failed_is_the_last_that_is_said(tmp_path):
    folder = write_experiment(tmp_path / "bad", max_bad_clips=0)
    sound = next((folder / "hum" / "audio").iterdir())
    sound.write_bytes(sound.read_bytes()[:1000])
    done = run(folder, "--until", "gather_clips", "--keep-going")
    assert done.returncode == 1
    *_, error, log = done.stderr.splitlines()
    assert error.startswith("Error: gather_clips hum: ")
    assert "1 of 36 clips cannot be used (1 truncated)" in error
    assert log == "       its log: logs/results/gather_clips/hum.log"
    assert "1 of 36 clips" in (folder / log.split(": ")[1]).read_text()
    # --until went beyond the checkpoint, for the other dataset.
    assert (folder / "results/1_clips/clear.parquet").exists()
    assert not (folder / "results/1_clips/hum.parquet").exists()
    soundfile.write(sound, [0.1, -0.1] * 10_000, 16_000)
    done = run(folder, "--until", "gather_clips", "--forcerun", "list_clips")
    assert done.returncode == 0, done.stderr[-3000:]
    assert (folder / "results/1_clips/hum.parquet").exists()
    assert "Error" not in done.stderr.splitlines()[-1]


def test_a_file_from_the_future_is_named_and_used(tmp_path):
    folder = write_experiment(tmp_path / "future")
    table, tomorrow = folder / "hum" / "clips.csv", time.time() + 86_400
    os.utime(table, (tomorrow, tomorrow))
    done = run(folder, "--until", "gather_clips")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "'hum/clips.csv' is dated in the future" in done.stderr
    assert "'touch' it" in done.stderr
    assert "clear/clips.csv' is dated" not in done.stderr
    assert "Nothing to be done" in said(run(folder, "--until", "gather_clips"))


def test_an_interpreter_below_a_path_with_a_space_runs_the_jobs(tmp_path):
    python = python_without_earshift(tmp_path / "an environment's")
    folder = write_experiment(tmp_path / "an experiment")
    _, *words = command(folder, "results/1_clips/hum.list.parquet")
    done = subprocess.run(
        [python, *words],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (folder / "results/1_clips/hum.list.parquet").exists()
