"""Adapter: rule ``gather_clips`` calls `earshift.stages.clips.listing.gather_clips`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.stages.clips import listing

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    listing.gather_clips(
        snakemake.wildcards.dataset,
        Path(snakemake.input.listing),
        Path(snakemake.input.notes),
        [Path(file) for file in snakemake.input.inspected],
        table=Path(snakemake.output.table),
        audit=Path(snakemake.output.audit),
        max_bad_clips=snakemake.params.max_bad_clips,
    )
