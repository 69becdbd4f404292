"""Adapter: rule ``calibrate_model`` calls `calibration.calibrate_model`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.stages.embeddings import calibration

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    calibration.calibrate_model(
        snakemake.wildcards.model,
        snakemake.params.entry,
        versions=snakemake.params.versions,
        n_threads=snakemake.threads,
        out=Path(snakemake.output.calibration),
    )
