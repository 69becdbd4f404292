"""What the cluster has and allows."""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from pathlib import Path

from earshift.errors import ClusterError, did_you_mean
from earshift.site import Site
from earshift.slurm._commands import call

#: Seconds until Snakemake first asks what became of its jobs, as the profile says.
STATUS_EVERY_S = 20


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


def accounts() -> dict[str, int | None]:
    """Return this user's accounts, and how many jobs each may have in the queue."""
    answer = call(
        *("sacctmgr", "--noheader", "--parsable2", "show", "assoc"),
        *(f"user={getpass.getuser()}", "format=account,maxsubmitjobs"),
    )
    rows = [line.split("|") for line in answer.splitlines()]
    return {name: int(limit) if limit else None for name, limit in rows}


def check_script(script: Path) -> None:
    """Raise `ClusterError` if SLURM would not accept a job script."""
    call("sbatch", "--test-only", str(script))
