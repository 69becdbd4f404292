"""Adapter: rule ``select_clips`` calls `selection.select_clips`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.evaluation import protocol
from earshift.stages.splits import selection

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    labels = zip(snakemake.input.labels, snakemake.output.labels, strict=True)
    splits = zip(snakemake.input.splits, snakemake.output.splits, strict=True)
    names = snakemake.params.datasets
    study = protocol.study_of(snakemake.config["study"])
    selection.select_clips(
        study.protocol(snakemake.wildcards.protocol),
        {name: (Path(a), Path(b)) for name, (a, b) in zip(names, labels, strict=True)},
        {name: (Path(a), Path(b)) for name, (a, b) in zip(names, splits, strict=True)},
        grouped=Path(snakemake.input.groups),
        subgroups=snakemake.params.subgroups,
    )
