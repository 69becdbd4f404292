"""Files that are missing, though one of another spelling may be there."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from pathlib import Path

from earshift.errors import AudioError


def missing(path: Path) -> AudioError:
    """Return the error of a path at which there is no file, with what is there.

    Parameters
    ----------
    path : Path
        Where a file was expected.

    Returns
    -------
    AudioError
        With status ``"missing"``; ``"unreadable"``, if there is something else.
    """
    if path.is_symlink() and not path.exists():
        return AudioError("missing", f"{path} is a link to no file")
    if path.exists():
        kind = "a folder" if path.is_dir() else "a pipe or device"
        return AudioError("unreadable", f"{path} is {kind}, not a file")
    actual = _spelt_otherwise(path)
    hint = (
        f", but there is {str(actual)!r}: another case, Unicode form or separator. "
        "Write it as the file is named"
        if actual
        else ""
    )
    return AudioError("missing", f"{path}: no such file{hint}")


def _spelt_otherwise(path: Path) -> Path | None:
    """Return a file whose path differs in case, Unicode form or kind of slash alone."""
    written = Path(str(path).replace("\\", "/"))
    actual = Path(written.anchor)
    for part in written.relative_to(actual).parts:
        exact = actual / part
        if not exact.exists():
            name = _names(actual).get(_folded(part))
            if name is None:
                return None
            exact = actual / name
        actual = exact
    return actual if actual.is_file() else None


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _names(folder: Path) -> dict[str, str]:
    try:
        return _names_at(folder, folder.stat().st_mtime_ns)
    except OSError:
        return {}


@lru_cache(maxsize=16)  # a dataset may lack thousands of files of one folder
def _names_at(folder: Path, modified_ns: int) -> dict[str, str]:
    del modified_ns
    return {_folded(file.name): file.name for file in folder.iterdir()}
