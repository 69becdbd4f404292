"""A run that is a job submits itself again before its time ends."""

import signal
import subprocess
import time

import pytest

from tests.helpers.places import ROOT
from tests.helpers.waiting import wait_for

#: A run that lasts until it may end, and a cluster that takes a job at the third try.
RUN = """#!/bin/bash
cd "$(dirname "$0")"
if [ "$1" = --submit ]; then
    echo try >> tries
    [ "$(wc -l < tries)" -ge 3 ] || exit 1
    touch submitted
else
    touch started
    while [ ! -e end ]; do sleep 0.05; done
    exit 7
fi
"""


@pytest.fixture
def driver(tmp_path):
    """A driver that has been told that its time ends."""
    text = (ROOT / "slurm" / "driver.sh").read_text()
    assert text.count("sleep 20") == 1
    (tmp_path / "driver.sh").write_text(text.replace("sleep 20", "sleep 1"))
    (tmp_path / "run").write_text(RUN)
    (tmp_path / "run").chmod(0o755)
    with subprocess.Popen(
        ["bash", "driver.sh", "./run"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            wait_for((tmp_path / "started").exists, "the start of the run")
            time.sleep(0.2)
            process.send_signal(signal.SIGUSR1)
            yield process
        finally:
            (tmp_path / "end").touch()
            process.kill()


def test_a_submission_that_is_refused_is_tried_again(driver, tmp_path):
    _, said = driver.communicate(timeout=100)
    assert driver.returncode == 0
    assert (tmp_path / "submitted").exists()
    line = "The next driver could not be submitted; trying again in 20 s.\n"
    assert said == 2 * line
    tries = (tmp_path / "tries").read_text()
    assert tries == 3 * "try\n"


def test_a_run_that_ends_meanwhile_needs_no_other_driver(driver, tmp_path):
    wait_for((tmp_path / "tries").exists, "the first try")
    (tmp_path / "end").touch()
    driver.communicate(timeout=100)
    assert driver.returncode == 7
    assert not (tmp_path / "submitted").exists()
