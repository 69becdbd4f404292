"""Adapter: rule ``measure_discrepancy`` calls the library's `measure_discrepancy`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.stages.discrepancy.measuring import measure_discrepancy

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    measure_discrepancy(
        model=snakemake.wildcards.model,
        condition=snakemake.wildcards.condition,
        entries=snakemake.params.entries,
        classes=Path(snakemake.input.classes),
        methods=snakemake.params.methods,
        measures=snakemake.config["discrepancy"],
        fit=snakemake.params.fit,
        seed=snakemake.params.seed,
        parts=Path(snakemake.params.parts),
        out=Path(snakemake.output.domain_scores),
        size_parts=Path(snakemake.params.size_parts),
        sizes=Path(snakemake.output.sizes),
    )
