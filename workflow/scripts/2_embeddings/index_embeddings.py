"""Adapter: rule ``index_embeddings`` calls `indexing.index_embeddings`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.stages.embeddings import indexing

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    indexing.index_embeddings(
        Path(snakemake.input.plan),
        [Path(marker) for marker in snakemake.input.done],
        out=Path(snakemake.output.index),
    )
