"""Adapter: rule ``summarise_few_labels`` calls `summary.summarise_few_labels`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.stages.few_labels import summary

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    options = snakemake.params.statistics
    summary.summarise_few_labels(
        [Path(table) for table in snakemake.input.clip_scores],
        n_resamples=options["n_resamples"],
        confidence=options["confidence"],
        seed=snakemake.params.seed,
        curves=Path(snakemake.output.curves),
        values=Path(snakemake.output.values),
    )
