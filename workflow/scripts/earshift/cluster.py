"""Run many small tasks in parallel with Dask; each result is kept once it is there.

A task is a dictionary that JSON can hold, with everything its result depends on. Its
result is a table, written under the key of the task's content. A run that was killed,
or that adds a method, therefore computes only what is missing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

from earshift import jobs

log = logging.getLogger(__name__)

Task = Mapping[str, Any]


def run_tasks(
    function: Callable[..., pd.DataFrame],
    tasks: Sequence[Task],
    *,
    folder: Path,
    n_workers: int,
    what: str,
) -> pd.DataFrame:
    """Run `function` on each task, and return all results in the order of the tasks.

    Parameters
    ----------
    function : callable
        Called as ``function(**task)``; importable by name; returns a table.
    tasks : sequence of mapping
        Keyword arguments of each call. Together with `function` they decide its result.
    folder : Path
        Where results are kept; those of no task are removed at the end.
    n_workers : int
        Processes; 0 runs the tasks in this process.
    what : str
        Name of the job in messages.

    Returns
    -------
    DataFrame
        The rows of all tasks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{function.__module__}.{function.__qualname__}"
    files = [folder / f"{jobs.content_key([name, dict(t)])}.parquet" for t in tasks]
    todo = [(t, f) for t, f in zip(tasks, files, strict=True) if not f.exists()]
    if len(todo) < len(tasks):
        log.info(
            "%s: %d of %d tasks were done", what, len(tasks) - len(todo), len(tasks)
        )
    progress = jobs.Progress(what, len(todo), "tasks")
    for _ in _results(function, todo, n_workers):
        progress.step()
    tables = [pd.read_parquet(file) for file in files]
    for stale in set(folder.iterdir()) - set(files):
        stale.unlink()
    return pd.concat(tables, ignore_index=True)


def _run_one(function: Callable[..., pd.DataFrame], task: Task, file: Path) -> None:
    """Run one task on one core, so that sums do not depend on the number of threads."""
    with threadpool_limits(1), jobs.whole_file(file) as temporary:
        function(**task).to_parquet(temporary, index=False)


def _results(
    function: Callable[..., pd.DataFrame],
    todo: Sequence[tuple[Task, Path]],
    n_workers: int,
) -> Iterator[None]:
    """Run tasks; yield as each is done."""
    if not todo:
        return
    if n_workers == 0:
        for task, file in todo:
            _run_one(function, task, file)
            yield
        return
    from distributed import as_completed

    with _client(min(n_workers, len(todo))) as client:
        futures = [
            client.submit(_run_one, function, task, file, pure=False)
            for task, file in todo
        ]
        for future in as_completed(futures):
            future.result()
            yield


@contextmanager
def _client(n_workers: int) -> Iterator[Any]:
    """Start a Dask cluster of processes on this machine."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            # Even without a dashboard the scheduler serves HTTP: on a free port, so
            # that several experiments can run on one machine.
            scheduler_kwargs={"dashboard_address": ":0"},
            memory_limit=0,
            silence_logs=logging.ERROR,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client
