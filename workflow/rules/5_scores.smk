"""Stage 5, scores: cross-validate within and across datasets, in parallel with Dask.

Reads   {results}/3_features, {results}/4_splits
Writes  {results}/5_scores/{model}/{condition}.parquet (per clip), .csv (per cell)
"""


rule cross_validate:
    """Score every method and pair of datasets for one model; done tasks are kept."""
    input:
        domain_files,
        classes=rules.choose_classes.output.classes,
        draws=draws_file,
    output:
        clip_scores=f"{RESULTS}/5_scores/{{model}}/{{condition}}.parquet",
        scores=f"{RESULTS}/5_scores/{{model}}/{{condition}}.csv",
    log:
        f"logs/{RESULTS}/cross_validate/{{model}}/{{condition}}.log",
    benchmark:
        f"logs/{RESULTS}/cross_validate/{{model}}/{{condition}}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 8
    resources:
        mem_mb=4_000,
        runtime="4h",
    params:
        entries=domain_entries,
        versions={"stage": versions.SCORES} | method_versions(),
        parts=f"{RESULTS}/5_scores/{{model}}/{{condition}}.parts",
        methods=config["methods"],
        scopes=config["scopes"],
        protocol=config["protocol"],
        classifier=config["classifier"],
        seed=config["seed"],
    script:
        "../scripts/cross_validate.py"
