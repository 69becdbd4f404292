"""Adapter: rule ``align_labels`` calls `alignment.align_labels`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.evaluation import protocol
from earshift.stages.splits import alignment

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    name = snakemake.config["alignment"]
    study = protocol.study_of(snakemake.config["study"])
    alignment.align_labels(
        snakemake.wildcards.dataset,
        snakemake.params.plugin,
        Path(snakemake.input.table),
        alignment=alignment.location(name) if name else None,
        subgroups=snakemake.params.subgroups,
        used_by=study.named(snakemake.params.used_by),
        official=snakemake.params.kind == "official",
        out=Path(snakemake.output.labels),
    )
