"""Stage 4, splits: labels for shared classes, and which clips train and which test.

Reads   {results}/1_clips/{dataset}.parquet, the alignment file
Writes  {results}/4_splits/{dataset}.labels.parquet, {dataset}.parquet, classes.csv, and,
        if the training clips are balanced, draws.parquet
"""


rule align_labels:
    """Map a dataset's own labels to the classes of the experiment."""
    input:
        table=f"{RESULTS}/1_clips/{{dataset}}.parquet",
        alignment=alignment_file,
    output:
        labels=f"{RESULTS}/4_splits/{{dataset}}.labels.parquet",
    log:
        f"logs/{RESULTS}/align_labels/{{dataset}}.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1_000,
        runtime="30m",
    params:
        versions={"stage": versions.SPLITS},
        plugin=lambda wildcards: dataset_entry(wildcards)["plugin"],
        subgroups=config["subgroups"],
        kind=config["splits"]["kind"],
    script:
        "../scripts/align_labels.py"


rule make_splits:
    """Draw folds of whole recordings, or take the official ones."""
    input:
        labels=per_dataset(rules.align_labels.output.labels),
    output:
        splits=per_dataset(f"{RESULTS}/4_splits/{{dataset}}.parquet"),
    log:
        f"logs/{RESULTS}/make_splits.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1_000,
        runtime="30m",
    params:
        versions={"stage": versions.SPLITS},
        datasets=list(config["datasets"]),
        splits=split_options(),
        seed=config["seed"],
    script:
        "../scripts/make_splits.py"


rule draw_balanced:
    """Draw training clips, balanced between the datasets, for each class and fold."""
    input:
        labels=per_dataset(rules.align_labels.output.labels),
        splits=rules.make_splits.output.splits,
    output:
        draws=f"{RESULTS}/4_splits/draws.parquet",
    log:
        f"logs/{RESULTS}/draw_balanced.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2_000,
        runtime="1h",
    params:
        versions={"stage": versions.SPLITS},
        datasets=list(config["datasets"]),
        balance={"balance": BALANCE},
        subgroups=config["subgroups"],
        seed=config["seed"],
    script:
        "../scripts/draw_balanced.py"


rule choose_classes:
    """Say which classes every dataset can train and test."""
    input:
        labels=per_dataset(rules.align_labels.output.labels),
        splits=rules.make_splits.output.splits,
        draws=draws_file,
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
