"""Room for results: what a file system has free, and what a quota allows."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import tempfile
from pathlib import Path

from earshift import layout
from earshift.errors import ConfigError
from earshift.tables import PLAN

#: What to do where there is too little room.
ELSEWHERE = "Choose another folder for 'results' in the configuration,"


def room_for_plan(folder: Path) -> tuple[bool, str]:
    """Return whether there is room for what a plan will write.

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
    message = f"{free / 1e9:.0f} GB free at '{folder}'"
    plan = folder / layout.PLAN
    if not plan.exists():
        return True, f"{message}; 'make plan' says how much a run needs"
    n_bytes, n_files = needed_by(plan)
    message += f", {n_bytes / 1e9:.1f} GB are needed"
    if free < n_bytes:
        return False, f"{message}. {ELSEWHERE} or ask for more room"
    # File systems that make room for files as they come say 0.
    if 0 < n_free < n_files:
        message += f"; room for {n_free} files, of {n_files} needed"
        return False, f"{message}. {ELSEWHERE} or ask for room for more files"
    # Other refusals may be those of one full server, while others have room.
    if refusal(folder, n_bytes) == errno.EDQUOT:
        message += "; but a quota forbids to write so much"
        return False, f"{message}. {ELSEWHERE} or ask for more quota"
    return True, message


def check_temporary() -> None:
    """Raise if there is no room for temporary files, which every run needs.

    Raises
    ------
    ConfigError
        With the folder, and what to do.
    """
    named = [os.environ.get(name, "") for name in ("TMPDIR", "TEMP", "TMP")]
    # Python looks for another folder where one is full; not all programs do.
    folder = next(filter(os.path.isdir, named), None) or tempfile.gettempdir()
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(1 << 20))
    except OSError as error:
        raise ConfigError(
            f"no temporary files can be written to '{folder}' ({error.strerror}): make "
            "room there, or let the variable TMPDIR name another folder."
        ) from error


def needed_by(plan: Path) -> tuple[int, int]:
    """Return the bytes and files that a plan puts on file systems."""
    table = PLAN.read(plan)
    if "address" in table:
        table = table[table["address"].eq("")]
    n_bytes, n_files = table[["bytes", "files"]].sum().astype(int)
    return int(n_bytes), int(n_files)


def refusal(folder: Path, n_bytes: int) -> int:
    """Return why a file of a size cannot be made.

    The room is reserved for a moment; nothing is written.

    Parameters
    ----------
    folder : Path
        Where the file would be.
    n_bytes : int
        Its size.

    Returns
    -------
    int
        The operating system's number of the error, such as `errno.EDQUOT` of a quota.
        0 if it can be made, or if the file system cannot reserve room.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        start, size = ctypes.c_int64(0), ctypes.c_int64(n_bytes)
        if n_bytes == 0 or libc.fallocate(file.fileno(), 0, start, size) == 0:
            return 0
        number = ctypes.get_errno()
    return 0 if number in (errno.EOPNOTSUPP, errno.ENOSYS) else number
