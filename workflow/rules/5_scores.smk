"""Stage 5, scores: cross-validate within and across datasets, in parallel with Dask.

Reads   {results}/3_features, {results}/4_splits
Writes  {results}/5_scores/{protocol}/{model}/{condition}.parquet (per clip), .csv (per
        cell), .directions.parquet (what was removed, and what classifiers look for);
        for the protocol paper .deviations.csv, if asked for

Where workers run (`workers` in the config) is no param: it changes no result.
"""

CELLS = f"{RESULTS}/5_scores/{{protocol}}/{{model}}/{{condition}}"


rule cross_validate:
    """Score every method and pair of datasets for one model; done tasks are kept."""
    input:
        domain_files,
        classes=rules.choose_classes.output.classes,
        draws=draws_file,
    output:
        clip_scores=f"{CELLS}.parquet",
        scores=f"{CELLS}.csv",
        directions=f"{CELLS}.directions.parquet",
    log:
        f"{LOGS}/cross_validate/{{protocol}}/{{model}}/{{condition}}.log",
    benchmark:
        f"{LOGS}/cross_validate/{{protocol}}/{{model}}/{{condition}}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: config["workers"]["per_node"]
    resources:
        **worker_resources(),
        runtime="4h",
    params:
        entries=domain_entries,
        versions=versions_with_methods(stage=versions.SCORES),
        parts=f"{CELLS}.parts",
        methods=config["methods"],
        scopes=config["scopes"],
        classifier=classifiers.recorded(config["classifier"]),
        seed=config["seed"],
    script:
        "../scripts/cross_validate.py"


rule measure_deviations:
    """Mend each fault of the published code alone, and score that for one model."""
    input:
        domain_files,
        corrected_files,
        classes=rules.choose_classes.output.classes,
        draws=rules.draw_balanced.output.draws,
        # Not read: what it computes is needed first, and by more.
        scores=rules.cross_validate.output.scores,
    output:
        deviations=f"{CELLS}.deviations.csv",
    log:
        f"{LOGS}/measure_deviations/{{protocol}}/{{model}}/{{condition}}.log",
    benchmark:
        f"{LOGS}/measure_deviations/{{protocol}}/{{model}}/{{condition}}.tsv"
    wildcard_constraints:
        protocol="paper",
    conda:
        "../../envs/analysis.yaml"
    threads: config["workers"]["per_node"]
    resources:
        **worker_resources(),
        runtime="12h",
    params:
        entries=domain_entries,
        corrected=corrected_entries,
        versions=versions_with_methods(
            stage=versions.SCORES, mended=versions.DEVIATIONS
        ),
        parts=f"{CELLS}.deviations.parts",
        methods=config["methods"],
        scopes=config["scopes"],
        subgroups=config["subgroups"],
        seed=config["seed"],
    script:
        "../scripts/measure_deviations.py"
