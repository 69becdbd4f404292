"""Stage 0, miniature corpora: synthesise the datasets of the default experiment.

Writes  resources/miniature/{corpus}/, in the official layouts of IRMAS and OpenMIC-2018
"""


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
        "../scripts/synthesise_corpus.py"
