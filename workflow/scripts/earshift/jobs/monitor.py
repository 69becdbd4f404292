"""What a job says of itself while it runs: a small file beside its log.

The file says what the job asked for and what it uses, how far it is, and how it ended.
It is written every few seconds, so that a job that was killed can be told from one that
runs. `status` and `efficiency` read these files, and need nothing else.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from earshift import slurm

log = logging.getLogger(__name__)

#: Seconds between looks at memory, and between two writings of the file.
SAMPLE_S, WRITE_S = 2.0, 10.0

_GPU_QUERY = "--query-gpu=utilization.gpu,memory.used"


def record_of(log_file: Path) -> Path:
    """Return the file beside a job's log."""
    return log_file.with_suffix(".json")


class Record:
    """The file of the job that this process runs.

    Parameters
    ----------
    log_file : Path
        Its log. What an earlier attempt took is read from the file beside it, and kept.
    cpus : int, optional
        Cores that it may use on each node.
    resources : mapping, optional
        What it asked for: `mem_mb`, `runtime` in minutes, `gpu`, `nodes`, and
        `cpus_per_task` where that is not `cpus`.
    """

    def __init__(
        self,
        log_file: Path,
        cpus: int | None = None,
        resources: Mapping[str, Any] | None = None,
    ) -> None:
        self._file = record_of(log_file)
        asked = _asked(cpus, resources or {})
        self._begun, self._cpu_s = time.time(), _cpu_s()
        self._record: dict[str, Any] = {
            "state": "running",
            "reason": "",
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "slurm_job": slurm.own_id(),
            "started": self._begun,
            "asked": asked,
            "earlier": _spent_before(self._file),
        }
        self._peak_mb = self._gpu_mb = 0.0
        self._gpu_shares: list[float] = []
        self._lock, self._ended = threading.Lock(), threading.Event()

    def start(self) -> None:
        """Write the file, and again every few seconds until `end`."""
        self._write()
        threading.Thread(target=self._watch, daemon=True).start()

    def progress(self, **values: object) -> None:
        """Note how far the job is: `what`, `done`, `total`, `unit` and `rate`."""
        self._record["progress"] = values

    def end(self, state: str, reason: str = "") -> None:
        """Say how the job ended: ``"done"``, ``"failed"`` or ``"stopped"``, and why."""
        self._ended.set()
        self._look()
        self._write(state=state, reason=reason)

    def _watch(self) -> None:
        asks = shutil.which("nvidia-smi") if self._record["asked"]["gpus"] else None
        last = time.monotonic()
        while not self._ended.wait(SAMPLE_S):
            self._look()
            if time.monotonic() - last >= WRITE_S:
                if asks and not self._look_at_gpus(asks):
                    asks = None
                self._write()
                last = time.monotonic()

    def _look(self) -> None:
        used = sum(_resident_mb(process) for process in _tree())
        self._peak_mb = max(self._peak_mb, used, 1.048576 * peak_mib())

    def _look_at_gpus(self, command: str) -> bool:
        """Note how busy the job's GPUs are; say whether that can be known."""
        query = [command, _GPU_QUERY, "--format=csv,noheader,nounits"]
        if gpus := os.environ.get("CUDA_VISIBLE_DEVICES"):
            query.append(f"--id={gpus}")
        try:
            done = subprocess.run(
                query, capture_output=True, text=True, check=True, timeout=60
            )
            rows = [line.split(",") for line in done.stdout.splitlines()]
            busy = [float(row[0]) / 100 for row in rows]
            used = sum(1.048576 * float(row[1]) for row in rows)
        except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
            log.debug("what the GPU does is not known: %s", error)
            return False
        if busy:
            self._gpu_shares.append(sum(busy) / len(busy))
        self._gpu_mb = max(self._gpu_mb, used)
        return True

    def _write(self, **end: str) -> None:
        now = time.time()
        cpu_s = round(_cpu_s() - self._cpu_s, 2)
        used: dict[str, float] = {"mb": round(self._peak_mb), "cpu_s": cpu_s}
        if shares := self._gpu_shares:
            used["gpu_share"] = round(sum(shares) / len(shares), 3)
            used["gpu_mb"] = round(self._gpu_mb)
        took = {"updated": now, "seconds": round(now - self._begun, 3), "used": used}
        temporary = self._file.with_name(f".{self._file.stem}.unfinished.json")
        with self._lock:
            if self._ended.is_set() and not end:
                return  # the thread was late
            text = json.dumps(self._record | took | end, indent=1)
            try:
                temporary.write_text(text + "\n")
                temporary.replace(self._file)
            except OSError as error:  # no reason for the job to fail
                log.debug("%s could not be written: %s", self._file, error)


def _asked(cpus: int | None, resources: Mapping[str, Any]) -> dict[str, int | None]:
    """Return what a job asked for, as its record says it."""
    known = {name: n for name, n in resources.items() if isinstance(n, int)}
    cpus = known.get("cpus_per_task", cpus)
    return {
        "cpus": cpus and cpus * known.get("nodes", 1),
        "mem_mb": known.get("mem_mb"),
        "minutes": known.get("runtime"),
        "gpus": known.get("gpu"),
    }


def _spent_before(file: Path) -> dict[str, float]:
    """Return what earlier attempts at a job took in all."""
    try:
        record = json.loads(file.read_text())
        return spent(record)
    except (OSError, ValueError, KeyError):
        return {"attempts": 0, "seconds": 0.0, "cpu_h": 0.0, "gpu_h": 0.0}


def spent(record: Mapping[str, Any]) -> dict[str, float]:
    """Return what a job took, earlier attempts included.

    Parameters
    ----------
    record : mapping
        What the file of a job says.

    Returns
    -------
    dict of str to float
        `attempts`; `seconds`; `cpu_h` and `gpu_h`, hours times what was reserved.
    """
    asked, before, seconds = record["asked"], record["earlier"], record["seconds"]
    return {
        "attempts": before["attempts"] + 1,
        "seconds": before["seconds"] + seconds,
        "cpu_h": before["cpu_h"] + seconds * (asked["cpus"] or 1) / 3600,
        "gpu_h": before["gpu_h"] + seconds * (asked["gpus"] or 0) / 3600,
    }


def _tree() -> list[psutil.Process]:
    """Return this process and all that it started."""
    process = psutil.Process()
    return [process, *process.children(recursive=True)]


def _resident_mb(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        return float(process.memory_info().rss) / 1e6
    return 0.0


def _cpu_s() -> float:
    """Return the CPU time of this process and of all that it started, in seconds."""
    total = 0.0
    for process in _tree():
        with suppress(psutil.Error):
            total += sum(process.cpu_times()[:4])
    return total


def peak_mib() -> float:
    """Return the most memory that this process has had resident so far, in MiB."""
    # getrusage would count what the parent had when it started this process.
    status = Path("/proc/self/status")
    for line in status.read_text().splitlines() if status.exists() else []:
        if line.startswith("VmHWM:"):
            return float(line.split()[1]) / 1024
    return float(psutil.Process().memory_info().rss) / 2**20
