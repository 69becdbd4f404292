"""Adapter: rule ``audit_embeddings`` calls `store_audit.audit_store`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.stages.embeddings import store_audit

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    store_audit.audit_store(
        snakemake.wildcards.model,
        snakemake.params.entry,
        plan=Path(snakemake.params.plan),
        versions=snakemake.params.versions,
        **snakemake.params.store,
        **snakemake.params.sample,
        n_threads=snakemake.threads,
        out=Path(snakemake.output.table),
    )
