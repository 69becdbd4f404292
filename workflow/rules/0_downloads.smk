"""Stage 0, downloads: bring what others publish, once, and verify it.

Reads   resources/weights.yaml, the addresses in it
Writes  resources/downloads/weights/{file}.sha256, which says that {file} beside it is
        there and was verified
"""

import re
from types import SimpleNamespace

from earshift import register

WEIGHTS = register.weights_folder()


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
            for model in config["models"]
            for file in verified_weights(SimpleNamespace(model=model))
            if Path(file).parent == WEIGHTS
        ],
    localrule: True
