"""Adapter: rule ``extract_embeddings`` calls `extraction.extract_region`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.stages.embeddings import extraction

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

wildcards = snakemake.wildcards
with jobs.running(snakemake):
    extraction.extract_region(
        " / ".join([wildcards.dataset, wildcards.model, wildcards.region]),
        snakemake.params.entry,
        plan=Path(snakemake.params.plan),
        region=wildcards.region,
        marker=Path(snakemake.output.done),
        max_bad_clips=snakemake.params.max_bad_clips,
        n_threads=snakemake.threads,
    )
