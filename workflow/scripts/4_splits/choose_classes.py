"""Adapter: rule ``choose_classes`` calls `classes.choose_classes`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.evaluation import protocol
from earshift.stages.splits import classes

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    classes.choose_classes(
        snakemake.params.entries,
        snakemake.params.asked,
        Path(snakemake.output.classes),
        n_inner_folds=snakemake.params.n_inner_folds,
        study=protocol.study_of(snakemake.config["study"]),
    )
