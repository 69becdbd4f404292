"""Adapter: rule ``audit_datasets`` calls `dataset_audit.audit_datasets`."""

from pathlib import Path
from typing import TYPE_CHECKING

from earshift import jobs
from earshift.stages.clips import dataset_audit

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with jobs.running(snakemake):
    names = snakemake.params.names
    dataset_audit.audit_datasets(
        dict(zip(names, map(Path, snakemake.input.tables), strict=True)),
        dict(zip(names, map(Path, snakemake.input.audits), strict=True)),
        Path(snakemake.input.duplicates),
        Path(snakemake.output.audit).parent,
        n_resamples=snakemake.params.statistics["n_resamples"],
        confidence=snakemake.params.statistics["confidence"],
        seed=snakemake.params.seed,
    )
