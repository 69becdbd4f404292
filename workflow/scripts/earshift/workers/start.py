"""Start the Dask workers of stage 5: on this machine, or on nodes of a cluster.

In a SLURM job of several nodes the scheduler runs in the job's own process, and
``srun`` starts workers on each node. Elastic workers are SLURM jobs of their own, which
come and go with the work. Anywhere else workers are processes of this machine.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from earshift import slurm
from earshift.workers import elastic, node
from earshift.workers.node import Started, cannot_import

if TYPE_CHECKING:
    from distributed import Client

log = logging.getLogger(__name__)

#: Time that a node may take to import the code, in seconds.
IMPORT_S = 600


@dataclass(frozen=True)
class Spread:
    """Where workers run.

    Parameters
    ----------
    nodes : int, default=1
        Nodes of the SLURM job.
    elastic : bool, default=False
        Whether workers are SLURM jobs of their own; each asks for what this one did.
    dashboard : bool, default=False
        Whether Dask serves its dashboard.
    """

    nodes: int = 1
    elastic: bool = False
    dashboard: bool = False

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """Return what the section `workers` of a configuration says."""
        return cls(**{name: config[name] for name in cls.__dataclass_fields__})

    def n_workers(self, n_threads: int) -> int:
        """Return the processes on each node of a job that has so many threads.

        0 where a single process would do: it needs nobody to share work out.
        """
        alone = n_threads == 1 == self.nodes and not self.elastic
        return 0 if alone else n_threads


@contextmanager
def started(
    module: str, n_workers: int, n_tasks: int, spread: Spread, folder: Path
) -> Iterator[Started]:
    """Start workers; they end with the block.

    Parameters
    ----------
    module : str
        What workers must be able to import.
    n_workers : int
        Processes on each node, of one thread each.
    n_tasks : int
        No more processes than that are started.
    spread : Spread
        On which nodes.
    folder : Path
        Seen by all nodes; elastic workers leave their messages there while they run.

    Yields
    ------
    client : distributed.Client
        Of the cluster.
    lost : callable
        Called without arguments, says why no worker will come any more; None if one
        may.

    Raises
    ------
    ConfigError, DataError
        If workers cannot be started, or cannot import the module; with their own words.
    """
    from distributed import Client

    dashboard = spread.dashboard and _has_bokeh()
    starting = _cluster(module, n_workers, n_tasks, spread, folder, dashboard)
    with (
        node.single_threaded(),
        starting as (cluster, lost),
        Client(cluster) as client,
    ):
        _check_present(client, module)
        if dashboard:
            log.info("dashboard of the workers: %s", client.dashboard_link)
        yield client, lost


def _check_present(client: Client, module: str) -> None:
    """Raise `DataError` if a worker that is there cannot import the module.

    Dask would start it anew without end.
    """
    try:
        client.run(exec, f"import {module}")
    except Exception as error:
        raise cannot_import(module, repr(error)) from error


def _has_bokeh() -> bool:
    """Return whether Dask can draw its dashboard."""
    has_bokeh = find_spec("bokeh") is not None
    if not has_bokeh:
        log.warning("no dashboard: it needs the extra 'dashboard' of earshift (bokeh)")
    return has_bokeh


def _cluster(
    module: str,
    n_workers: int,
    n_tasks: int,
    spread: Spread,
    folder: Path,
    dashboard: bool,
) -> AbstractContextManager[Started]:
    """Choose where workers run."""
    wide = spread.elastic or spread.nodes > 1
    job = slurm.allocation() if wide else None
    if job and spread.elastic:
        most = min(n_workers * spread.nodes, n_tasks)
        return elastic.in_jobs(module, most, job, folder, dashboard)
    n_nodes = min(spread.nodes, job.n_nodes) if job else 1
    if n_nodes > 1:
        n_each = min(n_workers, -(-n_tasks // n_nodes))
        return _on_nodes(module, n_each, n_nodes, dashboard)
    if wide:
        log.info("not in a SLURM job of several nodes: workers are on this machine")
    return _local(min(n_workers, n_tasks), "127.0.0.1", dashboard)


@contextmanager
def _local(n_workers: int, host: str, dashboard: bool) -> Iterator[Started]:
    """Start a scheduler in this process, and workers on this machine."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=n_workers,
        threads_per_worker=1,
        processes=True,
        host=host,
        # Even without a dashboard the scheduler serves HTTP: on a free port, so that
        # several experiments can run on one machine.
        dashboard_address=":0",
        scheduler_kwargs={"dashboard": dashboard},
        memory_limit=0,
        silence_logs=logging.ERROR,
    ) as cluster:
        yield cluster, lambda: None


# Workers on the nodes of this job -----------------------------------------------------


@contextmanager
def _on_nodes(
    module: str, n_workers: int, n_nodes: int, dashboard: bool
) -> Iterator[Started]:
    """Start workers on all nodes of this job; those of a lost node are not missed."""
    _check_import(module, n_nodes)
    with _local(0, slurm.node_address(), dashboard) as (cluster, _):
        # A process that ends, or a node that is lost, must not end the others.
        lasting = ("--no-kill", "--kill-on-bad-exit=0", "--wait=0")
        command = slurm.on_each_node(n_nodes, *lasting, f"--cpus-per-task={n_workers}")
        command += [sys.executable, "-m", node.__name__]
        log.info("starting %d workers on each of %d nodes", n_workers, n_nodes)
        step = subprocess.Popen(
            [*command, cluster.scheduler_address, *node.options(n_workers)],
            env=os.environ | node.settings(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        lines: deque[str] = deque(maxlen=12)
        over = threading.Event()
        reader = threading.Thread(target=_read, args=(step, lines, over), daemon=True)
        reader.start()

        def lost() -> str | None:
            if step.poll() is None:
                return None
            reader.join(5)
            return (
                f"all workers on the {n_nodes} nodes ended before their work was done. "
                "Tasks that are done are kept: run the job again, with more memory if "
                "they were killed. The last that they said:\n" + "".join(lines)
            )

        try:
            yield cluster, lost
        finally:
            over.set()
            cluster.close()
            _end(step)
            reader.join(5)


def _check_import(module: str, n_nodes: int) -> None:
    """Raise `DataError` if a node cannot import what its workers need."""
    command = slurm.on_each_node(n_nodes, "--kill-on-bad-exit=1")
    try:
        done = subprocess.run(
            [*command, sys.executable, "-c", f"import {module}"],
            env=os.environ | node.settings(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=IMPORT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise cannot_import(module, f"nothing for {IMPORT_S} s") from None
    if done.returncode:
        raise cannot_import(module, done.stdout)


def _read(
    step: subprocess.Popen[str], lines: deque[str], over: threading.Event
) -> None:
    """Log what workers say until their work is over, and keep the last of it."""
    for line in step.stdout or ():
        if not over.is_set():
            lines.append(line)
            log.debug("workers: %s", line.rstrip())


def _end(step: subprocess.Popen[str]) -> None:
    """Wait until a job step ends, as workers do without a scheduler; or else end it."""
    for end in (step.terminate, step.kill):
        with suppress(subprocess.TimeoutExpired):
            step.wait(10)
            return
        end()
    step.wait()
