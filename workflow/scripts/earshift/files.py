"""Whole files and folders, hashes of contents, and times in their names."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

import psutil

#: What a process of another machine left unfinished is removed after as many seconds.
LOST_AFTER_S = 3600


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Give a temporary path that becomes `path` only if the block succeeds.

    A killed job therefore never leaves half a file under the final name. The temporary
    path is that of this process alone: another one, also of another machine, may be
    writing the same file. What killed processes left of it is removed.

    Parameters
    ----------
    path : path-like
        The file to write; its folder is made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The ending is kept: writers choose the format by it.
    process = f"{socket.gethostname()}.{os.getpid()}"
    ending = f".unfinished{path.suffix}"
    temporary = path.with_name(f".{path.stem}.{process}{ending}")
    for name in _unfinished(path.parent):
        if name.startswith(f".{path.stem}.") and name.endswith(ending):
            _remove_left(path.with_name(name), name[len(path.stem) + 2 : -len(ending)])
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@lru_cache(maxsize=256)
def _unfinished(folder: Path) -> list[str]:
    """Return the names of unfinished files, as they were when this process first asked.

    A folder may have thousands of files, each of which this process writes.
    """
    return [file.name for file in folder.iterdir() if ".unfinished" in file.name]


def _remove_left(file: Path, process: str) -> None:
    """Remove an unfinished file unless the process that writes it may still live."""
    host, _, pid = process.rpartition(".")
    with suppress(OSError, ValueError):  # another process removed it; a name of its own
        if host == socket.gethostname():
            lives = psutil.pid_exists(int(pid))
        else:
            lives = time.time() - file.stat().st_mtime < LOST_AFTER_S
        if host and not lives:
            file.unlink()


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """Give a temporary folder that becomes `path` only if the block succeeds."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.unfinished")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        shutil.rmtree(path, ignore_errors=True)
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def file_hash(*paths: Path) -> str:
    """Return the SHA-256 of the contents of files, one after the other, in hex."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def content_key(content: object) -> str:
    """Return 16 hexadecimal digits that depend on every value in `content`."""
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def now() -> str:
    """Return the time, UTC, such that later times sort after earlier ones."""
    return utc(time.time())


def utc(seconds: float) -> str:
    """Return a time in seconds since 1970 as `now` does."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
