"""Adapter: rule ``cross_validate`` calls `cross_validation.cross_validate`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.evaluation import protocol
from earshift.stages.scores import cross_validation
from earshift.workers.start import Spread

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

# Dask starts its workers by importing this file again.
if __name__ == "__main__":
    with jobs.running(snakemake):
        draws = snakemake.input.draws
        spread = Spread.of(snakemake.config["workers"])
        study = protocol.study_of(snakemake.config["study"])
        cross_validation.cross_validate(
            model=snakemake.wildcards.model,
            condition=snakemake.wildcards.condition,
            entries=snakemake.params.entries,
            classes=Path(snakemake.input.classes),
            draws=Path(draws) if draws else None,
            methods=snakemake.params.methods,
            scopes=snakemake.params.scopes,
            protocol=study.protocol(snakemake.wildcards.protocol),
            classifier=snakemake.config["classifier"],
            fit=snakemake.params.fit,
            n_refits=snakemake.params.n_refits,
            seed=snakemake.params.seed,
            n_workers=spread.n_workers(snakemake.threads),
            spread=spread,
            parts=Path(snakemake.params.parts),
            clip_scores=Path(snakemake.output.clip_scores),
            scores=Path(snakemake.output.scores),
            directions=Path(snakemake.output.directions),
        )
