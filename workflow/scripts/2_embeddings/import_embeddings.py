"""Adapter: rule ``import_embeddings`` calls `earshift.imports.import_embeddings`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import imports, jobs

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    imports.import_embeddings(
        snakemake.wildcards.model,
        Path(snakemake.input.file),
        datasets=snakemake.params.source["datasets"],
        name=snakemake.params.source["name"],
        columns=snakemake.params.source["columns"],
        table=Path(snakemake.input.table),
        versions=snakemake.params.versions,
        **snakemake.params.store,
        max_bad_clips=snakemake.params.max_bad_clips,
        plan=Path(snakemake.output.plan),
        index=Path(snakemake.output.index),
    )
