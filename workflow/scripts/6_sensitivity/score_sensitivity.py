"""Adapter: rule ``score_sensitivity`` calls `scoring.score_sensitivity`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.evaluation import protocol
from earshift.stages.sensitivity import scoring
from earshift.workers.start import Spread

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

# Dask starts its workers by importing this file again.
if __name__ == "__main__":
    with jobs.running(snakemake):
        spread = Spread.of(snakemake.config["workers"])
        params = snakemake.params
        study = protocol.study_of(snakemake.config["study"])
        scoring.score_sensitivity(
            **dict(snakemake.wildcards.items()),
            features=params.features,
            labels=snakemake.input.labels,
            splits=snakemake.input.splits,
            classes=Path(snakemake.input.classes),
            methods=params.methods,
            protocol=study.protocol(params.protocol),
            classifier=snakemake.config["classifier"],
            n_refits=params.n_refits,
            seed=params.seed,
            n_workers=spread.n_workers(snakemake.threads),
            spread=spread,
            parts=Path(params.parts),
            clip_scores=Path(snakemake.output.clip_scores),
        )
