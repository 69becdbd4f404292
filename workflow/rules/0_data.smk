"""Stage 0, data: fetch what others publish, once, and synthesise miniature corpora.

Reads   resources/weights.yaml, resources/datasets.yaml, the addresses in them
Writes  resources/downloads/weights/{file}.sha256 and
        resources/downloads/datasets/archives/{file}.sha256, which say that {file}
        beside them is there and was verified;
        resources/downloads/datasets/{source}.json, which says that all files of the
        dataset are unpacked in the folder {source} beside it;
        resources/miniature/{corpus}/, in the official layouts of IRMAS and OpenMIC-2018
"""

import re

from earshift.downloads import catalogue

WEIGHTS = catalogue.weights_folder()
DATASETS = catalogue.datasets_folder()


rule fetch_weights:
    """Fetch one registered file, or verify the one that is there."""
    output:
        # The file itself is no output: Snakemake would delete it before the job, and
        # put a bad one back after it.
        verified=f"{WEIGHTS}/{{file}}.sha256",
    log:
        "logs/fetch_weights/{file}.log",
    wildcard_constraints:
        file="|".join(map(re.escape, catalogue.weights())),
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    script:
        "../scripts/0_data/fetch_weights.py"


rule weights:
    """Fetch or verify what the experiment's models need of the register."""
    input:
        of(job_inputs.registered_weights),
    localrule: True


rule fetch_archive:
    """Fetch one registered file of a dataset, or verify the one that is there."""
    output:
        # As for weights, the file itself is no output. It may be deleted once unpacked.
        verified=f"{DATASETS}/{catalogue.ARCHIVES}/{{file}}.sha256",
    log:
        "logs/fetch_archive/{file}.log",
    wildcard_constraints:
        file="|".join(
            re.escape(e.name) for f in EXPERIMENT.unpacked.values() for e in f
        ),
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    script:
        "../scripts/0_data/fetch_archive.py"


rule unpack_dataset:
    """Unpack the files of a registered dataset into one folder."""
    input:
        of(job_inputs.verified_archives),
    output:
        # The folder is no output: Snakemake would delete it before the job.
        marker=f"{DATASETS}/{{source}}.json",
    log:
        "logs/unpack_dataset/{source}.log",
    wildcard_constraints:
        source="|".join(re.escape(folder.name) for folder in EXPERIMENT.unpacked),
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1_000,
        runtime="4h",
    script:
        "../scripts/0_data/unpack_dataset.py"


rule data:
    """Fetch and unpack what the experiment's datasets need of the register."""
    input:
        job_inputs.unpacked_marks(EXPERIMENT),
    localrule: True


rule synthesise_corpus:
    """Synthesise one miniature corpus, with its planted shift (docs/miniature.md)."""
    output:
        folder=directory("resources/miniature/{corpus}"),
    log:
        "logs/synthesise_corpus/{corpus}.log",
    wildcard_constraints:
        corpus="irmas|openmic",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1_000,
        runtime="10m",
    params:
        versions={"stage": versions.MINIATURE},
        seed=config["miniature"]["seed"],
    script:
        "../scripts/0_data/synthesise_corpus.py"
