"""Adapter: rule ``fetch_weights`` calls `earshift.downloads.fetch.fetch_marked`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.downloads import catalogue, fetch

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    # Of the config, not a param: a changed mirror must not fetch anything again.
    downloads = snakemake.config["downloads"]
    fetch.fetch_marked(
        catalogue.weights()[snakemake.wildcards.file],
        Path(snakemake.output.verified),
        mirror=downloads["mirror"],
        offline=downloads["offline"],
    )
