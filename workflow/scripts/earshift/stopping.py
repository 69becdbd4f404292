"""Why this job shall stop now."""

from __future__ import annotations


def reason() -> str | None:
    """Return why this job shall stop, or None."""
    return None
