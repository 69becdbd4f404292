"""No daemon and no job of a cluster outlives the tests, however these end."""

import contextlib
import os
import subprocess
import sys

import psutil
import pytest

from tests.slurm.cluster import missing
from tests.slurm.watchdog import of_cluster
from tests.waiting import wait_for
from tests.workflow.conftest import ROOT

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(300)]

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
