"""Room for results: what a file system has free, and what a quota allows."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import tempfile
from pathlib import Path

import pandas as pd


def room_for_plan(folder: Path) -> tuple[bool, str]:
    """Say whether there is room for what a plan will write.

    Parameters
    ----------
    folder : Path
        Folder of the results, with ``plan.csv`` if there is a plan. It is made.

    Returns
    -------
    bool, str
        Whether there is room, as far as can be told, and what was found.
    """
    folder.mkdir(parents=True, exist_ok=True)
    free, n_free = shutil.disk_usage(folder).free, os.statvfs(folder).f_favail
    found = f"{free / 1e9:.0f} GB free at '{folder}'"
    plan = folder / "plan.csv"
    if not plan.exists():
        return True, f"{found}; 'make plan' says how much a run needs"
    needed = pd.read_csv(plan)[["bytes", "files"]].sum().astype(int)
    found += f", {needed['bytes'] / 1e9:.1f} GB are needed"
    if free < needed["bytes"]:
        return False, found
    # File systems that make room for files as they come say 0.
    if 0 < n_free < needed["files"]:
        return False, f"{found}; room for {n_free} files, of {needed['files']} needed"
    if why := refusal(folder, int(needed["bytes"])):
        return False, f"{found}; but so much cannot be written: {why}"
    return True, found


def refusal(folder: Path, n_bytes: int) -> str | None:
    """Say why a file of a size cannot be made, which a quota forbids.

    The room is reserved for a moment; nothing is written.

    Parameters
    ----------
    folder : Path
        Where the file would be.
    n_bytes : int
        Its size.

    Returns
    -------
    str or None
        Words of the operating system. None if it can be made, or if the file system
        cannot reserve room.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        start, size = ctypes.c_int64(0), ctypes.c_int64(n_bytes)
        if n_bytes == 0 or libc.fallocate(file.fileno(), 0, start, size) == 0:
            return None
        number = ctypes.get_errno()
    return None if number in (errno.EOPNOTSUPP, errno.ENOSYS) else os.strerror(number)
