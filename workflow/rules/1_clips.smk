"""Stage 1, clips: list each dataset's clips, decode each once, and audit them.

Reads   the folder of each dataset
Writes  {results}/1_clips/{dataset}.list.parquet, which lists the clips as the adapter
        does; {dataset}.keys/{share}.parquet, one for each job that decodes files;
        {dataset}.{parquet,audit.csv,measures.parquet,excerpts.npy};
        duplicates.csv, and the tables of the audit beside it
"""


checkpoint list_clips:
    """List the clips of a dataset, with labels; nothing is decoded."""
    input:
        of(job_inputs.dataset_files),
    output:
        listing=f"{RESULTS}/{layout.CLIP_LIST}",
        notes=f"{RESULTS}/{layout.CLIP_NOTES}",
    log:
        f"{LOGS}/list_clips/{{dataset}}.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=2_000,
        runtime="1h",
    params:
        versions=of(job_versions.dataset_versions),
        entry=of(job_params.listed_entry),
    script:
        "../scripts/1_clips/list_clips.py"


rule inspect_files:
    """Decode one share of a dataset's files, and measure what is in them."""
    input:
        listing=rules.list_clips.output.listing,
        # It says when: a list that is made anew looks at the files anew, even if it is
        # the same, which Snakemake would take for no change.
        notes=rules.list_clips.output.notes,
    output:
        inspected=f"{RESULTS}/{layout.SHARE}",
    log:
        f"{LOGS}/inspect_files/{{dataset}}/{{share}}.log",
    benchmark:
        f"{LOGS}/inspect_files/{{dataset}}/{{share}}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 2
    resources:
        mem_mb=2_000,
        runtime="4h",
    params:
        versions={"stage": versions.CLIPS},
        shares=lambda wildcards: {"shares": n_shares(wildcards)},
        parts=f"{RESULTS}/{layout.CLIP_PARTS}",
    script:
        "../scripts/1_clips/inspect_files.py"


rule gather_clips:
    """Write the clip table, and say which clips cannot be used."""
    input:
        listing=rules.list_clips.output.listing,
        notes=rules.list_clips.output.notes,
        inspected=inspected_shares,
    output:
        table=f"{RESULTS}/{layout.CLIPS}",
        audit=f"{RESULTS}/{layout.CLIP_AUDIT}",
        measures=f"{RESULTS}/{layout.MEASURES}",
        excerpts=f"{RESULTS}/{layout.EXCERPTS}",
    log:
        f"{LOGS}/gather_clips/{{dataset}}.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=more_on_retry(4_000),
        runtime="1h",
    params:
        versions={"stage": versions.CLIPS},
        max_bad_clips=config["max_bad_clips"],
    script:
        "../scripts/1_clips/gather_clips.py"


rule find_duplicates:
    """Find clips that are the same sound, within and across datasets."""
    input:
        tables=per_dataset(rules.gather_clips.output.table),
        measures=per_dataset(rules.gather_clips.output.measures),
        excerpts=per_dataset(rules.gather_clips.output.excerpts),
    output:
        duplicates=f"{RESULTS}/{layout.DUPLICATES}",
    log:
        f"{LOGS}/find_duplicates.log",
    benchmark:
        f"{LOGS}/find_duplicates.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 4
    resources:
        mem_mb=more_on_retry(8_000),
        runtime="4h",
    params:
        versions={"stage": versions.AUDIT},
        names=list(config["datasets"]),
    script:
        "../scripts/1_clips/find_duplicates.py"


rule audit_datasets:
    """Count what the datasets hold and what is wrong with them."""
    input:
        tables=per_dataset(rules.gather_clips.output.table),
        audits=per_dataset(rules.gather_clips.output.audit),
        measures=per_dataset(rules.gather_clips.output.measures),
        duplicates=rules.find_duplicates.output.duplicates,
    output:
        audit=report(
            f"{RESULTS}/{layout.DATASET_AUDIT}",
            caption="../report/audit_table.rst",
            category="Audit",
            labels={"table": "faults of each dataset"},
        ),
        tables=[f"{RESULTS}/{table}" for table in layout.AUDIT_TABLES],
    log:
        f"{LOGS}/audit_datasets.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=more_on_retry(4_000),
        runtime="1h",
    params:
        versions={"stage": versions.AUDIT},
        names=list(config["datasets"]),
        statistics=config["statistics"],
        seed=config["seed"],
    script:
        "../scripts/1_clips/audit_datasets.py"
