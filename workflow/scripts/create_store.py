"""Adapter: rule ``create_store`` calls `earshift.embeddings.create_store`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import embeddings, jobs

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.logged(snakemake.log[0]):
    embeddings.create_store(
        snakemake.wildcards.model,
        snakemake.params.entry,
        table=Path(snakemake.input.table),
        versions=snakemake.params.versions,
        plan=Path(snakemake.output.plan),
        n_jobs=snakemake.params.n_jobs,
    )
