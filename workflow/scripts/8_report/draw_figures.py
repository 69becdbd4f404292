"""Adapter: rule ``draw_figures`` calls `main.draw_figures`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.stages.report.figures import main

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    main.draw_figures(
        Path(snakemake.input.summary).parent,
        snakemake.config["discrepancy"],
        Path(snakemake.output.changes).parent,
    )
