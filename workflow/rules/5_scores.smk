"""Stage 5, scores: cross-validate within and across datasets, in parallel with Dask.

Reads   {results}/3_features, {results}/4_splits
Writes  {results}/5_scores/{protocol}/{model}/{condition}.parquet (per clip), .csv (per
        cell), .directions.parquet (what was removed, and what classifiers look for)

Where workers run (`workers` in the config) is no param: it changes no result.
"""


rule cross_validate:
    """Score every method and pair of datasets for one model; done tasks are kept."""
    input:
        of(job_entries.domain_files),
        classes=rules.choose_classes.output.classes,
        draws=of(job_entries.draws_file),
    output:
        clip_scores=f"{RESULTS}/{layout.CLIP_SCORES}",
        scores=f"{RESULTS}/{layout.SCORES}",
        directions=f"{RESULTS}/{layout.DIRECTIONS}",
    log:
        f"{LOGS}/cross_validate/{{protocol}}/{{model}}/{{condition}}.log",
    benchmark:
        f"{LOGS}/cross_validate/{{protocol}}/{{model}}/{{condition}}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: config["workers"]["per_node"]
    resources:
        **job_resources.worker_resources(EXPERIMENT),
        runtime="4h",
    params:
        entries=of(job_entries.domain_entries),
        versions=of(job_versions.score_versions),
        parts=f"{RESULTS}/{layout.SCORE_PARTS}",
        methods=config["methods"],
        scopes=config["scopes"],
        fit=config["fit"],
        n_refits=config["statistics"]["n_refits"],
        classifier=classifiers.recorded(config["classifier"]),
        seed=config["seed"],
    script:
        "../scripts/5_scores/cross_validate.py"
