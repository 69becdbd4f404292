"""Adapter: rule ``repair`` calls `earshift.stages.embeddings.store_audit.repair`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.stages.embeddings import store_audit

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    store_audit.repair([Path(table) for table in snakemake.input])
