"""Adapter: rule ``preflight`` calls `earshift.slurm.preflight.check_all`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.errors import ClusterError
from earshift.slurm import preflight
from earshift.slurm.site import Site

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    if not preflight.check_all(
        Site.read(),
        [preflight.Request(**each) for each in snakemake.params.requests],
        Path(snakemake.params.results),
    ):
        raise ClusterError("a run would fail: fix what is marked FAIL above")
