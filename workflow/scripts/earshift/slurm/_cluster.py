"""What the cluster has and allows."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from earshift.errors import ClusterError, did_you_mean
from earshift.slurm._commands import call
from earshift.slurm.site import Site

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
    """Return the partitions of the cluster, hidden ones as well, by name."""
    by_name = {}
    answer = call("scontrol", "--all", "--oneliner", "show", "partition")
    for line in answer.splitlines():
        fields = dict(word.split("=", 1) for word in line.split() if "=" in word)
        name = fields["PartitionName"]
        by_name[name] = Partition(
            name,
            fields["State"],
            fields["Default"] == "YES",
            _minutes(fields["MaxTime"]),
        )
    return by_name


def _minutes(text: str) -> int | None:
    """Return a time as SLURM writes it, ``days-hours:minutes:seconds``, in minutes."""
    if text in ("UNLIMITED", "INFINITE", "NONE"):
        return None
    days, _, time_ = text.rpartition("-")
    hours, minutes, _ = (int(part) for part in time_.split(":"))
    return 24 * 60 * int(days or 0) + 60 * hours + minutes


def partitions_of(site: Site, gpus: int) -> list[Partition]:
    """Return the partitions that a job with, or without, GPUs may run in now.

    Raises
    ------
    ClusterError
        If there is none.
    """
    known, names = partitions(), site.partition_of(gpus)
    if names is None:
        chosen = [each for each in known.values() if each.is_default]
    else:
        chosen = [known[name] for name in names.split(",") if name in known]
    if not chosen:
        wanted = did_you_mean(names, known) if names else "and no default one"
        raise ClusterError(f"there is no partition '{names or ''}' {wanted}")
    return [each for each in chosen if each.state == "UP"] or chosen


def longest_min(chosen: Sequence[Partition]) -> int | None:
    """Return how many minutes a job may run in one of some partitions."""
    limits = [each.max_minutes for each in chosen]
    known = [limit for limit in limits if limit is not None]
    return max(known) if len(known) == len(limits) else None


def accounts(cluster: str) -> dict[str, int | None]:
    """Return this user's accounts, and how many jobs each may have in the queue.

    Parameters
    ----------
    cluster : str
        Name of the cluster.

    Returns
    -------
    dict
        By name in small letters: SLURM does not distinguish them from large ones. A
        limit is None if there is none, or if it is that of a partition.

    Raises
    ------
    ClusterError
        If accounts cannot be looked up here.
    """
    answer = call(
        *("sacctmgr", "--noheader", "--parsable2", "show", "assoc"),
        *(f"user={getpass.getuser()}", f"cluster={cluster}"),
        "format=account,partition,maxsubmitjobs",
    )
    rows = [line.split("|") for line in answer.splitlines()]
    limits = {
        name.lower(): int(limit) if limit and not partition else None
        for name, partition, limit in rows
    }
    # With an association for a partition, others' limits are not those of all jobs.
    return limits | {name.lower(): None for name, partition, _ in rows if partition}


def check_script(script: Path) -> None:
    """Raise `ClusterError` if SLURM would not accept a job script."""
    call("sbatch", "--test-only", str(script))
