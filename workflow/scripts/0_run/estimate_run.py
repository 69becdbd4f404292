"""Adapter: rule ``estimate_run`` calls `earshift.estimates.estimate_run`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import estimates, jobs

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    estimates.estimate_run(
        snakemake.params.listed,
        snakemake.params.stores,
        extraction=snakemake.params.extraction,
        pooling=snakemake.params.pooling,
        n_threads=snakemake.params.n_threads,
        seed=snakemake.params.seed,
        out=Path(snakemake.output.plan),
    )
