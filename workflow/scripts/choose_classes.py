"""Adapter: rule ``choose_classes`` calls `earshift.classes.choose_classes`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import classes, jobs

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.logged(snakemake.log[0]):
    draws = snakemake.input.draws
    classes.choose_classes(
        [
            {"name": name, "labels": labels, "splits": splits}
            for name, labels, splits in zip(
                snakemake.params.datasets,
                snakemake.input.labels,
                snakemake.input.splits,
                strict=True,
            )
        ],
        snakemake.params.asked,
        Path(snakemake.output.classes),
        n_inner_folds=snakemake.params.n_inner_folds,
        draws=Path(draws) if draws else None,
    )
