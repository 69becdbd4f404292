"""Adapter: rule ``draw_figures`` calls `earshift.figures.draw_figures`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import figures, jobs

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    figures.draw_figures(
        Path(snakemake.input.summary).parent,
        snakemake.config["discrepancy"],
        Path(snakemake.output.changes).parent,
    )
