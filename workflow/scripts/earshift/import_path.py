"""Where this library is, for processes that would not find it by themselves."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from earshift.errors import ConfigError

#: Folder that the library is in; it may be a checkout that nothing installed.
FOLDER = str(Path(__file__).parents[1])

#: The checkout that this folder is part of, if it is part of one.
PROJECT = Path(FOLDER).parents[1]

#: Variable by which a run tells its jobs whose library they must use.
WANTED = "EARSHIFT_LIBRARY"


def search_path() -> str:
    """Return a ``PYTHONPATH`` with this library in front of what is there."""
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return os.pathsep.join([FOLDER, *(p for p in paths if p not in ("", FOLDER))])


def hand_on() -> None:
    """Have every process that this one starts use this library, and no other.

    Otherwise a job takes the one that is installed in its environment, which may be
    that of another checkout: Snakemake puts the folder of a script last.
    """
    os.environ["PYTHONPATH"] = search_path()
    os.environ[WANTED] = FOLDER


def check() -> None:
    """Raise unless this library is the one that the run wants its jobs to use.

    Raises
    ------
    ConfigError
        With both folders.
    """
    wanted = os.environ.get(WANTED, FOLDER)
    if Path(wanted).resolve() != Path(FOLDER).resolve():
        raise ConfigError(
            f"this job uses the library in '{FOLDER}', and the run that started it the "
            f"one in '{wanted}': the numbers would be made by other code than their "
            "versions say. Let no setting of the job's environment put another folder "
            "in front of PYTHONPATH."
        )


def export() -> str:
    """Return a command by which a shell puts this library in front of its own path."""
    return f'export PYTHONPATH={shlex.quote(FOLDER)}"${{PYTHONPATH:+:$PYTHONPATH}}"'
