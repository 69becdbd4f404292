"""Adapter: rule ``draw_few_labels`` calls `labels.draw_label_curves`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.stages.report.figures import labels

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    labels.draw_label_curves(
        Path(snakemake.input.curves),
        Path(snakemake.input.summary),
        Path(snakemake.output.svg),
    )
