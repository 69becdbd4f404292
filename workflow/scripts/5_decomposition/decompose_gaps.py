"""Adapter: rule ``decompose_gaps`` calls `gaps.decompose_gaps`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.evaluation import protocol
from earshift.stages.decomposition import gaps
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
        gaps.decompose_gaps(
            model=snakemake.wildcards.model,
            condition=snakemake.wildcards.condition,
            entries=params.entries,
            classes=Path(snakemake.input.classes),
            methods=params.methods,
            options=params.options,
            protocol=study.protocol(params.protocol),
            classifier=snakemake.config["classifier"],
            splits=params.splits,
            statistics=params.statistics,
            seed=params.seed,
            n_workers=spread.n_workers(snakemake.threads),
            spread=spread,
            parts=Path(params.parts),
            gaps=Path(snakemake.output.gaps),
            checks=Path(snakemake.output.checks),
        )
