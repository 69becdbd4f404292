"""What a run leaves for the launcher: where its results are, and why a job failed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: In the folder that the run works in.
NOTE = Path(".snakemake", "earshift.json")

#: So much of a message is shown.
MAX_LETTERS = 600

#: So many jobs that failed are shown.
MAX_JOBS = 2


def note(results: str, logs: str) -> None:
    """Write down where the results and the logs of a run are, as it begins."""
    NOTE.parent.mkdir(exist_ok=True)
    NOTE.write_text(json.dumps({"results": results, "logs": logs}) + "\n")


def noted() -> tuple[Path, Path] | None:
    """Return the folders of results and logs; None if no run has begun."""
    try:
        folders = json.loads(NOTE.read_text())
    except FileNotFoundError:
        return None
    return Path(folders["results"]), Path(folders["logs"])


def failures(logs: Path, since: float) -> Iterator[str]:
    """Yield lines that say why jobs failed, five at most.

    Parameters
    ----------
    logs : Path
        Folder of the logs of a run that has ended, and all its jobs with it.
    since : float
        When it began, in seconds since 1970.
    """
    failed = sorted(_failed(logs, since))
    for _, job, log, reason in failed[:MAX_JOBS]:
        if len(reason) > MAX_LETTERS:
            reason = reason[:MAX_LETTERS] + " ..."
        yield f"Error: {job}: {reason}"
        yield f"       its log: {log}"
    if len(failed) > MAX_JOBS:
        n_more = len(failed) - MAX_JOBS
        yield f"       {n_more} more failed; their logs are in '{logs}'."


def _failed(logs: Path, since: float) -> Iterator[tuple[float, str, Path, str]]:
    """Yield when each job that failed began, its name, its log, and why it failed."""
    seen: set[Path] = set()
    # What experiments share, such as downloads, has its logs beside theirs.
    for folder in (logs, Path("logs")):
        for file in set(folder.rglob("*.json")) - seen:
            seen.add(file)
            record = _read(file, since)
            if record is None or record["state"] == "done":
                continue
            rule, *name = file.relative_to(folder).with_suffix("").parts
            job = f"{rule} {'/'.join(name)}".strip()
            reason = " ".join(record["reason"].split())
            if record["state"] == "running":
                used = record["used"]["mb"]
                reason = (
                    "it was killed without a message (its memory, its time limit, or "
                    f"its node). It had used {used:.0f} MB."
                )
            yield record["started"], job, file.with_suffix(".log"), reason


def _read(file: Path, since: float) -> dict[str, Any] | None:
    """Return what a job says of itself, if it began after some time."""
    if file.name.startswith("."):
        return None
    try:
        if file.stat().st_mtime < since - 1:
            return None
        record: dict[str, Any] = json.loads(file.read_text())
    except (OSError, ValueError):
        return None
    return record if record.get("started", 0) >= since else None
