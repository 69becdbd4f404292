"""Adapter: rule ``audit_embeddings`` calls `earshift.checkup.audit_store`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import checkup, jobs

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    checkup.audit_store(
        snakemake.wildcards.model,
        snakemake.params.entry,
        plan=Path(snakemake.params.plan),
        versions=snakemake.params.versions,
        **snakemake.params.store,
        **snakemake.params.sample,
        n_threads=snakemake.threads,
        out=Path(snakemake.output.table),
    )
