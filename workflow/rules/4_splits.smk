"""Stage 4, splits: labels for shared classes, and which clips train and which test.

Reads   {results}/1_clips/{dataset}.parquet and duplicates.csv, the alignment file
Writes  {results}/4_splits/{dataset}.labels.parquet, {dataset}.parquet, the part of both
        that each protocol uses in {protocol}/, groups.parquet, shared.csv, classes.csv,
        and, if the training clips are balanced, draws.{protocol}.parquet
"""


rule align_labels:
    """Map a dataset's own labels to the classes of the experiment."""
    input:
        table=f"{RESULTS}/{layout.CLIPS}",
    output:
        labels=f"{RESULTS}/{layout.ALL_LABELS}",
    log:
        f"{LOGS}/align_labels/{{dataset}}.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1_000,
        runtime="30m",
    params:
        versions={"stage": versions.SPLITS} | STUDY_VERSION,
        plugin=of(job_params.dataset_plugin),
        subgroups=config["subgroups"],
        used_by=PROTOCOLS,
        kind=config["splits"]["kind"],
        contents=job_versions.alignment_contents(EXPERIMENT),
    script:
        "../scripts/4_splits/align_labels.py"


rule make_splits:
    """Draw common folds of whole recordings, or take the official ones."""
    input:
        labels=per_dataset(rules.align_labels.output.labels),
        duplicates=job_inputs.copies_file(EXPERIMENT),
    output:
        splits=per_dataset(f"{RESULTS}/{layout.ALL_SPLITS}"),
        groups=f"{RESULTS}/{layout.GROUPS}",
        shared=f"{RESULTS}/{layout.SHARED}",
    log:
        f"{LOGS}/make_splits.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=more_on_retry(2_000),
        runtime="30m",
    params:
        versions={"stage": versions.SPLITS},
        datasets=list(config["datasets"]),
        splits=job_params.split_options(EXPERIMENT),
        namespaces=job_params.namespaces(EXPERIMENT),
        seed=config["seed"],
    script:
        "../scripts/4_splits/make_splits.py"


rule select_clips:
    """Take the clips of one protocol, in subgroups by its map."""
    input:
        labels=rules.make_splits.input.labels,
        splits=rules.make_splits.output.splits,
        groups=rules.make_splits.output.groups,
    output:
        labels=per_dataset(f"{RESULTS}/{layout.LABELS}"),
        splits=per_dataset(f"{RESULTS}/{layout.SPLITS}"),
    log:
        f"{LOGS}/select_clips/{{protocol}}.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1_000,
        runtime="30m",
    params:
        versions=of(job_versions.split_versions),
        datasets=list(config["datasets"]),
        subgroups=config["subgroups"],
    script:
        "../scripts/4_splits/select_clips.py"


rule draw_balanced:
    """Draw training clips, balanced between the datasets, for each class and fold."""
    input:
        labels=rules.select_clips.output.labels,
        splits=rules.select_clips.output.splits,
    output:
        draws=f"{RESULTS}/{layout.DRAWS}",
    log:
        f"{LOGS}/draw_balanced/{{protocol}}.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2_000,
        runtime="1h",
    params:
        versions=of(job_versions.split_versions),
        datasets=list(config["datasets"]),
        balance=of(job_params.balance),
        subgroups=config["subgroups"],
        seed=config["seed"],
    script:
        "../scripts/4_splits/draw_balanced.py"


rule choose_classes:
    """Say which classes every dataset can train and test, in all protocols."""
    input:
        job_entries.class_files(EXPERIMENT),
    output:
        classes=f"{RESULTS}/{layout.CLASSES}",
    log:
        f"{LOGS}/choose_classes.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1_000,
        runtime="30m",
    params:
        versions={"stage": versions.SPLITS} | STUDY_VERSION,
        entries=job_entries.class_entries(EXPERIMENT),
        asked=config["classes"],
        n_inner_folds=config["classifier"]["n_inner_folds"],
    script:
        "../scripts/4_splits/choose_classes.py"
