"""Adapter: rule ``tabulate_study`` calls `study_tables` and `study_data`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.studies.ismir2023 import figure_data, tables

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    results = Path(snakemake.input.scores).parents[1]
    out = Path(snakemake.output.main).parent
    methods = snakemake.params.methods
    tables.write_tables(results, methods, out)
    figure_data.write_data(
        results,
        snakemake.params.protocols,
        snakemake.params.datasets,
        methods,
        [Path(table) for table in snakemake.input.directions],
        out,
    )
