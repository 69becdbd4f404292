"""Adapter: rule ``list_clips`` calls `earshift.stages.clips.listing.write_list`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.stages.clips import listing

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    listing.write_list(
        snakemake.wildcards.dataset,
        snakemake.params.entry,
        listing=Path(snakemake.output.listing),
        notes=Path(snakemake.output.notes),
    )
