"""Adapter: rule ``collect_deviations`` calls the library's `collect_deviations`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.stages.splits import selection

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    selection.collect_deviations(
        [Path(file) for file in snakemake.input.deviations],
        [Path(file) for file in snakemake.input.scores],
        Path(snakemake.output.deviations),
    )
