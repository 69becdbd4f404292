"""The settings that made each result, kept beside it, so that they travel with it.

Snakemake remembers them in the folder where it ran. It knows nothing of results that
were copied, moved, or made by another checkout, and would use them whatever the
settings are now. Each job therefore leaves ``.settings/<name>.json`` beside its first
output, and a run compares that with what it would do now.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from earshift import files, import_path

#: What differs if there is no record of the settings.
UNKNOWN = "settings unknown"

#: Param of a rule for `contents_of` the files that it reads besides its input.
CONTENTS = "contents"

#: Where installed packages are, which differs between environments.
_PACKAGES = re.compile(r"^.*/(?:site|dist)-packages(?=/)|^\{packages\}(?=/)")


def record_of(output: Path) -> Path:
    """Return the file that says by which settings an output was made."""
    return output.parent / ".settings" / f"{output.name}.json"


def is_packaged(file: str | Path) -> bool:
    """Return True if a file came with an installed package."""
    return _PACKAGES.match(Path(file).as_posix()) is not None


def contents_of(*given: str | Path) -> dict[str, str]:
    """Return a hash of each file's contents, for files that come with the software.

    Those of the checkout and of packages have the date and the place of the clone or
    of the environment. As input of a rule they would have its jobs done again.

    Parameters
    ----------
    *given : str or Path
        Files that a job reads.

    Returns
    -------
    dict of str to str
        Path, wherever checkout and packages are -> SHA-256, in hex.
    """
    places = {"{project}": str(import_path.PROJECT)}
    return {str(_portable(path, places)): _hash(path) for path in map(Path, given)}


def _hash(path: Path) -> str:
    state = path.stat()
    return _hash_of(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=1024)
def _hash_of(path: Path, mtime_ns: int, size: int) -> str:
    """Return a hash of a file; rules ask for that of weights once for each region."""
    del mtime_ns, size
    return files.file_hash(path)


def settings(
    params: Mapping[str, Any], inputs: Iterable[str], results: str
) -> dict[str, Any]:
    """Return what decides a job's output, as its record says it.

    Parameters
    ----------
    params : mapping
        The job's params, versions included.
    inputs : iterable of str
        Paths of the files that it reads.
    results : str
        Folder of the experiment's results. Neither its place nor that of the checkout
        makes a difference.

    Returns
    -------
    dict
        `params` by name, and `input`, a sorted list. All of it is as JSON reads it.
    """
    places = {
        "{results}": os.path.normpath(results),
        "{project}": str(import_path.PROJECT),
    }
    record = {
        "params": _portable(params, places),
        "input": sorted({str(_portable(file, places)) for file in inputs}),
    }
    return dict(json.loads(json.dumps(record, default=str)))


def _portable(value: object, places: Mapping[str, str]) -> object:
    """Return a value with names for the folders that paths in it begin with."""
    if isinstance(value, Mapping):
        return {str(key): _portable(each, places) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_portable(each, places) for each in value]
    if isinstance(value, str | Path):
        value = _PACKAGES.sub("{packages}", str(value))
        for name, place in places.items():
            if str(value) == place or str(value).startswith(f"{place}/"):
                return name + str(value)[len(place) :]
    return value


def write(output: Path, made_by: Mapping[str, Any]) -> None:
    """Write down by which settings an output was made, once it is there."""
    record = record_of(output)
    record.parent.mkdir(parents=True, exist_ok=True)
    temporary = record.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps(made_by, indent=1) + "\n")
    temporary.replace(record)


def differences(output: Path, wanted: Mapping[str, Any]) -> list[str]:
    """Return in what the settings that made an output differ from those wanted.

    Parameters
    ----------
    output : Path
        First output of a job.
    wanted : mapping
        As `settings` returns it.

    Returns
    -------
    list of str
        Names of params, ``input`` if it read other files, or `UNKNOWN`; empty if
        nothing differs.
    """
    try:
        made_by = json.loads(record_of(output).read_text())
        old, new = dict(made_by["params"]), dict(wanted["params"])
        old_input, new_input = set(made_by["input"]), set(wanted["input"])
    except (OSError, ValueError, KeyError, TypeError):
        return [UNKNOWN]
    if CONTENTS in new and CONTENTS not in old:
        # Made before contents were looked at, when these files were input.
        new_input.update(new.pop(CONTENTS))
    is_other_input = any(not is_packaged(file) for file in old_input ^ new_input)
    # As text: the order of methods, for instance, is that of the tables.
    old, new = ({n: json.dumps(v) for n, v in each.items()} for each in (old, new))
    names = {name for name in {*old, *new} if old.get(name) != new.get(name)}
    return sorted(names) + ["input"] * is_other_input
