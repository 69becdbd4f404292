"""Stage 1, clips: list each dataset's clips and decode each once.

Reads   the folder of each dataset
Writes  {results}/1_clips/{dataset}.parquet, {dataset}.audit.csv
"""


rule list_clips:
    """List the clips of a dataset, with labels, and say which cannot be used."""
    input:
        dataset_files,
    output:
        table=f"{RESULTS}/1_clips/{{dataset}}.parquet",
        audit=f"{RESULTS}/1_clips/{{dataset}}.audit.csv",
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
