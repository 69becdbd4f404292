"""Adapter: rule ``measure_sensitivity`` calls `movement.measure_sensitivity`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.stages.sensitivity import movement

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    params = snakemake.params
    movement.measure_sensitivity(
        **dict(snakemake.wildcards.items()),
        features=params.features,
        strengths=params.strengths,
        labels=Path(snakemake.input.labels),
        measures=params.measures,
        n_resamples=params.statistics["n_resamples"],
        confidence=params.statistics["confidence"],
        seed=params.seed,
        out=Path(snakemake.output[0]),
    )
