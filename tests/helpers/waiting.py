"""Waiting for what other processes and threads do."""

import time
from pathlib import Path


def wait_for(condition, what, seconds=100, pause=0.02):
    """Wait until a condition holds; return its value."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"{what} did not happen in {seconds} s"
        time.sleep(pause)
    return found


def runs(pid):
    """Say whether a process runs; one that ended and was not waited for does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
