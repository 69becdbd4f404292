"""Where this library is, for processes that would not find it by themselves."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

#: Folder that the library is in; it may be a checkout that nothing installed.
FOLDER = str(Path(__file__).parents[1])


def search_path() -> str:
    """Return a ``PYTHONPATH`` with this library in front of what is there."""
    return os.pathsep.join(filter(None, [FOLDER, os.environ.get("PYTHONPATH")]))


def export() -> str:
    """Return a command by which a shell puts this library in front of its own path."""
    return f'export PYTHONPATH={shlex.quote(FOLDER)}"${{PYTHONPATH:+:$PYTHONPATH}}"'
