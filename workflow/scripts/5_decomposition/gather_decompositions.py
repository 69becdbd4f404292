"""Adapter: rule ``gather_decompositions`` calls `summary.gather_decompositions`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.stages.decomposition import summary

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    summary.gather_decompositions(
        [Path(table) for table in snakemake.input.gaps],
        [Path(table) for table in snakemake.input.checks],
        out=Path(snakemake.output.gaps),
        out_checks=Path(snakemake.output.checks),
    )
