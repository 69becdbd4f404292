"""Adapter: rule ``preflight`` calls `earshift.preflight.check_all`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs, preflight
from earshift.errors import ClusterError
from earshift.site import Site

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    if not preflight.check_all(
        Site.read(),
        [preflight.Request(**each) for each in snakemake.params.requests],
        Path(snakemake.params.results),
    ):
        raise ClusterError("a run would fail: mend what is marked FAIL above")
