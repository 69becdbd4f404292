"""Adapter: rule ``summarise_sensitivity`` calls `summary.summarise_sensitivity`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.stages.sensitivity import summary

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    params = snakemake.params
    summary.summarise_sensitivity(
        [Path(file) for file in snakemake.input.measures],
        [Path(file) for file in snakemake.input.clip_scores],
        params.families,
        **params.statistics,
        seed=params.seed,
        out=Path(snakemake.output.measures),
        out_scores=Path(snakemake.output.scores),
        out_robustness=Path(snakemake.output.robustness),
    )
