"""A small experiment whose extraction waits on demand, and its runs on a cluster."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import yaml

from tests.helpers.places import ROOT
from tests.helpers.stores import read_files
from tests.helpers.waiting import wait_for
from tests.helpers.workflow import run, write_experiment

#: Its network waits while the file `hold` is there, then as many seconds as the file
#: `pace` says. Its first call takes as many MB as the file `memory` says. Each call
#: writes down which job makes it.
MODEL = '''
"""Energy in four bands, slowly."""

import os
import time
from pathlib import Path

import numpy as np

from earshift.models import Framing, ModelSpec

env = "analysis"
version = 1
licence = "BSD-3-Clause"
citation = "none"
HERE = Path(__file__).parent


def spec():
    """Return the facts: 0.5 s windows at 8 kHz, 4 features."""
    framing = Framing(window=4000, hop=4000)
    return ModelSpec(8000, framing, n_features=4, batch_size=1)


def network(spec):
    """Return the function from windows to log energies."""
    calls = []

    def said(name):
        file = HERE / name
        return int(file.read_text()) if file.exists() else 0

    def embed(windows):
        with (HERE / "journal").open("a") as file:
            file.write(f"{os.environ.get('SLURM_JOB_ID')}\\n")
        while (HERE / "hold").exists():
            time.sleep(0.05)
        if said("pace"):
            time.sleep(said("pace"))
        if said("memory") and not calls:
            taken = np.ones(said("memory") * 125_000)
            time.sleep(4 + 0 * taken[0])
        calls.append(len(windows))
        power = np.abs(np.fft.rfft(windows)) ** 2
        bands = [b.mean(axis=1) for b in np.array_split(power, 4, axis=1)]
        return np.log10(np.stack(bands, axis=1) + 1e-9).astype(np.float32)

    return embed
'''

STORE = "results/2_embeddings/clear/held/clean"
REGIONS = [f"{region:06d}" for region in range(3)]
DONE = [f"{STORE}.done/{region}.json" for region in REGIONS]

#: Ask for the state of jobs at once, and believe what the file system says.
QUICK = (
    *("--slurm-init-seconds-before-status-checks", "1"),
    *("--seconds-between-status-checks", "1", "--latency-wait", "5"),
)


def prepare(folder):
    """Everything before extraction, done on this machine: three regions to embed."""
    write_experiment(
        folder,
        models={"held": {"plugin": "held.py"}},
        extraction={"minutes_per_job": 1e-6, "max_jobs": 3, "gpu": 1},
    )
    (folder / "held.py").write_text(MODEL)
    (folder / "slurm").mkdir()
    write_site(folder)
    done = run(folder, "--until", "plan_regions")
    assert done.returncode == 0, done.stderr[-3000:]
    (folder / "journal").unlink()  # of calibration
    return folder


def write_site(folder, **values):
    """The site's values."""
    text = yaml.safe_dump({"cpus_per_node": 4, "jobs": 20} | values)
    (folder / "slurm" / "site.yaml").write_text(text)


def copy_of(prepared, folder):
    """The same experiment in another folder, held before its first window."""
    shutil.copytree(prepared, folder)
    (folder / "hold").touch()
    return folder


def environment(cluster):
    """Of a run on the cluster: the library of this project, and byte code."""
    variables = cluster.environment
    here = str(Path(sys.executable).parent)
    variables["PATH"] = os.pathsep.join([here, variables["PATH"]])
    return variables | {"PYTHONPATH": str(ROOT / "workflow" / "scripts")}


def launcher(*arguments):
    """The command of `make run PROFILE=slurm`."""
    script = ROOT / "workflow" / "scripts" / "run.py"
    words = ("--configfile", "experiment.yaml", "--profile", "slurm")
    return [sys.executable, str(script), *words, *arguments]


class Driver:
    """A run on the cluster, under way."""

    def __init__(self, cluster, folder, *arguments, command=None):
        self.log = folder / "driver.log"
        command = command or launcher(*DONE, *QUICK, *arguments)
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                ["timeout", "-s", "KILL", "700", *command],
                cwd=folder,
                env=environment(cluster),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait(self):
        """Wait until it has ended; return its status."""
        return self.process.wait(timeout=720)

    def kill(self):
        """End it, and every process it started on this machine, but no job."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def says(self, text):
        """Whether it has said something."""
        return text in self.log.read_text()


def extractions(cluster, state="RUNNING"):
    """Ids of the extraction jobs in a state."""
    rows = [line.split("|") for line in cluster.jobs("%i|%T|%k")]
    return [i for i, s, rule in rows if s == state and "extract_embeddings" in rule]


def all_run(cluster, folder):
    """Wait until a network is held in each of the jobs that there is room for."""
    wait_for(lambda: len(extractions(cluster)) == 2, "the start of two jobs", 270)
    journal = folder / "journal"
    wait_for(
        lambda: journal.exists() and len(set(journal.read_text().split())) == 2,
        "the first window of two jobs",
        180,
    )


def store_bytes(folder):
    """Every file of the store, but for whose it is."""
    return read_files(folder / f"{STORE}.zarr")
