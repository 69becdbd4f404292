"""Adapter: rule ``count_padding`` calls `padding.count_padding`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.stages.embeddings import padding

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

params = snakemake.params
with jobs.running(snakemake):
    padding.count_padding(
        dict(zip(params.datasets, map(Path, snakemake.input.tables), strict=True)),
        params.models,
        params.conditions,
        out=Path(snakemake.output.table),
    )
