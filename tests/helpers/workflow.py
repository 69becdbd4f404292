"""Run the workflow as a user does: Snakemake in a process of its own."""

import os
import shutil
import signal
import subprocess
import sys
import time

import yaml

from tests.helpers.places import ROOT
from tests.helpers.tones import write_table_dataset


def command(folder, *arguments, root=ROOT, config="experiment.yaml"):
    """The launcher, as `make run` calls it."""
    launcher = root / "workflow" / "scripts" / "run.py"
    return [
        *(sys.executable, str(launcher), "--configfile", str(folder / config)),
        *("--cores", "2", *arguments),
    ]


def environment(root=ROOT):
    """Byte code allowed, and the library of `root` in front."""
    variables = dict(os.environ, PYTHONPATH=str(root / "workflow" / "scripts"))
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    return variables


def run(folder, *arguments, root=ROOT, config="experiment.yaml"):
    """Run an experiment in `folder`; return the finished process."""
    return subprocess.run(
        command(folder, *arguments, root=root, config=config),
        cwd=folder,
        env=environment(root),
        capture_output=True,
        text=True,
        timeout=1500,
    )


def by_hand(*arguments):
    """Snakemake itself, on the experiment in the folder that it is called in."""
    words = ["-m", "snakemake", "--snakefile", ROOT / "Snakefile", *arguments]
    return [sys.executable, *words, "--configfile", "experiment.yaml"]


def snakemake(folder, *arguments):
    """Run Snakemake itself on the experiment in `folder`; return the process."""
    return subprocess.run(
        by_hand(*arguments),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=600,
    )


def clone(folder):
    """Copy the project, as it is now, to `folder`: every file is newer than before."""
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    return folder


def jobs_of(done, rule):
    """How many jobs of a rule a run did."""
    return (done.stdout + done.stderr).count(f"rule {rule}:")


def kill_when(folder, happened, *arguments, whole_group=True):
    """Run an experiment, and kill it (or its launcher alone) once it happened."""
    process = subprocess.Popen(
        command(folder, *arguments),
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while not happened():
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.002)
    assert process.poll() is None, "the run ended before it could be killed"
    if whole_group:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def write_experiment(folder, **changes):
    """Two small table datasets, one with hum, and the settings to compare them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, hum, seed in (("clear", 0.0, 1), ("hum", 0.3, 2)):
        write_table_dataset(folder / name, n_recordings=9, hum=hum, seed=seed)
    config = {
        "results": "results",
        "datasets": {
            "clear": {"plugin": "table", "folder": "clear"},
            "hum": {"plugin": "table", "folder": "hum"},
        },
        "models": {"mfcc": None},
        # Two regions of each dataset, though it has a minute of audio.
        "extraction": {"minutes_per_job": 1e-4, "max_jobs": 2},
        "methods": ["none", "lda", "mlda", "mean_projection"],
        "splits": {"n_folds": 3, "n_repeats": 1},
        "classifier": {"C": [0.01, 1.0]},
        "statistics": {"n_resamples": 199, "n_refits": 0},
        # Processes that Dask shares tasks out to take longer to start than these tasks.
        "workers": {"per_node": 1},
    } | changes
    (folder / "experiment.yaml").write_text(yaml.safe_dump(config))
    return folder


#: What ends a run with its tables, for tests that look at no figure and no page.
TO_TABLES = ("--until", "summarise_scores")


def tables(folder):
    """Every final table, as bytes."""
    found = sorted((folder / "results" / "tables").glob("*.csv"))
    return {file.name: file.read_bytes() for file in found}
