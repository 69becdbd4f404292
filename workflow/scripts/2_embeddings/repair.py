"""Adapter: rule ``repair`` calls `earshift.checkup.repair`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import checkup, jobs

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    checkup.repair([Path(table) for table in snakemake.input])
