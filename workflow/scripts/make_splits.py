"""Adapter: rule ``make_splits`` calls `earshift.splits.make_splits`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs, splits

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.logged(snakemake.log[0]):
    splits.make_splits(
        snakemake.wildcards.dataset,
        Path(snakemake.input.table),
        **snakemake.params.splits,
        seed=snakemake.params.seed,
        out=Path(snakemake.output.splits),
    )
