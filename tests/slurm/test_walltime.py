"""A job ends in time: before its limit or when it is told to, and another goes on."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from earshift import status, store
from tests.waiting import wait_for
from tests.workflow.conftest import ROOT, environment, write_experiment

#: A model that takes its time, as the environment says, and leaves a mark at each call.
SLOW = """
import os
import time
import numpy as np
from earshift.models import Framing, ModelSpec
env, version, licence, citation = "analysis", 1, "", ""
def spec():
    framing = Framing(window=1_600, hop=1_600)
    return ModelSpec(16_000, framing, n_features=256, batch_size=8)
def network(spec):
    scale = np.arange(1, 257, dtype=np.float32)
    def embed(windows):
        with open(f"calls.{os.environ.get('SLURM_JOB_ID')}", "a") as file:
            file.write(".")
        time.sleep(float(os.environ["TEST_SLOW_S"]))
        return np.abs(windows).max(axis=1)[:, None] * scale
    return embed
"""

STORE = Path("results/2_embeddings/clear/slow")
NAMES = ("000000", "000001")
MARKERS = [STORE / f"clean.done/{name}.json" for name in NAMES]
LIBRARY = str(ROOT / "workflow" / "scripts")

LOGS = Path("logs/results/extract_embeddings/clear/slow/clean")

SLURM = (
    "--executor slurm --jobs 4 --retries 5 --rerun-incomplete --slurm-no-account "
    "--slurm-status-command squeue --slurm-no-requeue "
    "--slurm-init-seconds-before-status-checks 3 "
    "--default-resources mem_mb=1000 --set-resources extract_embeddings:runtime=1"
).split()


def snakemake(folder, *arguments, slow_s=0.0, variables=None):
    """Start Snakemake on the workflow in a folder."""
    command = [
        *("timeout", "-s", "KILL", "400", sys.executable, "-m", "snakemake"),
        *arguments,
        *("--snakefile", ROOT / "Snakefile", "--configfile", "experiment.yaml"),
    ]
    variables = variables or environment()
    variables |= {"PYTHONPATH": LIBRARY, "TEST_SLOW_S": str(slow_s)}
    with (folder / "out.txt").open("w") as out:
        return subprocess.Popen(
            [str(word) for word in command],
            cwd=folder,
            env=variables,
            stdout=out,
            stderr=subprocess.STDOUT,
        )


def finish(process, folder):
    assert process.wait(400) == 0, (folder / "out.txt").read_text()[-3000:]


@pytest.fixture
def planned(tmp_path):
    """Two folders with an experiment whose clips are all yet to be embedded."""
    folder = write_experiment(tmp_path / "cluster")
    (folder / "slow.py").write_text(SLOW)
    file = folder / "experiment.yaml"
    config = yaml.safe_load(file.read_text()) | {"models": {"slow.py": None}}
    file.write_text(yaml.safe_dump(config))
    plan = STORE / "clean.plan.json"
    finish(snakemake(folder, plan, "--cores", "2"), folder)
    shutil.copytree(folder, tmp_path / "local", symlinks=True)
    return folder, tmp_path / "local"


def log_of(folder, name):
    log = folder / LOGS / f"{name}.log"
    return log.read_text() if log.exists() else ""


def begun_of(folder, name):
    file = folder / STORE / f"clean.begun/{name}.json"
    return json.loads(file.read_text()) if file.exists() else None


def everything(folder):
    kept = [folder / STORE / f"clean.kept/{name}.json" for name in NAMES]
    files = {
        name: (folder / STORE / "clean.zarr" / name).read_bytes()
        for name in store.files(folder / STORE / "clean.zarr")
    }
    return files, [json.loads(file.read_text()) | {"spent": None} for file in kept]


@pytest.mark.nightly
@pytest.mark.workflow
@pytest.mark.timeout(400)
def test_a_job_stops_before_its_limit_another_when_told_and_others_finish(
    slurm, planned
):
    folder, undisturbed = planned
    # Two at a time, 27 batches take 57 s; a job has 60, and stops 10 s before the end.
    run = snakemake(folder, *MARKERS, *SLURM, slow_s=4.2, variables=slurm.environment)
    wait_for(lambda: len(slurm.live()) == 2, "the submission", 60)
    (told,) = [job.split()[0] for job in slurm.jobs("%i %k") if NAMES[1] in job]
    calls = folder / f"calls.{told}"
    wait_for(lambda: calls.exists() and calls.stat().st_size > 12, "its work", 60)
    slurm.run("scancel", "--signal=USR1", told)
    said = {NAMES[1]: "SIGUSR1 came", NAMES[0]: "its time is nearly over"}
    first = {}
    for name, why in said.items():
        first[name] = wait_for(lambda n=name: begun_of(folder, n), "the stop", 90)
        n_kept = first[name]["clips"]
        assert 0 < n_kept < 18
        message = f"{why}. {n_kept} of 18 clips are kept"
        wait_for(lambda n=name, m=message: m in log_of(folder, n), "the message", 10)
    finish(run, folder)
    for name, marker in zip(NAMES, MARKERS, strict=True):
        assert "of 18 clips embedded before" in log_of(folder, name)
        assert begun_of(folder, name) is None
        spent = json.loads((folder / marker).read_text())["spent"]
        assert spent["seconds"] > first[name]["spent"]["seconds"]
    # The record of the last attempt, with what SLURM gave it.
    for (rule, name), said in status.read_records(folder / "logs/results").items():
        if rule == "extract_embeddings" and name.startswith("clear/"):
            assert said["state"] == "done"
            assert said["asked"]["minutes"] == 1
            assert said["asked"]["cpus"] == 2
            assert int(said["slurm_job"]) > 2
            assert said["earlier"]["attempts"] >= 1
    finish(snakemake(undisturbed, *MARKERS, "--cores", "2"), undisturbed)
    assert everything(folder) == everything(undisturbed)


TASK = """
from earshift import slurm
print(slurm.own_id(), slurm.time_left_s(), flush=True)
"""


def test_each_task_of_an_array_knows_its_own_end(slurm, tmp_path):
    (tmp_path / "task.py").write_text(TASK)
    job = slurm.run(
        *("sbatch", "--parsable", "--array=1-2", "--time=3", "--wait"),
        *("--output", tmp_path / "%a.out"),
        *("--wrap", f"{sys.executable} {tmp_path / 'task.py'}"),
        env={"PYTHONPATH": LIBRARY},
    ).strip()
    for task in (1, 2):
        own, left = (tmp_path / f"{task}.out").read_text().split()
        assert own == f"{job}_{task}"
        assert 100 < float(left) <= 181
