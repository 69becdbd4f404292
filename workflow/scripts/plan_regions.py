"""Adapter: rule ``plan_regions`` calls `earshift.regions.plan_regions`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs, regions

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.logged(snakemake.log[0]):
    regions.plan_regions(
        snakemake.wildcards.model,
        snakemake.params.entry,
        table=Path(snakemake.input.table),
        versions=snakemake.params.versions,
        **snakemake.params.store,
        n_jobs=snakemake.params.n_jobs,
        plan=Path(snakemake.output.plan),
    )
