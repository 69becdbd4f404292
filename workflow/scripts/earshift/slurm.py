"""SLURM: a run's jobs in its queue, and what the cluster allows.

No other module calls SLURM's commands.
"""

from __future__ import annotations

import base64
import getpass
import hashlib
import json
import logging
import os
import re
import shlex
import shutil
import socket
import subprocess
import time
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from earshift.errors import ClusterError, did_you_mean
from earshift.site import Site

log = logging.getLogger(__name__)

#: Seconds that a command of SLURM may take. The controller may be busy, or restarting.
PATIENCE_S = 60

#: Minutes that a run as a job gets at most, until it submits itself again.
DRIVER_MIN = 24 * 60

#: Seconds until Snakemake first asks what became of its jobs, as the profile says.
STATUS_EVERY_S = 20


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
        """Say whether it has not started yet."""
        return self.state == "PENDING"


@dataclass(frozen=True)
class Partition:
    """A queue of the cluster.

    Parameters
    ----------
    name : str
        Its name.
    state : str
        ``"UP"`` if it takes jobs.
    is_default : bool
        Whether jobs that name none go there.
    max_minutes : int or None
        How long a job may run there; None if there is no limit.
    """

    name: str
    state: str
    is_default: bool
    max_minutes: int | None


@dataclass(frozen=True)
class Allocation:
    """What the job that this process runs in was given.

    Parameters
    ----------
    n_nodes : int
        Nodes that are left.
    name, account, partition, qos : str
        Empty where SLURM has none.
    memory, time_left : str
        As ``sbatch`` takes them.
    """

    n_nodes: int
    name: str
    account: str
    partition: str
    qos: str
    memory: str
    time_left: str


def allocation() -> Allocation | None:
    """Return what the job of this process was given; None outside of SLURM."""
    job = os.environ.get("SLURM_JOB_ID")
    if job is None:
        return None
    answer = call(
        *("squeue", "--noheader", "--noconvert", "--jobs", job),
        *("--format", "%D|%j|%a|%P|%q|%m|%L"),
    )
    # Where accounting is off, accounts and qualities of service are "(null)".
    n_nodes, *words = answer.strip().replace("(null)", "").split("|")
    return Allocation(int(n_nodes), *words)


def own_id() -> str | None:
    """Return the id of the job that this process runs in; None outside of SLURM."""
    variables = ("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID")
    # The id of an array's last task is that of the array: it would name all tasks.
    if all(name in os.environ for name in variables):
        return "_".join(os.environ[name] for name in variables)
    return os.environ.get("SLURM_JOB_ID")


def time_left_s() -> float | None:
    """Return how much time the job of this process still has, in seconds.

    Returns
    -------
    float or None
        None outside of SLURM, for a job without limit, and if SLURM does not say.
    """
    job = own_id()
    if job is None:
        return None
    try:
        said = call("squeue", "--noheader", "--jobs", job, "--format", "%L").strip()
        days, _, clock = said.rpartition("-")
        parts = [int(part) for part in reversed(clock.split(":"))]
    except (ClusterError, ValueError) as error:
        log.debug("SLURM did not say how much time job %s has left: %s", job, error)
        return None
    return sum((24 * 3600 * int(days or 0), *(n * 60**i for i, n in enumerate(parts))))


def node_address() -> str:
    """Return the IP address of this node by which other nodes reach it."""
    name = os.environ.get("SLURMD_NODENAME") or socket.gethostname().split(".")[0]
    said = call("scontrol", "--oneliner", "show", "node", name)
    found = re.search(r"\bNodeAddr=(\S+)", said)
    return socket.gethostbyname(found[1] if found else name)


def on_each_node(n_nodes: int, *options: str) -> list[str]:
    """Return the start of a command that runs a process on each node of this job.

    Parameters
    ----------
    n_nodes : int
        Nodes of the job.
    *options : str
        More options of ``srun``.

    Returns
    -------
    list of str
        What comes before the process's own command. It shares the memory of the job.
    """
    return [
        *("srun", "--overlap", "--mem=0", "--mpi=none", "--input=none"),
        *(f"--nodes={n_nodes}", f"--ntasks={n_nodes}", "--ntasks-per-node=1"),
        *options,
    ]


def check_script(script: Path) -> None:
    """Raise `ClusterError` if SLURM would not accept a job script."""
    call("sbatch", "--test-only", str(script))


def configuration() -> dict[str, str]:
    """Return the settings of the cluster, as its controller tells them."""
    lines = call("scontrol", "show", "config").splitlines()
    pairs = [line.split("=", 1) for line in lines if "=" in line]
    return {name.strip(): value.strip() for name, value in pairs}


def partitions() -> dict[str, Partition]:
    """Return the partitions of the cluster, by name."""
    found = {}
    for line in call("scontrol", "--oneliner", "show", "partition").splitlines():
        said = dict(word.split("=", 1) for word in line.split() if "=" in word)
        name = said["PartitionName"]
        found[name] = Partition(
            name, said["State"], said["Default"] == "YES", _minutes(said["MaxTime"])
        )
    return found


def _minutes(said: str) -> int | None:
    """Return a time as SLURM writes it, ``days-hours:minutes:seconds``, in minutes."""
    if said in ("UNLIMITED", "INFINITE", "NONE"):
        return None
    days, _, time_ = said.rpartition("-")
    hours, minutes, _ = (int(part) for part in time_.split(":"))
    return 24 * 60 * int(days or 0) + 60 * hours + minutes


def accounts() -> dict[str, int | None]:
    """Return this user's accounts, and how many jobs each may have in the queue."""
    answer = call(
        *("sacctmgr", "--noheader", "--parsable2", "show", "assoc"),
        *(f"user={getpass.getuser()}", "format=account,maxsubmitjobs"),
    )
    rows = [line.split("|") for line in answer.splitlines()]
    return {name: int(limit) if limit else None for name, limit in rows}


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
        script = f"{site.precommand} && {shlex.join(command)}"
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
    partition = partition_of(site, 0)
    limit = partition.max_minutes or DRIVER_MIN
    log_folder.mkdir(parents=True, exist_ok=True)
    answer = call(
        *("sbatch", "--parsable", "--job-name", f"{run_name()}-driver"),
        *("--time", str(min(limit, DRIVER_MIN)), *site.options(0)),
        *("--output", str(log_folder / "driver-%j.log"), str(script), *command),
    )
    return answer.strip().split(";")[0]


def partition_of(site: Site, gpus: int) -> Partition:
    """Return the partition of a job with, or without, GPUs.

    Raises
    ------
    ClusterError
        If there is none.
    """
    known, name = partitions(), site.partition_of(gpus)
    for each in known.values():
        if each.name == name or (name is None and each.is_default):
            return each
    wanted = did_you_mean(name, known) if name else "and no default one"
    raise ClusterError(f"there is no partition '{name or ''}' {wanted}")


def available() -> bool:
    """Say whether this machine can use SLURM."""
    return shutil.which("squeue") is not None


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
    answer = call(
        *("squeue", "--noheader", "--array", "--user", getpass.getuser()),
        *("--format", "%i|%T|%r|%k|%j"),
    )
    rows = [line.split("|", 4) for line in answer.splitlines()]
    return [
        Job(id, state, reason, comment.removeprefix("rule_").split("_wildcards_")[0])
        for id, state, reason, comment, job_name in rows
        if job_name.startswith(f"{name}_")
    ]


def cancel(jobs: Sequence[Job]) -> None:
    """Cancel jobs. One that has just ended is no error."""
    if jobs:
        call("scancel", "--quiet", *(job.id for job in jobs))


def settle(name: str, say: Callable[[str], None], pause_s: float = 10) -> None:
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
    """
    n_left = 0
    while jobs := live_jobs(name):
        waiting = [job for job in jobs if job.waits]
        cancel(waiting)
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


def call(*command: str) -> str:
    """Run a command of SLURM.

    Parameters
    ----------
    *command : str
        The command and its options.

    Returns
    -------
    str
        What it wrote.

    Raises
    ------
    ClusterError
        If it is missing, fails, or does not answer in time.
    """
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except FileNotFoundError:
        raise ClusterError(
            f"there is no command '{command[0]}' here. Start the run on a machine that "
            "submits to SLURM, or without '--profile slurm'."
        ) from None
    except subprocess.TimeoutExpired:
        raise ClusterError(
            f"SLURM did not answer '{command[0]}' in {PATIENCE_S} s. Its controller "
            "may be down: ask 'scontrol ping', and start the run again when it is up."
        ) from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no reason"]
        raise ClusterError(f"SLURM refused '{' '.join(command[:2])}': {said[-1]}")
    return done.stdout
