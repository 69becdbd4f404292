"""Whether the environment of this Python is that of requirements.lock.

    .venv/bin/python envs/installed.py

Ends with status 1, and says what is lacking, if it is not. Contents are compared, not
dates, which mean nothing after a clone or a copy.
"""

import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.markers import Marker

LOCK = Path(__file__).with_name("requirements.lock")

#: A package in the lock, its version, and for which machines and Pythons it is.
LINE = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>\S+)(?: ; (?P<marker>[^\\]+))?")


def lacking() -> str:
    """Return the first package that is not as it should be; empty if all are."""
    for line in LOCK.read_text().splitlines():
        wanted = LINE.match(line)
        if not wanted:
            continue
        marker = wanted["marker"]
        if marker and not Marker(marker.strip()).evaluate():
            continue
        found = _version(wanted["name"])
        if found != wanted["version"]:
            return f"{wanted['name']} {wanted['version']} is wanted, {found} is there"
    return "" if _version("earshift") != "none" else "earshift is not installed"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


if __name__ == "__main__":
    if said := lacking():
        sys.stdout.write(f".venv: {said}\n")
        sys.exit(1)
