"""What needs no cluster: the command of an array's task."""

import asyncio
import base64
import json
import logging
import os
import subprocess
import sys
import zlib
from types import SimpleNamespace

import pytest
import snakemake_executor_plugin_slurm as plugin
from snakemake.settings.types import RemoteExecutionSettings, StorageSettings
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo

from earshift import slurm
from earshift.errors import ClusterError

BECOME = """
import os, sys
from earshift import slurm
slurm.become_array_task(sys.argv, os.environ)
print("still here")
"""

#: What a run does with the plugin, before its jobs.
CHECK = "from earshift import slurm; slurm.repair_plugin(); slurm.check_plugin()"


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
        [sys.executable, "-c", BECOME, "--executor", "slurm-jobstep", word],
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
        slurm.become_array_task(["--executor", "slurm-jobstep", word], variables)
    with pytest.raises(ClusterError, match="task 4 of this array has no command"):
        slurm.become_array_task(["--executor", "slurm-jobstep"], variables)
    # Such a process that has become the task, and a run in a user's own array.
    own = variables | {"EARSHIFT_ARRAY_TASK": "4"}
    slurm.become_array_task(["--executor", "slurm-jobstep"], own)
    slurm.become_array_task(["--executor", "local"], variables)


def test_another_version_of_the_plugin_is_refused(tmp_path):
    """As it would be if a newer one were installed."""
    package = tmp_path / "snakemake_executor_plugin_slurm"
    package.mkdir()
    (package / "__init__.py").write_text("raise AssertionError('it was loaded')")
    facts = tmp_path / f"{package.name}-2.9.1.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Name: {package.name}\nVersion: 2.9.1\n")
    done = subprocess.run(
        [sys.executable, "-c", CHECK],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "version 2.8 of snakemake-executor-plugin-slurm is needed" in done.stderr
    assert "got 2.9.1" in done.stderr
    # The one that is installed is right.
    slurm.check_plugin()


class Driver:
    """The plugin's executor, corrected, in a run of Snakemake that has jobs alone."""

    def __init__(self, folder, keeps_logs=False):
        slurm.repair_plugin()
        settings = plugin.ExecutorSettings(
            jobname_prefix="earshift-1",
            keep_successful_logs=keeps_logs,
            logdir=folder / "logs",
            delete_logfiles_older_than=0,
        )
        workflow = SimpleNamespace(
            dag=None,
            main_snakefile="Snakefile",
            executor_settings=settings,
            executor_plugin=SimpleNamespace(
                common_settings=SimpleNamespace(init_seconds_before_status_checks=0)
            ),
            # Immediate: it keeps no folder of scripts.
            remote_execution_settings=RemoteExecutionSettings(
                seconds_between_status_checks=0, immediate_submit=True
            ),
            storage_settings=StorageSettings(),
            scheduler=self,
        )
        self.executor = plugin.Executor(workflow, logging.getLogger("plugin"))
        # It looks by itself, from a thread of its own; here a test says when.
        self.executor.shutdown()
        self.ended = {}

    def finish_callback(self, job):
        self.ended[job.id] = "success"

    def error_callback(self, job):
        self.ended[job.id] = job.error

    def look(self, jobs):
        """Those of some jobs that have not ended."""

        async def left():
            return [job async for job in self.executor.check_active_jobs(jobs)]

        return asyncio.run(left())


class Job:
    """A job of Snakemake: it keeps what the plugin says of it."""

    def __init__(self, id_):
        self.id = id_

    def log_error(self, msg, *, aux_logs, external_jobid):
        assert external_jobid == self.id
        assert [file.rsplit("/", 1)[-1] for file in aux_logs] == [f"{self.id}.log"]
        self.error = msg.removesuffix(FURTHER)


#: What Snakemake adds.
FURTHER = (
    "For further error details see the cluster/cloud log and the log files of the "
    "involved rule(s)."
)


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """A function that says what squeue answers from now on."""
    script, cancel = tmp_path / "squeue", tmp_path / "scancel"
    cancel.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/cancelled\n')
    cancel.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    def answer(text, status=0):
        words = "--states all --name earshift-1_"
        asked = f'case "$*" in *"{words}"*) ;; *) exit 9;; esac'
        lines = f"#!/bin/sh\n{asked}\ncat <<'END'\n{text}\nEND\nexit {status}\n"
        script.write_text(lines)
        script.chmod(0o755)

    return answer


def submitted(folder, *ids):
    jobs = []
    for id_ in ids:
        log = folder / f"{id_}.log"
        log.write_text("said")
        jobs.append(SubmittedJobInfo(Job(id_), id_, {"slurm_logfile": log}))
    return jobs


def test_each_job_is_reported_as_it_ended(queue, tmp_path):
    states = ["RUNNING", "COMPLETED", "PREEMPTED", "TIMEOUT", "PENDING", "SUSPENDED"]
    ids = ["4_1", "4_2", "4_10", "5", "6", "7"]
    queue("\n".join(map("|".join, zip(ids, states, strict=True))))
    driver, jobs = Driver(tmp_path), submitted(tmp_path, *ids)
    assert driver.look(jobs) == [jobs[0], jobs[4], jobs[5]]
    assert driver.ended == {
        "4_2": "success",
        "4_10": "SLURM job 4_10 ended as PREEMPTED.",
        "5": "SLURM job 5 ended as TIMEOUT.",
    }
    # The log of a job that did well is removed.
    assert [job.aux["slurm_logfile"].exists() for job in jobs[1:4]] == [0, 1, 1]
    keeping, (job,) = Driver(tmp_path, keeps_logs=True), submitted(tmp_path, "4_2")
    assert keeping.look([job]) == []
    assert job.aux["slurm_logfile"].exists()


def test_no_job_is_forgotten_while_slurm_does_not_answer(queue, tmp_path, caplog):
    driver, jobs = Driver(tmp_path), submitted(tmp_path, "4_1", "5")
    queue("slurm_load_jobs error: Unable to contact slurm controller", status=1)
    for _ in range(10):
        assert driver.look(jobs) == jobs
    assert "Which jobs have ended is not known: SLURM refused 'squeue" in caplog.text
    queue("4_1|RUNNING\n5|COMPLETED")
    assert driver.look(jobs) == jobs[:1]
    assert driver.ended == {"5": "success"}


def test_a_job_that_left_the_queue_unseen_is_done_again(queue, tmp_path):
    driver, jobs = Driver(tmp_path), submitted(tmp_path, "4")
    for text in ("", "", "4|RUNNING", "", ""):
        queue(text)
        assert driver.look(jobs) == jobs
    assert driver.look(jobs) == []
    assert driver.ended == {"4": "SLURM job 4 left the queue unseen."}
    # Should it live after all, it must not write beside the next attempt.
    assert (tmp_path / "cancelled").read_text() == "--quiet 4\n"
