"""Adapter: rule ``draw_sensitivity`` calls `sensitivity.draw_sensitivity`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.stages.report.figures import sensitivity

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    sensitivity.draw_sensitivity(
        Path(snakemake.input.scores),
        Path(snakemake.input.measures),
        snakemake.params.families,
        Path(snakemake.output.svg),
        Path(snakemake.output.moved),
    )
