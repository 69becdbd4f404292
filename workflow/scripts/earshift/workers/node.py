"""What another node runs to be workers, and what it needs for that."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from earshift import import_path
from earshift.errors import DataError

#: A Dask cluster, and a function that says why no worker will come any more, if so.
Started = tuple[Any, Callable[[], str | None]]

#: Of a worker. Dask's own would also give each large array back to the system at once,
#: which doubles the time of many small computations.
ENVIRONMENT = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
)

#: Time after which a worker that does not reach the scheduler ends, and after which a
#: job without any worker does, in seconds.
PATIENCE_S = 120


def single_threaded() -> AbstractContextManager[Any]:
    """Let the processes that this one starts in the context have `ENVIRONMENT`."""
    import dask

    context: AbstractContextManager[Any] = dask.config.set(
        {"distributed.nanny.pre-spawn-environ": ENVIRONMENT}
    )
    return context


def options(n_workers: int) -> list[str]:
    """Return the options of `main`, after the address of the scheduler."""
    return [
        *("--nworkers", str(n_workers), "--nthreads", "1", "--nanny"),
        *("--memory-limit", "0", "--no-dashboard", "--death-timeout", str(PATIENCE_S)),
    ]


def settings() -> dict[str, str]:
    """Return variables with which a node finds this library, and says only warnings."""
    return {
        "PYTHONPATH": import_path.search_path(),
        "DASK_LOGGING__DISTRIBUTED": "warning",
    }


def cannot_import(module: str, output: str) -> DataError:
    """Return an error that says what a node said when it imported a module."""
    return DataError(
        f"a node cannot import {module}, which its workers need, with "
        f"{sys.executable}. Every node must see this Python and earshift; add "
        "folders with your own modules to PYTHONPATH. The node said:\n"
        + last_lines(output)
    )


def last_lines(output: str) -> str:
    """Return the end of an output."""
    return "\n".join(output.splitlines()[-12:])


def main() -> None:
    """Be the workers of a node, with the arguments of ``dask worker``."""
    # SLURM may send this to all processes of a job; it is meant for the one that waits.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    from distributed.cli import dask_worker

    with single_threaded():
        dask_worker.main()


if __name__ == "__main__":
    main()
