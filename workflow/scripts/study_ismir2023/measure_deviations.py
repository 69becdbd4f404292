"""Adapter: rule ``measure_deviations`` calls `paper.deviations`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.studies.ismir2023 import paper
from earshift.workers.start import Spread

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

# Dask starts its workers by importing this file again.
if __name__ == "__main__":
    with jobs.running(snakemake):
        paper.deviations(
            model=snakemake.wildcards.model,
            condition=snakemake.wildcards.condition,
            entries=snakemake.params.entries,
            corrected=snakemake.params.corrected,
            subgroups=snakemake.params.subgroups,
            classes=Path(snakemake.input.classes),
            draws=Path(snakemake.input.draws),
            methods=snakemake.params.methods,
            scopes=snakemake.params.scopes,
            seed=snakemake.params.seed,
            n_workers=snakemake.threads,
            spread=Spread.of(snakemake.config["workers"]),
            parts=Path(snakemake.params.parts),
            out=Path(snakemake.output.deviations),
        )
