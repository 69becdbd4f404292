"""Adapter: rule ``draw_study`` calls `figures.draw_study`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.studies.ismir2023 import figures

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    figures.draw_study(
        Path(snakemake.input.tables[0]).parent,
        snakemake.params.protocols,
        Path(snakemake.output.svg[0]).parent,
    )
