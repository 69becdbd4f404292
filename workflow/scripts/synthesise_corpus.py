"""Adapter: rule ``synthesise_corpus`` calls `earshift.miniature.synthesise`."""

from typing import TYPE_CHECKING

from earshift import jobs, miniature

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with (
    jobs.logged(snakemake.log[0], snakemake.threads, snakemake.resources),
    jobs.whole_folder(snakemake.output.folder) as folder,
):
    miniature.synthesise(snakemake.wildcards.corpus, folder, seed=snakemake.params.seed)
