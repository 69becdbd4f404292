"""Adapter: rule ``summarise_scores`` calls `earshift.stages.statistics`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.evaluation import protocol
from earshift.stages.statistics import discrepancy_summary, scorecard, summary

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    params = snakemake.params
    resampling = params.statistics | {"seed": params.seed}
    more = {"rope": resampling.pop("rope"), "balance": params.balance}
    summary.collect_scores(
        [Path(table) for table in snakemake.input.scores], Path(snakemake.output.scores)
    )
    summary.summarise(
        [Path(table) for table in snakemake.input.clip_scores],
        params.methods,
        **resampling,
        **more,
        study=protocol.study_of(snakemake.config["study"]),
        out={name: Path(snakemake.output[name]) for name in summary.TABLES},
    )
    discrepancy_summary.summarise_discrepancy(
        [Path(table) for table in snakemake.input.domain_scores],
        [Path(table) for table in snakemake.input.sizes],
        params.methods,
        snakemake.config["discrepancy"],
        **resampling,
        out=Path(snakemake.output.discrepancy),
        curve=Path(snakemake.output.curve),
        null=Path(snakemake.output.null),
    )
    scorecard.write_scorecard(
        {name: Path(snakemake.output[name]) for name in summary.TABLES},
        Path(snakemake.output.discrepancy),
        rope=params.statistics["rope"],
        out=Path(snakemake.output.scorecard),
    )
