"""Adapter: rule ``plan_regions`` calls `regions.plan_regions`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.stages.embeddings import job_size, regions

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

# The size of jobs is no parameter: a new one counts for clips that are dealt from now
# on, and plans nothing anew.
extraction = snakemake.config["extraction"]
with jobs.running(snakemake):
    regions.plan_regions(
        snakemake.wildcards.model,
        snakemake.params.entry,
        table=Path(snakemake.input.table),
        versions=snakemake.params.versions,
        **snakemake.params.store,
        audio_s_per_job=job_size.audio_s_per_job(
            Path(snakemake.input.calibration), extraction["minutes_per_job"]
        ),
        max_jobs=extraction["max_jobs"],
        plan=Path(snakemake.output.plan),
    )
