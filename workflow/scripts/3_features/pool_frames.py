"""Adapter: rule ``pool_frames`` calls `earshift.stages.features.pool.pool_frames`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import conditions, jobs, names
from earshift.stages.features import pool

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

known = conditions.conditions_of(snakemake.config["conditions"])
strength = known[snakemake.wildcards.condition].strength
with jobs.running(snakemake):
    pool.pool_frames(
        Path(snakemake.input.plan),
        Path(snakemake.input.index),
        pooling=snakemake.params.pooling,
        out=Path(snakemake.output.features),
        skipped=Path(snakemake.output.skipped),
        strength=None if strength is None else names.text_of(strength),
    )
