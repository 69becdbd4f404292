"""Adapter: rule ``fetch_weights`` calls `earshift.fetch.fetch`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import fetch, jobs, register

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.logged(snakemake.log[0]):
    verified = Path(snakemake.output.verified)
    file = verified.with_suffix("")
    # Of the config, not a param: a changed mirror must not fetch anything again.
    downloads = snakemake.config["downloads"]
    fetch.fetch(register.weights()[file.name], file, **downloads)
    with jobs.whole_file(verified) as temporary:
        temporary.write_text(f"{jobs.file_hash(file)}  {file.name}\n")
