"""Adapter: rule ``draw_audio`` calls `audio.draw_audio`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.stages.report.figures import audio

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    audio.draw_audio(Path(snakemake.input.tables[0]).parent, Path(snakemake.output.svg))
