"""Adapter: rule ``find_duplicates`` calls `earshift.duplicates.find_duplicates`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import duplicates, jobs

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.logged(snakemake.log[0], snakemake.threads, snakemake.resources):
    tables = map(Path, snakemake.input.tables)
    duplicates.find_duplicates(
        dict(zip(snakemake.params.names, tables, strict=True)),
        Path(snakemake.output.duplicates),
        n_threads=snakemake.threads,
    )
