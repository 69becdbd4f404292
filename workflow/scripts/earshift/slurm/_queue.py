"""The jobs of a run in the queue: known by name, waited for, submitted."""

from __future__ import annotations

import getpass
import hashlib
import shlex
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from earshift import import_path
from earshift.errors import ClusterError
from earshift.slurm._cluster import longest_min, partitions_of
from earshift.slurm._commands import call
from earshift.slurm.site import Site

#: Minutes that a run as a job gets at most, until it submits itself again.
DRIVER_MIN = 24 * 60

#: Seconds that SLURM may fail to answer while jobs of an earlier run are waited for.
AWAY_S = 600


def run_name(folder: Path | None = None) -> str:
    """Return what the names of a run's jobs start with.

    Parameters
    ----------
    folder : Path, optional
        Folder that the run is started in; by default, this one.

    Returns
    -------
    str
        The same for each run in the folder, and for no other folder.
    """
    where = str((folder or Path.cwd()).resolve())
    return "earshift-" + hashlib.sha256(where.encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Job:
    """A job that waits or runs.

    Parameters
    ----------
    id : str
        With the number of the task, if it is one of an array.
    state : str
        In SLURM's words, such as ``"PENDING"``.
    reason : str
        Why it waits.
    rule : str
        Which rule it is of.
    """

    id: str
    state: str
    reason: str
    rule: str

    @property
    def waits(self) -> bool:
        """Return whether it has not started yet."""
        return self.state == "PENDING"


def live_jobs(name: str) -> list[Job]:
    """Return the jobs of a run that wait or run.

    Parameters
    ----------
    name : str
        Made by `run_name`.

    Returns
    -------
    list of Job
        Each task of an array is one.

    Raises
    ------
    ClusterError
        If SLURM does not answer.
    """
    rows = [line.split("|", 4) for line in _queue("--format", "%i|%T|%r|%k|%j")]
    return [
        Job(id, state, reason, comment.removeprefix("rule_").split("_wildcards_")[0])
        for id, state, reason, comment, job_name in rows
        if job_name.startswith(f"{name}_")
    ]


def job_states(name: str) -> dict[str, str]:
    """Return the states of jobs that SLURM still knows, ended ones as well.

    Parameters
    ----------
    name : str
        The whole name, which all jobs of a run share.

    Returns
    -------
    dict of str to str
        State, such as ``"COMPLETED"``, by id of the job or task.

    Raises
    ------
    ClusterError
        If SLURM does not answer.
    """
    lines = _queue("--states", "all", "--name", name, "--format", "%i|%T")
    rows = [line.strip().partition("|") for line in lines]
    return {id_: state for id_, _, state in rows}


def _queue(*options: str) -> list[str]:
    """Return a line for each job of this user, in hidden partitions as well."""
    which = ("--noheader", "--all", "--array", "--user", getpass.getuser())
    return call("squeue", *which, *options).splitlines()


def cancel(jobs: Sequence[Job]) -> None:
    """Cancel jobs. One that has just ended is no error."""
    if jobs:
        call("scancel", "--quiet", *(job.id for job in jobs))


def settle(
    name: str,
    say: Callable[[str], None],
    pause_s: float = 10,
    away_s: float = AWAY_S,
) -> None:
    """Wait until no job of an earlier run lives.

    Those that have not started are cancelled. Those that run keep what they have done
    only if they may finish it, and two jobs must not write the same file: they are
    waited for.

    Parameters
    ----------
    name : str
        Made by `run_name`.
    say : callable
        Gets a line for the user that says what is waited for.
    pause_s : float
        Between two looks at the queue, in seconds.
    away_s : float
        How long SLURM may fail to answer, in seconds.

    Raises
    ------
    ClusterError
        If SLURM does not answer for longer.
    """
    n_left = 0
    while jobs := _cancel_waiting(name, say, pause_s, away_s):
        waiting = [job for job in jobs if job.waits]
        if waiting:
            say(
                f"Cancelled {len(waiting)} jobs of an earlier run that had not started."
            )
        running = [job for job in jobs if not job.waits]
        if len(running) not in (0, n_left):
            of = Counter(job.rule for job in running).items()
            say(
                f"{len(running)} jobs of an earlier run still run "
                f"({', '.join(f'{n} {rule}' for rule, n in of)}); waiting for them. "
                f"To give them up: scancel {' '.join(job.id for job in running[:20])}"
            )
        n_left = len(running)
        time.sleep(pause_s if running else 1)


def _cancel_waiting(
    name: str, say: Callable[[str], None], pause_s: float, away_s: float
) -> list[Job]:
    """Return the live jobs of a run; cancel those that wait. SLURM may be away."""
    start, announced = time.monotonic(), False
    while True:
        try:
            jobs = live_jobs(name)
            cancel([job for job in jobs if job.waits])
            return jobs
        except ClusterError as error:
            if time.monotonic() - start > away_s:
                raise
            if not announced:
                say(f"{error} (asking again for up to {away_s:g} s)")
            announced = True
            time.sleep(pause_s)


def refuse_second_run(name: str) -> None:
    """Raise `ClusterError` if jobs of an earlier run live.

    Parameters
    ----------
    name : str
        Made by `run_name`.

    Raises
    ------
    ClusterError
        If they do: the same jobs would be submitted once more.
    """
    if jobs := live_jobs(name):
        raise ClusterError(
            f"{len(jobs)} jobs of an earlier run in this folder still live, and would "
            "be submitted once more. Start with 'make run PROFILE=slurm', which waits "
            "for them, or give them up: scancel "
            + " ".join(job.id for job in jobs[:20])
        )


class Trial:
    """A small job that is submitted now, and cancelled at the end if it still lives.

    Parameters
    ----------
    site : Site
        Values of the site.
    gpus : int
        How many GPUs it asks for.
    command : sequence of str
        What it runs.
    log : Path
        Where it writes what it says.
    """

    def __init__(
        self, site: Site, gpus: int, command: Sequence[str], log: Path
    ) -> None:
        script = f"{site.precommand} && {import_path.export()} && {shlex.join(command)}"
        self._id = call(
            *("sbatch", "--parsable", "--job-name", f"{run_name()}-preflight"),
            *("--time", "5", "--mem", "2000", "--no-requeue", "--output", str(log)),
            *site.options(gpus),
            *("--wrap", script),
        ).split(";")[0]
        self._id = self._id.strip()

    def __enter__(self) -> Self:
        """Return the job."""
        return self

    def __exit__(self, *_: object) -> None:
        """Cancel it, if it lives."""
        call("scancel", "--quiet", self._id)

    def wait(self, seconds: float) -> bool:
        """Wait until it has ended; say whether it has."""
        end = time.monotonic() + seconds
        while self._state()[0] in ("PENDING", "CONFIGURING"):
            if time.monotonic() > end:
                return False
            time.sleep(1)
        while self._state()[0] in ("RUNNING", "COMPLETING"):
            time.sleep(0.5)
        return True

    def reason(self) -> str:
        """Return why it waits, in SLURM's words."""
        return self._state()[1]

    def _state(self) -> tuple[str, str]:
        answer = call("squeue", "--noheader", "--jobs", self._id, "--format", "%T|%r")
        state, _, reason = answer.strip().partition("|")
        return state, reason


def submit_driver(
    site: Site, script: Path, command: Sequence[str], log_folder: Path
) -> str:
    """Submit a run itself as a job; it starts when the one before it has ended.

    Parameters
    ----------
    site : Site
        Values of the site.
    script : Path
        What runs the command, and submits it again before its time ends.
    command : sequence of str
        Starts the run.
    log_folder : Path
        Where the job writes what the run says.

    Returns
    -------
    str
        Id of the job.
    """
    limit = longest_min(partitions_of(site, 0)) or DRIVER_MIN
    log_folder.mkdir(parents=True, exist_ok=True)
    answer = call(
        *("sbatch", "--parsable", "--job-name", f"{run_name()}-driver"),
        *("--time", str(min(limit, DRIVER_MIN)), *site.options(0)),
        *("--output", str(log_folder / "driver-%j.log"), str(script), *command),
    )
    return answer.strip().split(";")[0]
