"""Adapter: rule ``make_splits`` calls `splitting.make_splits`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.stages.splits import splitting

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    names = snakemake.params.datasets
    duplicates = snakemake.input.duplicates
    splitting.make_splits(
        dict(zip(names, map(Path, snakemake.input.labels), strict=True)),
        dict(zip(names, map(Path, snakemake.output.splits), strict=True)),
        **snakemake.params.splits,
        seed=snakemake.params.seed,
        grouped=Path(snakemake.output.groups),
        shared=Path(snakemake.output.shared),
        duplicates=Path(duplicates) if duplicates else None,
        namespaces=snakemake.params.namespaces,
    )
