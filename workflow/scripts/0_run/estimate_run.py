"""Adapter: rule ``estimate_run`` calls `earshift.runs.forecast.estimate_run`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.runs import forecast

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    forecast.estimate_run(
        snakemake.params.listed,
        snakemake.params.stores,
        extraction=snakemake.params.extraction,
        pooling=snakemake.params.pooling,
        n_threads=snakemake.params.n_threads,
        seed=snakemake.params.seed,
        out=Path(snakemake.output.plan),
    )
