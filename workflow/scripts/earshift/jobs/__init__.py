"""What all jobs share: logging, progress, and records of what they did and by what."""

from earshift.jobs.job import (
    MB,
    ByteProgress,
    Progress,
    is_snakemake,
    logged,
    running,
)

__all__ = [
    "MB",
    "ByteProgress",
    "Progress",
    "is_snakemake",
    "logged",
    "running",
]
