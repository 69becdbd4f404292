"""Adapter: rule ``summarise_scores`` calls `earshift.summary`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs, summary

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.logged(snakemake.log[0], snakemake.threads, snakemake.resources):
    resampling = snakemake.params.statistics | {"seed": snakemake.params.seed}
    rope = resampling.pop("rope")
    summary.collect_scores(
        [Path(table) for table in snakemake.input.scores], Path(snakemake.output.scores)
    )
    summary.summarise(
        [Path(table) for table in snakemake.input.clip_scores],
        snakemake.params.methods,
        **resampling,
        rope=rope,
        summary=Path(snakemake.output.summary),
        gaps=Path(snakemake.output.gaps),
    )
    summary.summarise_discrepancy(
        [Path(table) for table in snakemake.input.domain_scores],
        **resampling,
        out=Path(snakemake.output.discrepancy),
    )
