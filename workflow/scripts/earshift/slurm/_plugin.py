"""Snakemake's plugin for SLURM: what it does wrong, mended from outside.

All of this is about its version 2.8.
"""

from __future__ import annotations

import base64
import json
import os
import zlib
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from operator import attrgetter
from typing import Any

from earshift.errors import ClusterError

_PLUGIN = "snakemake_executor_plugin_slurm"

#: Where its executor has the time from a submission to the first look at the queue.
_INTERVAL = "workflow.executor_settings.init_seconds_before_status_checks"


def mend_plugin() -> None:
    """Have the plugin submit what is ready, and look at the queue at even intervals.

    It would hold jobs of an array back until all that are ready have come, and forget
    those that it held back when more are ready than may be in the queue: the count that
    it asks for jobs still to come is always 0 here.

    It would wait 10 s longer after each look that found no job ended, up to 3 minutes:
    a chain of short jobs would wait longer than it works.
    """
    if find_spec(_PLUGIN):
        plugin: Any = import_module(_PLUGIN)
        plugin.pending_jobs_for_rule = lambda *_: 0
        interval = property(attrgetter(_INTERVAL), lambda *_: None)
        plugin.Executor.next_seconds_between_status_checks = interval


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
        If there is no command for the task.
    """
    option = "--slurm-jobstep-array-execs="
    told = [word for word in arguments if word.startswith(option)]
    task = environment.get("SLURM_ARRAY_TASK_ID")
    if not told or task is None or task == environment.get("SLURM_ARRAY_TASK_MIN"):
        return
    commands = json.loads(base64.b64decode(told[0].removeprefix(option)))
    if task not in commands:
        raise ClusterError(f"task {task} of this array has no command")
    command = zlib.decompress(bytes.fromhex(commands[task])).decode()
    os.execvp("sh", ["sh", "-c", command])
