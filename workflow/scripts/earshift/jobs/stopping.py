"""Stop before a job is done, keep what it has, and let another job go on.

SLURM sends SIGTERM at a job's time limit and when it is cancelled, half a minute before
it kills; SIGUSR1 is what a user or a site may send. The end of the job's time is known
beforehand, so that there is time to finish what is at hand.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from earshift import slurm
from earshift.errors import StoppedError

log = logging.getLogger(__name__)

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)

#: Seconds before the end of its time at which a job stops, at most and at least; in
#: between, a tenth of its time. Two Snakemake processes have to end as well.
GRACE_S, LEAST_GRACE_S = 120.0, 10.0


class _Job:
    """What this process knows of its end."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self.asks = False
        self.stops_at = float("inf")


_job = _Job()


def reason() -> str | None:
    """Say why this job shall stop now, if it shall.

    Returns
    -------
    str or None
        For instance ``"SIGTERM came"``. None in a process without `listening`.

    Notes
    -----
    A job that calls this keeps what is done and raises `StoppedError` by itself, soon
    after. One that never did so has nothing to keep: a signal ends it at once.
    """
    _job.asks = True
    if _job.reason is None and time.monotonic() >= _job.stops_at:
        _job.reason = "its time is nearly over"
    return _job.reason


@contextmanager
def listening() -> Iterator[None]:
    """Heed signals and the end of the SLURM job's time while the block runs.

    Notes
    -----
    Only the main thread hears signals; in any other one the block just runs.
    """
    global _job
    _job = _Job()
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _tell) for number in SIGNALS}
    # In a thread: a controller that does not answer must not keep the job waiting.
    threading.Thread(target=_find_end, args=(_job,), daemon=True).start()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(number: int, _: FrameType | None) -> None:
    first = _job.reason is None
    _job.reason = f"{signal.Signals(number).name} came"
    # SLURM may send it twice; the second must not disturb what the first has begun.
    if first and not _job.asks:
        raise StoppedError(f"stopped: {_job.reason}.")


def _find_end(job: _Job) -> None:
    left = slurm.time_left_s()
    if left is not None:
        grace = min(GRACE_S, max(LEAST_GRACE_S, left / 10))
        job.stops_at = time.monotonic() + left - grace
        log.debug("SLURM ends this job in %.0f s", left)
