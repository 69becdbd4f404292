"""End a cluster of the tests when the process that started it is gone, however it went.

    python watchdog.py STATE

STATE is the cluster's folder. The standard input ends with the process that holds its
other end; if that had stopped the cluster, it has said so there.
"""

import contextlib
import os
import shutil
import sys
import time
from pathlib import Path

import psutil

#: What is said of a cluster that was stopped.
STOPPED = b"stopped"


def of_cluster(state):
    """Daemons and jobs of a cluster, and what uses it; they name its folder."""
    found = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            conf = process.environ().get("SLURM_CONF", "")
            # What watches the steps of a job says nothing of itself.
            names = [conf, process.cwd() + "/", *process.cmdline()]
            if any(f"{state}/" in name for name in names):
                found |= {process, *process.children(recursive=True)}
    return {p for p in found if p.pid != os.getpid()}


def end(state, seconds=60):
    """Kill all processes of a cluster, and remove its folder."""
    last = time.monotonic() + seconds
    while (found := of_cluster(state)) and time.monotonic() < last:
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.kill()
        time.sleep(0.2)
    shutil.rmtree(state, ignore_errors=True)


if __name__ == "__main__":
    if sys.stdin.buffer.read() != STOPPED:
        end(Path(sys.argv[1]))
