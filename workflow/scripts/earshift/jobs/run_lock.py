"""One run at a time works in a folder, or on results, whichever machine it is on."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from earshift import jobs

#: Seconds between signs of life of the run that holds the lock.
PULSE_S = 10

#: A run on another machine is taken for dead after as many seconds without one.
DEAD_AFTER_S = 60

#: Seconds after which a claim that none has overwritten holds, if several machines may
#: have waited for the same run.
CLAIM_S = 5


@contextmanager
def one_at_a_time(
    path: Path, say: Callable[[str], None], where: str = "in this folder"
) -> Iterator[int]:
    """Wait until no other run holds a lock, then keep others waiting.

    Parameters
    ----------
    path : Path
        The lock: a file in the folder that it is for, which is made.
    say : callable
        Gets a line for the user that says what is waited for.
    where : str
        What the lock is for, in that line.

    Yields
    ------
    int
        Descriptor of the lock, to be handed on to Snakemake: the lock lasts as long as
        either lives.

    Notes
    -----
    Some file systems lock files for each machine alone. The holder therefore touches
    its file now and then, and a run on another machine waits while it does.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    over = threading.Event()
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"Another run is going on {where}; waiting for it.")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        _claim(path, say, where)
        threading.Thread(target=_pulse, args=(path, over), daemon=True).start()
        yield descriptor
        if _holder(path) == _self():
            path.write_text("")
    finally:
        over.set()
        os.close(descriptor)


def wait_for_snakemakes(say: Callable[[str], None]) -> None:
    """Wait for a Snakemake that was started by hand in this folder, on this machine."""
    for process in snakemakes_here():
        say(
            f"{process.name()} (process {process.pid}) works in this folder; waiting "
            "for it."
        )
        process.wait()


def _self() -> dict[str, str | int]:
    """Return what the lock says of this process."""
    return {"host": socket.gethostname(), "process": os.getpid()}


def _holder(path: Path) -> dict[str, str | int] | None:
    """Return what the lock says of its holder; None if there is none."""
    try:
        holder: dict[str, str | int] = json.loads(path.read_text())
    except (OSError, ValueError):  # it may have been deleted, with its folder
        return None
    return holder


def _claim(path: Path, say: Callable[[str], None], where: str) -> None:
    """Wait for runs on other machines, and write down that this one holds the lock."""
    while True:
        seen = _wait_for_other_machines(path, say, where)
        path.write_text(json.dumps(_self()) + "\n")
        if not seen:
            return
        # Others may have waited for the same run: the last who wrote goes on.
        time.sleep(CLAIM_S)
        if _holder(path) == _self():
            return


def _pulse(path: Path, over: threading.Event) -> None:
    """Touch the lock until the run is over."""
    while not over.wait(PULSE_S):
        with contextlib.suppress(OSError):
            path.touch()


def _wait_for_other_machines(
    path: Path, say: Callable[[str], None], where: str
) -> bool:
    """Wait until the holder on another machine has ended, or gives no sign of life.

    Returns whether there was one.
    """
    seen = announced = False
    while (holder := _holder(path)) and holder["host"] != socket.gethostname():
        seen = True
        if _age_s(path) >= DEAD_AFTER_S:
            break
        if not announced:
            say(
                f"A run is going on {where} on {holder['host']} (process "
                f"{holder['process']}); waiting for it."
            )
        announced = True
        time.sleep(PULSE_S / 4)
    return seen


def _age_s(path: Path) -> float:
    """Return how long ago a file was touched, by the clock of its file system."""
    probe = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}")
    probe.touch()
    try:
        return probe.stat().st_mtime - path.stat().st_mtime
    finally:
        probe.unlink()


def snakemakes_here() -> list[psutil.Process]:
    """Return the processes in this folder that run, or submit, jobs of a workflow."""
    processes = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            runs = jobs.is_snakemake(process) or process.name() == "sbatch"
            here = runs and process.cwd() == str(Path.cwd())
            if here and process.pid != os.getpid() and not _is_job(process):
                processes.append(process)
    return processes


def _is_job(process: psutil.Process) -> bool:
    """Return whether a process is part of a SLURM job that is not our own."""
    our_job = os.environ.get("SLURM_JOB_ID")
    return process.environ().get("SLURM_JOB_ID", our_job) != our_job
