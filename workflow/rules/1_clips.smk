"""Stage 1, clips: list each dataset's clips, decode each once, and audit them.

Reads   the folder of each dataset
Writes  {results}/1_clips/{dataset}.{parquet,audit.csv,measures.parquet,excerpts.npy},
        {results}/1_clips/duplicates.csv, and the tables of the audit beside it
"""


rule list_clips:
    """List the clips of a dataset, with labels, and say which cannot be used."""
    input:
        dataset_files,
    output:
        table=f"{RESULTS}/1_clips/{{dataset}}.parquet",
        audit=f"{RESULTS}/1_clips/{{dataset}}.audit.csv",
        measures=f"{RESULTS}/1_clips/{{dataset}}.measures.parquet",
        excerpts=f"{RESULTS}/1_clips/{{dataset}}.excerpts.npy",
    log:
        f"logs/{RESULTS}/list_clips/{{dataset}}.log",
    benchmark:
        f"logs/{RESULTS}/list_clips/{{dataset}}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 2
    resources:
        mem_mb=2_000,
        runtime="4h",
    params:
        versions=dataset_versions,
        entry=dataset_entry,
        max_bad_clips=config["max_bad_clips"],
    script:
        "../scripts/list_clips.py"


rule find_duplicates:
    """Find clips that are the same sound, within and across datasets."""
    input:
        tables=per_dataset(rules.list_clips.output.table),
        measures=per_dataset(rules.list_clips.output.measures),
        excerpts=per_dataset(rules.list_clips.output.excerpts),
    output:
        duplicates=f"{RESULTS}/1_clips/duplicates.csv",
    log:
        f"logs/{RESULTS}/find_duplicates.log",
    benchmark:
        f"logs/{RESULTS}/find_duplicates.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 4
    resources:
        mem_mb=8_000,
        runtime="4h",
    params:
        versions={"stage": versions.AUDIT},
        names=list(config["datasets"]),
    script:
        "../scripts/find_duplicates.py"


rule audit_datasets:
    """Count what the datasets hold and what is wrong with them."""
    input:
        tables=per_dataset(rules.list_clips.output.table),
        audits=per_dataset(rules.list_clips.output.audit),
        measures=per_dataset(rules.list_clips.output.measures),
        duplicates=rules.find_duplicates.output.duplicates,
    output:
        audit=report(
            f"{RESULTS}/1_clips/audit.csv",
            caption="../report/audit_table.rst",
            category="Audit",
            labels={"table": "faults of each dataset"},
        ),
        tables=[
            f"{RESULTS}/1_clips/{name}.csv"
            for name in (
                *("counts", "both_sides", "formats"),
                *("spectra", "distributions", "cues"),
            )
        ],
    log:
        f"logs/{RESULTS}/audit_datasets.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=4_000,
        runtime="1h",
    params:
        versions={"stage": versions.AUDIT},
        names=list(config["datasets"]),
        statistics=config["statistics"],
        seed=config["seed"],
    script:
        "../scripts/audit_datasets.py"
