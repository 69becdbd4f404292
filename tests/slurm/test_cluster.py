"""No daemon and no job of a cluster outlives the tests, however these end."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.helpers.places import ROOT
from tests.helpers.waiting import wait_for
from tests.slurm.cluster import missing
from tests.slurm.watchdog import of_cluster

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(900)]

#: A test under way: a job runs on a cluster with accounting.
TESTS = """
import sys, time
from pathlib import Path
from tests.slurm.cluster import Cluster

cluster = Cluster(Path(sys.argv[1]), accounting=True)
cluster.start()
cluster.run("sbatch", "--mem=50", "-o/dev/null", "--wrap", "sleep 1000 & sleep 1001")
while not any("RUNNING" in job for job in cluster.jobs()):
    time.sleep(0.1)
print("runs", flush=True)
time.sleep(1000)
"""


def names(state):
    """Names of the processes of a cluster."""
    found = set()
    for process in of_cluster(state):
        with contextlib.suppress(psutil.Error):
            found.add(process.name())
    return found


def test_a_cluster_ends_with_the_tests_that_were_killed(tmp_path_factory):
    lacking = missing(accounting=True)
    if lacking:
        pytest.skip(f"SLURM is not installed: {', '.join(lacking)}")
    state = tmp_path_factory.mktemp("c")
    with subprocess.Popen(
        [sys.executable, "-c", TESTS, str(state)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as tests:
        try:
            assert tests.stdout.readline() == "runs\n"
            wanted = {"munged", "slurmctld", "slurmd", "slurmdbd", "mariadbd"}
            wanted |= {"slurmstepd", "sleep"}
            wait_for(lambda: names(state) >= wanted, "the start of all processes")
        finally:
            tests.kill()
    wait_for(lambda: not of_cluster(state), "the end of the cluster")
    wait_for(lambda: not state.exists(), "the end of its folder")


def test_the_benchmark_of_clusters_prints_its_figures(tmp_path):
    lacking = missing()
    if lacking:
        pytest.skip(f"SLURM is not installed: {', '.join(lacking)}")
    here = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [
            sys.executable,
            ROOT / "benchmarks/clusters.py",
            "--jobs",
            "2",
            "--whole",
            "1",
        ],
        cwd=tmp_path,
        env=os.environ | {"PATH": here},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    head, whole, cut_short = done.stdout.splitlines()
    assert "driver CPU s" in head
    # Jobs, calls of sbatch, wall s, CPU s and MiB of the driver, wall s a job.
    jobs, calls, *took = map(float, whole.split()[1:])
    assert (jobs, calls) == (1, 1)
    assert min(took) > 0
    jobs, calls, *took = map(float, cut_short.split()[2:])
    assert (jobs, calls) == (2, 1)
    assert min(took) > 0
