"""Stage 2, embeddings: how far the job of a region came that was stopped or killed.

``<condition>.begun/<region>.json`` is written after each shard. The next job goes on
from there, and the file is gone once the region is filled.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from earshift import files
from earshift.jobs import monitor


class Begun:
    """The clips of a region that need not be embedded again.

    Parameters
    ----------
    file : Path, optional
        JSON file that says so, for this job and the next; by default nothing is kept.
    key : str, default=""
        What the region depends on. A file of another key says nothing.

    Attributes
    ----------
    clips : int
        How many there are: the first ones of the region's list.
    skipped : dict of str to str
        Those of them that cannot be used, and why.
    """

    def __init__(self, file: Path | None = None, key: str = "") -> None:
        self._file, self._key = file, key
        self._start, self._load_s = time.monotonic(), 0.0
        content = json.loads(file.read_text()) if file and file.exists() else {}
        if content.get("key") != key:
            content = {}
        self.clips: int = content.get("clips", 0)
        self.skipped: dict[str, str] = content.get("skipped", {})
        self._before: Mapping[str, float] = content.get("spent", {})

    def loaded(self) -> None:
        """Note that the model is loaded by now."""
        self._load_s = time.monotonic() - self._start

    def spent(self) -> dict[str, Any]:
        """Return `load_s`, `seconds` and `peak_mib` of this job and those before it."""
        before = {"load_s": 0.0, "seconds": 0.0, "peak_mib": 0} | dict(self._before)
        seconds = time.monotonic() - self._start
        return {
            "load_s": round(before["load_s"] + self._load_s, 3),
            "seconds": round(before["seconds"] + seconds, 3),
            "peak_mib": max(before["peak_mib"], round(monitor.peak_mib())),
        }

    def write(self, clips: int, skipped: Mapping[str, str]) -> None:
        """Say that the first `clips` are in the store, or in `skipped`."""
        if self._file is None:
            return
        content = {"key": self._key, "clips": clips, "skipped": dict(skipped)}
        content["spent"] = self.spent()
        with files.whole_file(self._file) as file:
            file.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")

    def remove(self) -> None:
        """Forget it: the region is filled, or has to be filled anew."""
        self.clips, self.skipped = 0, {}
        if self._file is not None:
            self._file.unlink(missing_ok=True)
