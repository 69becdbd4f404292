"""Adapter: rule ``synthesise_corpus`` calls `earshift.miniature.synthesise`."""

from typing import TYPE_CHECKING

from earshift import files, jobs, miniature

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with (
    jobs.running(snakemake),
    files.whole_folder(snakemake.output.folder) as folder,
):
    miniature.synthesise(snakemake.wildcards.corpus, folder, seed=snakemake.params.seed)
