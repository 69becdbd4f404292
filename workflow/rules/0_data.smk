"""Stage 0, downloads: bring what others publish, once, and verify it.

Reads   resources/weights.yaml, resources/datasets.yaml, the addresses in them
Writes  resources/downloads/weights/{file}.sha256 and
        resources/downloads/datasets/archives/{file}.sha256, which say that {file}
        beside them is there and was verified;
        resources/downloads/datasets/{source}.json, which says that all files of the
        dataset are unpacked in the folder {source} beside it
"""

import re

from earshift import register

WEIGHTS = register.weights_folder()
DATASETS = register.datasets_folder()


rule fetch_weights:
    """Fetch one registered file, or verify the one that is there."""
    output:
        # The file itself is no output: Snakemake would delete it before the job, and
        # put a bad one back after it.
        verified=f"{WEIGHTS}/{{file}}.sha256",
    log:
        "logs/fetch_weights/{file}.log",
    wildcard_constraints:
        file="|".join(map(re.escape, register.weights())),
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    script:
        "../scripts/fetch_weights.py"


rule weights:
    """Fetch or verify what the experiment's models need of the register."""
    input:
        lambda wildcards: [
            file
            for model in COMPUTED
            for file in verified_weights(SimpleNamespace(model=model))
            if Path(file).parent == WEIGHTS
        ],
    localrule: True


rule fetch_archive:
    """Fetch one registered file of a dataset, or verify the one that is there."""
    output:
        # As for weights, the file itself is no output. It may be deleted once unpacked.
        verified=f"{DATASETS}/{register.ARCHIVES}/{{file}}.sha256",
    log:
        "logs/fetch_archive/{file}.log",
    wildcard_constraints:
        file="|".join(re.escape(e.name) for f in UNPACKED.values() for e in f),
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    script:
        "../scripts/fetch_archive.py"


rule unpack_dataset:
    """Unpack the files of a registered dataset into one folder."""
    input:
        verified_archives,
    output:
        # The folder is no output: Snakemake would delete it before the job.
        marker=f"{DATASETS}/{{source}}.json",
    log:
        "logs/unpack_dataset/{source}.log",
    wildcard_constraints:
        source="|".join(re.escape(folder.name) for folder in UNPACKED),
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1_000,
        runtime="4h",
    script:
        "../scripts/unpack_dataset.py"


rule data:
    """Fetch and unpack what the experiment's datasets need of the register."""
    input:
        unpacked_markers(),
    localrule: True
