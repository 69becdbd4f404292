"""Snakemake's plugin for SLURM: faults of its version 2.8, corrected from outside."""

from __future__ import annotations

import base64
import json
import os
import zlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from importlib import import_module, metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING

from earshift.errors import ClusterError
from earshift.slurm._commands import call
from earshift.slurm._queue import job_states

if TYPE_CHECKING:
    from snakemake_executor_plugin_slurm import Executor
    from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo

_PLUGIN = "snakemake_executor_plugin_slurm"

#: The only version of the plugin that is known well enough to be changed from outside.
_VERSION = "2.8"

#: States of jobs that have not ended.
_LIVES = frozenset(
    "PENDING CONFIGURING RUNNING COMPLETING SUSPENDED STOPPED RESIZING SIGNALING "
    "STAGE_OUT REQUEUED REQUEUE_FED REQUEUE_HOLD RESV_DEL_HOLD SPECIAL_EXIT".split()
)

#: After so many looks at which a job was not in the queue, it is known to have ended.
_LOOKS = 3

#: Says in the environment of a task that it runs the command of its own.
_TASK = "EARSHIFT_ARRAY_TASK"


def repair_plugin() -> None:
    """Have the plugin submit what is ready, and look at the queue with `look`.

    It would hold jobs of an array back until all that are ready have come, and forget
    those that it held back when more are ready than may be in the queue: the count that
    it asks for jobs still to come is always 0 here. A plugin of another version stays
    as it is, and `check_plugin` refuses it.
    """
    if _is_known(_installed()):
        plugin = import_module(_PLUGIN)
        plugin.pending_jobs_for_rule = lambda *_: 0  # type: ignore[attr-defined]
        plugin.Executor.check_active_jobs = look


def check_plugin() -> None:
    """Refuse a plugin of a version that is not known; a run is about to use it.

    Raises
    ------
    ClusterError
        With the version that is needed.
    """
    version = _installed()
    if version is not None and not _is_known(version):
        raise ClusterError(
            f"version {_VERSION} of snakemake-executor-plugin-slurm is needed, got "
            f"{version}: earshift corrects faults of that version, and knows no other. "
            f"Install it: pip install 'snakemake-executor-plugin-slurm=={_VERSION}.*'"
        )


def _installed() -> str | None:
    """Return the version of the plugin, or None if there is none."""
    return metadata.version(_PLUGIN) if find_spec(_PLUGIN) else None


def _is_known(version: str | None) -> bool:
    return version is not None and version.split(".")[:2] == _VERSION.split(".")


async def look(
    executor: Executor, jobs: Sequence[SubmittedJobInfo]
) -> AsyncGenerator[SubmittedJobInfo, None]:
    """Report the jobs that have ended.

    The plugin's own look forgets all jobs when SLURM does not answer, waits without end
    for one that was preempted, or that left the queue unseen, takes up to three minutes
    to see an end, and where it asks sacct, takes the tasks of an array for each other.

    Parameters
    ----------
    executor : Executor
        The plugin's.
    jobs : sequence of SubmittedJobInfo
        Those that have not ended, as far as is known.

    Yields
    ------
    SubmittedJobInfo
        Those that still wait or run.
    """
    if not jobs:
        return
    try:
        states = job_states(executor.run_uuid)
    except ClusterError as error:
        executor.logger.warning(f"Which jobs have ended is not known: {error}")
        for job in jobs:
            yield job
        return
    for job in jobs:
        state = states.get(str(job.external_jobid), "")
        unseen = job.aux["unseen"] = 0 if state else job.aux.get("unseen", 0) + 1
        if state in _LIVES or 0 < unseen < _LOOKS:
            yield job
        elif state == "COMPLETED":
            executor.report_job_success(job)
            if not executor.workflow.executor_settings.keep_successful_logs:
                job.aux["slurm_logfile"].unlink(missing_ok=True)
        else:
            if not state:  # there must not be two, if the queue was not all shown
                with suppress(ClusterError):
                    call("scancel", "--quiet", str(job.external_jobid))
            ended = f"ended as {state}" if state else "left the queue unseen"
            message = f"SLURM job {job.external_jobid} {ended}."
            log = str(job.aux["slurm_logfile"])
            executor.report_job_error(job, msg=message, aux_logs=[log])


def become_array_task(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """Run the command of a task of an array in place of this process.

    All tasks of an array start as the job of its first task; Snakemake's plugin then
    runs the command of their own inside it. But the job outside looks for the first
    task's files, and removes them when the task fails. Nothing is left outside here.

    Parameters
    ----------
    arguments : sequence of str
        Of this process.
    environment : mapping
        Of this process. It says which task this is.

    Returns
    -------
    None
        Only if this is no task of an array, or the first.

    Raises
    ------
    ClusterError
        If there is no command for the task: it would do the work of another one.
    """
    task = environment.get("SLURM_ARRAY_TASK_ID")
    first_or_current = (environment.get("SLURM_ARRAY_TASK_MIN"), environment.get(_TASK))
    if task is None or task in first_or_current or "slurm-jobstep" not in arguments:
        return
    option = "--slurm-jobstep-array-execs="
    words = [word for word in arguments if word.startswith(option)]
    commands = (
        json.loads(base64.b64decode(words[0].removeprefix(option))) if words else {}
    )
    if task not in commands:
        raise ClusterError(f"task {task} of this array has no command")
    command = zlib.decompress(bytes.fromhex(commands[task])).decode()
    os.execvpe("sh", ["sh", "-c", command], {**environment, _TASK: task})
