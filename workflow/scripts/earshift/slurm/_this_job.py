"""The job that this process runs in."""

from __future__ import annotations

import logging
import os
import re
import socket
from dataclasses import dataclass

from earshift.errors import ClusterError
from earshift.slurm._commands import call

log = logging.getLogger(__name__)


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
        answer = call("squeue", "--noheader", "--jobs", job, "--format", "%L").strip()
        days, _, clock = answer.rpartition("-")
        parts = [int(part) for part in reversed(clock.split(":"))]
    except (ClusterError, ValueError) as error:
        log.debug("SLURM did not say how much time job %s has left: %s", job, error)
        return None
    return sum((24 * 3600 * int(days or 0), *(n * 60**i for i, n in enumerate(parts))))


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


def node_address() -> str:
    """Return the IP address of this node by which other nodes reach it."""
    name = os.environ.get("SLURMD_NODENAME") or socket.gethostname().split(".")[0]
    answer = call("scontrol", "--oneliner", "show", "node", name)
    match = re.search(r"\bNodeAddr=(\S+)", answer)
    return socket.gethostbyname(match[1] if match else name)


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
