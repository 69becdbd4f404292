"""Which code makes a result."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

#: Packages whose versions can change a number.
PACKAGES = (
    "earshift",
    "numpy",
    "scipy",
    "scikit-learn",
    "soundfile",
    "soxr",
    "keras",
    "tensorflow-cpu",
    "tensorflow",
    "jax",
    "torch",
    "zarr",
    "dask",
    "snakemake",
)


def provenance() -> dict[str, str]:
    """Say which code makes a result: commit, versions of Python and of `PACKAGES`."""
    facts = {"commit": _commit(), "python": sys.version.split()[0]}
    for name in PACKAGES:
        try:
            facts[name] = version(name)
        except PackageNotFoundError:
            facts[name] = "-"
    return facts


def _commit() -> str:
    """Return the commit of the checkout, with ``+`` if files differ from it."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(here), *arguments],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    try:
        dirty = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "--short=12", "HEAD") + ("+" if dirty else "")
    except (OSError, subprocess.CalledProcessError):
        return "no git checkout"
