"""Adapter: rule ``unpack_dataset`` calls `unpacking.unpack_dataset`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.downloads import catalogue, unpacking

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    own = snakemake.config["downloads"]["register"]
    unpacking.unpack_dataset(
        catalogue.archives(snakemake.wildcards.source, own),
        Path(snakemake.output.marker),
    )
