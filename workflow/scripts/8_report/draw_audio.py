"""Adapter: rule ``draw_audio`` calls `earshift.audit_figures.draw_audio`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import audit_figures, jobs

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    audit_figures.draw_audio(
        Path(snakemake.input.tables[0]).parent, Path(snakemake.output.svg)
    )
