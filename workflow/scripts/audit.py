"""Adapter: rule ``audit`` calls `earshift.checkup.summarise`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import checkup, jobs

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.logged(snakemake.log[0], snakemake.threads, snakemake.resources):
    checkup.summarise([Path(table) for table in snakemake.input])
