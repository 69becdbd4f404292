"""Adapter: rule ``write_report`` calls `earshift.stages.report.page.write_report`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import import_path, jobs
from earshift.stages.report import page

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    page.write_report(
        Path(snakemake.output.page).parent,
        snakemake.params.config,
        snakemake.params.versions,
        template=import_path.PROJECT / "workflow" / "report" / "page.html.j2",
        out=Path(snakemake.output.page),
    )
