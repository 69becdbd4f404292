"""Running one of SLURM's commands."""

from __future__ import annotations

import shutil
import subprocess

from earshift.errors import ClusterError

#: Seconds that a command of SLURM may take. The controller may be busy, or restarting.
PATIENCE_S = 60


def available() -> bool:
    """Return whether this machine can use SLURM."""
    return shutil.which("squeue") is not None


def call(*command: str) -> str:
    """Run a command of SLURM.

    Parameters
    ----------
    *command : str
        The command and its options.

    Returns
    -------
    str
        What it wrote.

    Raises
    ------
    ClusterError
        If it is missing, fails, or does not answer in time.
    """
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except FileNotFoundError:
        raise ClusterError(
            f"there is no command '{command[0]}' here. Start the run on a machine that "
            "submits to SLURM, or without '--profile slurm'."
        ) from None
    except subprocess.TimeoutExpired:
        raise ClusterError(
            f"SLURM did not answer '{command[0]}' in {PATIENCE_S} s. Its controller "
            "may be down: ask 'scontrol ping', and start the run again when it is up."
        ) from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason"]
        raise ClusterError(f"SLURM refused '{' '.join(command[:2])}': {lines[-1]}")
    return done.stdout
