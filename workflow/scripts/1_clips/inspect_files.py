"""Adapter: rule ``inspect_files`` calls `inspection.inspect_files`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.stages.clips import inspection

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    inspection.inspect_files(
        snakemake.wildcards.dataset,
        Path(snakemake.input.listing),
        parts=Path(snakemake.params.parts),
        shard=int(snakemake.wildcards.share),
        n_shards=snakemake.params.shares["shares"],
        out=Path(snakemake.output.inspected),
        n_threads=snakemake.threads,
    )
