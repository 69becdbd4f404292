"""Elastic workers: SLURM jobs of their own, which come and go with the work."""

from __future__ import annotations

import logging
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from earshift import slurm
from earshift.errors import ClusterError, ConfigError
from earshift.workers import node
from earshift.workers.node import PATIENCE_S, Started, cannot_import, last_lines

if TYPE_CHECKING:
    from distributed import SpecCluster

log = logging.getLogger(__name__)

#: What a job says that cannot import the code, in the folder of messages.
FAILED = "failed"


@contextmanager
def in_jobs(
    module: str,
    most: int,
    job: slurm.Allocation,
    folder: Path,
    dashboard: bool,
) -> Iterator[Started]:
    """Start a job for each worker that is needed, where this job runs.

    Parameters
    ----------
    module : str
        What workers must be able to import.
    most : int
        Jobs at once, at most.
    job : Allocation
        Of this job: the others have its account, partition, quality of service,
        memory and end.
    folder : Path
        Seen by all nodes; the jobs leave their messages there while they run.
    dashboard : bool
        Whether Dask serves its dashboard.

    Yields
    ------
    cluster, lost
        As `Started` has them.
    """
    try:
        from dask_jobqueue.slurm import SLURMCluster
    except ImportError:
        raise ConfigError(
            "'workers: {elastic: true}' needs the package dask-jobqueue: install the "
            "extra 'elastic' of earshift, or set 'elastic: false'."
        ) from None
    address = slurm.node_address()
    # Jobs of a run may share a name: that of the workers says whose they are.
    name = f"{job.name}_{slurm.own_id()}"
    with (
        _emptied(folder) as log_folder,
        SLURMCluster(
            cores=1,
            processes=1,
            memory=job.memory,
            job_mem=job.memory,
            account=job.account or None,
            queue=job.partition,
            walltime=job.time_left,
            job_name=f"{name}_workers",
            job_extra_directives=[
                "--no-requeue",
                *([f"--qos={job.qos}"] if job.qos else []),
            ],
            job_script_prologue=_prologue(module, log_folder / FAILED),
            worker_command=node.__name__,
            worker_extra_args=node.options(1),
            log_directory=str(log_folder),
            scheduler_options={
                "host": address,
                "dashboard_address": ":0",
                "dashboard": dashboard,
            },
        ) as cluster,
    ):
        _check_accepted(cluster.job_script(), log_folder / "job.sh")
        log.info("starting up to %d jobs of a worker each", most)
        cluster.adapt(minimum=1, maximum=most)
        yield cluster, _last_job(cluster, module, name, log_folder)


@contextmanager
def _emptied(folder: Path) -> Iterator[Path]:
    """Make a folder anew, and remove it at the end, as far as nobody writes there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(exist_ok=True)
    try:
        yield folder.resolve()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _prologue(module: str, failed: Path) -> list[str]:
    """Return what a worker's job does first: see whether it can import the module."""
    check = shlex.join([sys.executable, "-c", f"import {module}"])
    whole = shlex.quote(str(failed))
    part = f"{whole}.$SLURM_JOB_ID"
    return [
        *(f"export {k}={shlex.quote(v)}" for k, v in node.settings().items()),
        f"{check} > {part} 2>&1 || {{ mv {part} {whole}; exit 1; }}",
    ]


def _check_accepted(script: str, file: Path) -> None:
    """Raise `ConfigError` if SLURM would not take a job; Dask would wait for it."""
    file.write_text(script)
    try:
        slurm.check_script(file)
    except ClusterError as error:
        raise ConfigError(
            "no job of an elastic worker would run: change 'workers' in the config, or "
            f"set 'elastic: false'. {error}"
        ) from None


def _last_job(
    cluster: SpecCluster, module: str, name: str, log_folder: Path
) -> Callable[[], str | None]:
    """Return a function that says why no job of a worker will come any more."""
    seen = asked = time.monotonic()

    def lost() -> str | None:
        nonlocal seen, asked
        now = time.monotonic()
        if (log_folder / FAILED).exists():
            return str(cannot_import(module, (log_folder / FAILED).read_text()))
        if cluster.scheduler_info["workers"]:
            seen = now
        elif now - asked > PATIENCE_S / 4:
            asked = now
            if _waits_or_runs(name):
                seen = now
        if now - seen < PATIENCE_S:
            return None
        words = "".join(path.read_text() for path in sorted(log_folder.glob("*.err")))
        return (
            f"no worker was there for {PATIENCE_S} s, and no job of one waits or runs. "
            "Tasks that are done are kept: run the job again, with more memory if "
            "workers were killed. The last that they said:\n" + last_lines(words)
        )

    return lost


def _waits_or_runs(name: str) -> bool:
    """Return whether there are jobs of workers; there may be while SLURM is away."""
    try:
        return bool(slurm.live_jobs(name))
    except ClusterError:
        return True
