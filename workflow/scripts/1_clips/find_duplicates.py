"""Adapter: rule ``find_duplicates`` calls `duplicates.find_duplicates`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.stages.clips import duplicates

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    tables = map(Path, snakemake.input.tables)
    duplicates.find_duplicates(
        dict(zip(snakemake.params.names, tables, strict=True)),
        Path(snakemake.output.duplicates),
        n_threads=snakemake.threads,
    )
