"""What all jobs do: log, show progress, end with their run, record their settings."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from earshift import import_path
from earshift.errors import EarshiftError, StoppedError
from earshift.jobs import monitor, recorded, stopping

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

log = logging.getLogger(__name__)

MB = 1_000_000


#: What the job of this process says of itself, while one runs.
_record: monitor.Record | None = None


@contextmanager
def running(snakemake: Snakemake) -> Iterator[None]:
    """Run a job of the workflow as `logged` does, and keep its settings by its output.

    Parameters
    ----------
    snakemake : Snakemake
        What Snakemake tells a script of its job.
    """
    with logged(snakemake.log[0], snakemake.threads, snakemake.resources):
        yield
        if snakemake.output and snakemake.params:
            params = dict(snakemake.params.items())
            results = snakemake.config["results"]
            made_by = recorded.settings(params, snakemake.input, results)
            recorded.write(Path(snakemake.output[0]), made_by)


@contextmanager
def logged(
    path: str | Path,
    cpus: int | None = None,
    resources: Mapping[str, Any] | None = None,
) -> Iterator[None]:
    """Send all records to the rule's log file, and progress and errors to the terminal.

    Parameters
    ----------
    path : path-like
        The log file; its folder is made. It gets the traceback of a failure.
    cpus, resources : optional
        What the job asked for, as in `monitor.Record`, whose file is beside the log.

    Raises
    ------
    SystemExit
        In place of an `EarshiftError`, whose message says all on the terminal.

    Notes
    -----
    While the context is open, the job heeds signals (`stopping.reason`). It watches the
    workflow that started it and ends itself when that is gone, so that a killed run
    leaves no writer behind.
    """
    global _record
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    file = logging.FileHandler(path, mode="w")
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(logging.Formatter("    %(message)s"))
    terminal.setLevel(logging.INFO)
    root = logging.getLogger("earshift")
    root.setLevel(logging.DEBUG)
    root.addHandler(file)
    root.addHandler(terminal)
    _end_with_the_workflow()
    _record = record = monitor.Record(path, cpus, resources)
    record.start()
    start = time.monotonic()
    try:
        import_path.check()
        with stopping.listening():
            yield
        memory = psutil.Process().memory_info().rss / 2**20
        spent = time.monotonic() - start
        log.debug("done in %.1f s, %.0f MiB resident", spent, memory)
        record.end("done")
    except EarshiftError as error:
        log.error("Error: %s", error)
        log.debug("where it came from", exc_info=True)
        record.end(
            "stopped" if isinstance(error, StoppedError) else "failed", str(error)
        )
        raise SystemExit(1) from error
    except BaseException as error:
        log.debug("failed", exc_info=True)
        record.end("failed", f"{type(error).__name__}: {error}")
        raise
    finally:
        _record = None
        for handler in (file, terminal):
            root.removeHandler(handler)
            handler.close()


def _end_with_the_workflow() -> None:
    """End this process soon after the Snakemake process above it is gone."""
    drivers = [p for p in psutil.Process().parents() if is_snakemake(p)]
    if not drivers:
        return

    def watch() -> None:
        while drivers[-1].is_running():
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def is_snakemake(process: psutil.Process) -> bool:
    """Return whether a process is Snakemake itself, not a script that it runs."""
    try:
        return any(Path(word).name == "snakemake" for word in process.cmdline())
    except psutil.Error:
        return False


class Progress:
    """Log how far a long loop is, at most every two seconds.

    Parameters
    ----------
    what : str
        The job, for instance ``"mini_irmas / musicnn"``.
    total : int
        How many units there are.
    unit : str
        Their name in the plural, for instance ``"clips"``.
    before : int, default=0
        How many of them an earlier job did.
    """

    def __init__(self, what: str, total: int, unit: str, before: int = 0) -> None:
        self.what, self.total, self.unit = what, total, unit
        self.done = self._before = before
        self._start = self._last = time.monotonic()
        self._note(0.0)

    def step(self, n: int = 1) -> None:
        """Count `n` more units as done."""
        self.done += n
        now = time.monotonic()
        if now - self._last < 2 and self.done < self.total:
            return
        self._last = now
        rate = (self.done - self._before) / max(now - self._start, 1e-9)
        left = (self.total - self.done) / rate if rate else 0.0
        self._note(rate)
        log.info(
            "%s: %d/%d %s, %.1f %s/s, %.0f s left",
            self.what,
            self.done,
            self.total,
            self.unit,
            rate,
            self.unit,
            left,
        )

    def _note(self, rate: float) -> None:
        if _record is not None:
            _record.progress(
                what=self.what,
                done=int(self.done),
                total=int(self.total),
                unit=self.unit,
                rate=round(float(rate), 4),
            )


class ByteProgress(Progress):
    """The same for bytes, shown in MB.

    Parameters
    ----------
    what : str
        The job.
    n_bytes : int
        How many bytes there are.
    """

    def __init__(self, what: str, n_bytes: int) -> None:
        super().__init__(what, n_bytes // MB, "MB")
        self._n_bytes = 0

    def count(self, n_bytes: int) -> None:
        """Count `n_bytes` more bytes as done."""
        self._n_bytes += n_bytes
        n_new = min(self._n_bytes // MB, self.total) - self.done
        if n_new:
            self.step(n_new)
