"""Stage 4, splits: which clips train, which test, and which classes can be used.

Reads   {results}/1_clips/{dataset}.parquet
Writes  {results}/4_splits/{dataset}.parquet, {results}/4_splits/classes.csv
"""


rule make_splits:
    """Draw folds of whole recordings, or take the official split."""
    input:
        table=f"{RESULTS}/1_clips/{{dataset}}.parquet",
    output:
        splits=f"{RESULTS}/4_splits/{{dataset}}.parquet",
    log:
        f"logs/{RESULTS}/make_splits/{{dataset}}.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1_000,
        runtime="30m",
    params:
        versions={"stage": versions.SPLITS},
        splits=config["splits"],
        seed=config["seed"],
    script:
        "../scripts/make_splits.py"


rule choose_classes:
    """Say which classes every dataset can train and test."""
    input:
        tables=expand(
            f"{RESULTS}/1_clips/{{dataset}}.parquet", dataset=config["datasets"]
        ),
        splits=expand(
            f"{RESULTS}/4_splits/{{dataset}}.parquet", dataset=config["datasets"]
        ),
    output:
        classes=f"{RESULTS}/4_splits/classes.csv",
    log:
        f"logs/{RESULTS}/choose_classes.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1_000,
        runtime="30m",
    params:
        versions={"stage": versions.SPLITS},
        datasets=list(config["datasets"]),
        asked=config["classes"],
        n_inner_folds=config["classifier"]["n_inner_folds"],
    script:
        "../scripts/choose_classes.py"
