"""Run many small tasks in parallel with Dask; each result is kept once it is there.

A task is a dictionary that JSON can hold, with everything its result depends on. Its
result is a table, or several, written under the key of the task's content. A run that
was killed, or that adds a method, therefore computes only what is missing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

from earshift import jobs
from earshift.errors import DataError, StoppedError
from earshift.files import content_key, whole_file
from earshift.jobs import stopping
from earshift.workers import start
from earshift.workers.start import Spread

log = logging.getLogger(__name__)

Task = Mapping[str, Any]

#: A task, and the files of its tables.
Job = tuple[Task, tuple[Path, ...]]

#: Returns the tables of a task.
Function = Callable[..., pd.DataFrame | tuple[pd.DataFrame, ...]]


def run_tasks(
    function: Function,
    tasks: Sequence[Task],
    *,
    name: str,
    folder: Path,
    n_workers: int,
    what: str,
    spread: Spread | None = None,
) -> pd.DataFrame:
    """Run `function` on each task, and return all results in the order of the tasks.

    Parameters
    ----------
    function : callable
        Called as ``function(**task)``; importable by name; returns a table.
    tasks : sequence of mapping
        Keyword arguments of each call. Together with `name` they decide its result.
    name : str
        Under which results are kept. It stays when the function moves, so that what is
        there stays, too.
    folder : Path
        Where results are kept; those of no task are removed at the end.
    n_workers : int
        Processes, on each node; 0 runs the tasks in this process.
    what : str
        Name of the job in messages.
    spread : Spread, optional
        On which nodes; without, on this machine.

    Returns
    -------
    DataFrame
        The rows of all tasks.
    """
    groups = [[task] for task in tasks]
    (table,) = run_groups(
        function,
        groups,
        name=name,
        tables=("",),
        folder=folder,
        n_workers=n_workers,
        what=what,
        spread=spread,
    )
    return table


def enough(
    groups: Sequence[Sequence[Task]], n_workers: int, spread: Spread | None
) -> Sequence[Sequence[Task]]:
    """Return groups of tasks, or each task by itself if there are few groups.

    Workers in want of a task cost more than what the tasks of a group share.

    Parameters
    ----------
    groups : sequence of sequence of mapping
        As for `run_groups`.
    n_workers, spread
        As in `run_tasks`.
    """
    if len(groups) < 2 * n_workers * (spread.nodes if spread else 1):
        return [[task] for group in groups for task in group]
    return groups


def run_groups(
    function: Function,
    groups: Sequence[Sequence[Task]],
    *,
    name: str,
    tables: Sequence[str],
    folder: Path,
    n_workers: int,
    what: str,
    spread: Spread | None = None,
) -> list[pd.DataFrame]:
    """Run `function` on the tasks of each group, one group at a time on one worker.

    Tasks of a group follow one another in one process, so that a function can keep what
    several of them need. Their results must not depend on that: each is written as soon
    as it is there, and what is there is not computed again.

    Parameters
    ----------
    function : callable
        Called as ``function(**task)``; importable by name; returns a table for each
        name in `tables`.
    groups : sequence of sequence of mapping
        Keyword arguments of each call, by group.
    tables : sequence of str
        Names of the tables, for their files.
    name, folder, n_workers, what, spread
        As in `run_tasks`.

    Returns
    -------
    list of DataFrame
        Each table, with the rows of all tasks in their order.

    Raises
    ------
    StoppedError
        If the job shall stop before its end (`stopping.reason`); run again, it goes on.
    DataError
        If no worker is left. Tasks that are done are kept in both cases.
    """
    folder.mkdir(parents=True, exist_ok=True)
    plan: list[list[Job]] = []
    for group in groups:
        keys = [content_key([name, dict(task)]) for task in group]
        files = [tuple(folder / _file(key, table) for table in tables) for key in keys]
        plan.append(list(zip(group, files, strict=True)))
    every = [job for group in plan for job in group]
    # One list of the folder, not a question for each file: a network file system may
    # keep the answer that a file is not there, when another node has written it.
    there = set(folder.iterdir())
    todo = [[job for job in group if not there.issuperset(job[1])] for group in plan]
    todo = [group for group in todo if group]
    n_todo = sum(map(len, todo))
    if n_todo < len(every):
        log.info("%s: %d of %d tasks were done", what, len(every) - n_todo, len(every))
    progress = jobs.Progress(what, n_todo, "tasks")
    for n_done in _results(function, todo, n_workers, spread or Spread(), folder):
        progress.step(n_done)
    results = [
        pd.concat([pd.read_parquet(files[i]) for _, files in every], ignore_index=True)
        for i in range(len(tables))
    ]
    for stale in set(folder.iterdir()) - {file for _, files in every for file in files}:
        # A worker of a lost node may rename its own meanwhile.
        stale.unlink(missing_ok=True)
    return results


def _file(key: str, table: str) -> str:
    return f"{key}.{table}.parquet" if table else f"{key}.parquet"


def _done(job: Job) -> bool:
    return all(file.exists() for file in job[1])


def _run_group(function: Function, group: Sequence[Job]) -> int:
    """Run tasks on one core, so that sums do not depend on the number of threads."""
    with threadpool_limits(1):
        for job in group:
            # Done already where the group is run again because a worker died.
            if not _done(job):
                _run_one(function, *job)
    return len(group)


def _run_one(function: Function, task: Task, files: Sequence[Path]) -> None:
    result = function(**task)
    tables = (result,) if isinstance(result, pd.DataFrame) else result
    for table, file in zip(tables, files, strict=True):
        with whole_file(file) as temporary:
            table.to_parquet(temporary, index=False)


def _results(
    function: Function,
    todo: Sequence[Sequence[Job]],
    n_workers: int,
    spread: Spread,
    folder: Path,
) -> Iterator[int]:
    """Run groups; yield the number of tasks as each group is done."""
    if not todo:
        return
    if n_workers == 0:
        for group in todo:
            for job in group:
                _check_stop()
                yield _run_group(function, [job])
        return
    from distributed import KilledWorker

    size = (n_workers, len(todo))
    messages = folder.with_name(f".{folder.name}.workers")
    starting = start.started(function.__module__, *size, spread, messages)
    with starting as (client, lost):
        done: SimpleQueue[Any] = SimpleQueue()
        futures = [
            client.submit(_run_group, function, group, pure=False) for group in todo
        ]
        for future in futures:
            future.add_done_callback(done.put)
        try:
            for _ in futures:
                yield _next(done, lost).result()
        except KilledWorker as error:
            raise DataError(
                "a task was given up: each worker that took it was killed, most likely "
                "because it ran out of memory. Give the job more memory or fewer "
                "threads and run it again; tasks that are done are kept."
            ) from error


def _next(done: SimpleQueue[Any], lost: Callable[[], str | None]) -> Any:  # noqa: ANN401
    """Wait for the next future, as long as this job may go on and has workers."""
    while True:
        _check_stop()
        try:
            return done.get(timeout=1)
        except Empty:
            if reason := lost():
                raise DataError(reason) from None


def _check_stop() -> None:
    if reason := stopping.reason():
        raise StoppedError(
            f"stopped: {reason}. Tasks that are done are kept; run the job again."
        )
