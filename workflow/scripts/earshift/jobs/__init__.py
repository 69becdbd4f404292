"""What all jobs share: logging, progress, whole files, provenance."""

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
