"""SLURM's own commands. No other module calls them."""

from __future__ import annotations

import logging
import os
import subprocess
from datetime import datetime

log = logging.getLogger(__name__)

#: Seconds that SLURM's controller has to answer.
ANSWER_S = 60


def own_id() -> str | None:
    """Return the id of the job that this process runs in; None outside SLURM."""
    variables = ("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID")
    # The id of an array's last task is that of the array: it would name all tasks.
    if all(name in os.environ for name in variables):
        return "_".join(os.environ[name] for name in variables)
    return os.environ.get("SLURM_JOB_ID")


def end_of_own_job() -> float | None:
    """Return when the time of this process's job is over, in seconds since 1970.

    Returns
    -------
    float or None
        None outside SLURM, for a job without limit, and if SLURM does not say.
    """
    job = own_id()
    if job is None:
        return None
    try:
        said = subprocess.run(
            ["squeue", "--noheader", "--jobs", job, "--format=%e"],
            env=dict(os.environ, SLURM_TIME_FORMAT="standard"),
            capture_output=True,
            check=True,
            text=True,
            timeout=ANSWER_S,
        ).stdout.strip()
        return datetime.fromisoformat(said).timestamp()
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        log.debug("SLURM did not say when the time of job %s is over: %s", job, error)
        return None
