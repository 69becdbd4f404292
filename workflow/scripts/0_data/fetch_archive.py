"""Adapter: rule ``fetch_archive`` calls `unpacking.fetch_archive`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.downloads import catalogue, unpacking

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    # Of the config, not a param: a changed mirror must not fetch anything again.
    downloads = snakemake.config["downloads"]
    unpacking.fetch_archive(
        catalogue.datasets(downloads["register"])[snakemake.wildcards.file],
        Path(snakemake.output.verified),
        mirror=downloads["mirror"],
        offline=downloads["offline"],
    )
