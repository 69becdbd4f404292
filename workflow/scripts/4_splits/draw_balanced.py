"""Adapter: rule ``draw_balanced`` calls `draws.draw_balanced`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.evaluation import protocol
from earshift.stages.splits import draws

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    names = snakemake.params.datasets
    draws.draw_balanced(
        dict(zip(names, map(Path, snakemake.input.labels), strict=True)),
        dict(zip(names, map(Path, snakemake.input.splits), strict=True)),
        **snakemake.params.balance,
        subgroups=snakemake.params.subgroups,
        seed=snakemake.params.seed,
        out=Path(snakemake.output.draws),
        study=protocol.study_of(snakemake.config["study"]),
    )
