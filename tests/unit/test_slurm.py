"""What needs no cluster: the command of an array's task."""

import base64
import json
import os
import subprocess
import sys
import zlib
from types import SimpleNamespace

import pytest

from earshift import slurm
from earshift.errors import ClusterError

BECOME = """
import os, sys
from earshift import slurm
slurm.become_array_task(sys.argv, os.environ)
print("still here")
"""


def payload(**commands):
    """What the plugin tells the tasks of an array, as one word."""
    packed = {
        task.removeprefix("task"): zlib.compress(command.encode()).hex()
        for task, command in commands.items()
    }
    text = base64.b64encode(json.dumps(packed).encode()).decode()
    return f"--slurm-jobstep-array-execs={text}"


def become(word, **variables):
    """What a process says that may become a task."""
    path = {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", BECOME, "--jobs", "1", word],
        env=os.environ | path | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_a_task_becomes_its_own_command():
    word = payload(task2="echo two && echo $HERE", task3="echo three")
    of_array = {"SLURM_ARRAY_TASK_MIN": "1", "HERE": "a b"}
    assert become(word, SLURM_ARRAY_TASK_ID="2", **of_array) == "two\na b\n"
    assert become(word, SLURM_ARRAY_TASK_ID="3", **of_array) == "three\n"
    # The first task is what this process is already.
    assert become(word, SLURM_ARRAY_TASK_ID="1", **of_array) == "still here\n"
    assert become("--other") == "still here\n"


def test_a_task_without_a_command_is_an_error():
    word = payload(task2="true")
    variables = {"SLURM_ARRAY_TASK_ID": "4", "SLURM_ARRAY_TASK_MIN": "1"}
    with pytest.raises(ClusterError, match="task 4 of this array has no command"):
        slurm.become_array_task(["snakemake", word], variables)


def test_the_plugin_looks_at_the_queue_at_even_intervals():
    plugin = pytest.importorskip("snakemake_executor_plugin_slurm")
    slurm.mend_plugin()
    settings = SimpleNamespace(init_seconds_before_status_checks=20)
    executor = object.__new__(plugin.Executor)
    executor.workflow = SimpleNamespace(executor_settings=settings)
    executor.next_seconds_between_status_checks = 180  # as it does after many looks
    assert executor.next_seconds_between_status_checks == 20
