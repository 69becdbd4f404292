"""Adapter: rule ``pool_frames`` calls `earshift.features.pool_frames`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import features, jobs

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    features.pool_frames(
        Path(snakemake.input.plan),
        Path(snakemake.input.index),
        pooling=snakemake.params.pooling,
        out=Path(snakemake.output.features),
        skipped=Path(snakemake.output.skipped),
    )
