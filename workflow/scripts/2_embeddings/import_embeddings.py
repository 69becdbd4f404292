"""Adapter: rule ``import_embeddings`` calls `importing.import_embeddings`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.stages.embeddings import importing

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    importing.import_embeddings(
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
