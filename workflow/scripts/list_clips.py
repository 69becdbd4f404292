"""Adapter: rule ``list_clips`` calls `earshift.clips.list_clips`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import clips, jobs

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.logged(snakemake.log[0]):
    clips.list_clips(
        snakemake.wildcards.dataset,
        snakemake.params.entry,
        table=Path(snakemake.output.table),
        audit=Path(snakemake.output.audit),
        max_bad_clips=snakemake.params.max_bad_clips,
        n_threads=snakemake.threads,
    )
