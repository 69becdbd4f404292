"""Adapter: rule ``draw_decomposition`` calls `parts.draw_parts`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.stages.report.figures import parts

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    parts.draw_parts(Path(snakemake.input.gaps), Path(snakemake.output.svg))
