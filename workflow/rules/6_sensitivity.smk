"""Stage 6, sensitivity: how embeddings move when audio changes, if `sensitivity` asks.

Reads   {results}/3_features, {results}/4_splits
Writes  {results}/6_sensitivity/{dataset}/{model}/{family}{,.scores}.parquet,
        {results}/tables/{sensitivity,sensitivity_scores,robustness}.csv
"""


rule measure_sensitivity:
    """Compare the features of changed clips with those of the same clips unchanged."""
    input:
        of(job_entries.sensitivity_files),
        labels=EXPERIMENT.file(
            layout.LABELS, protocol=EXPERIMENT.main_protocol, dataset="{dataset}"
        ),
    output:
        f"{RESULTS}/{layout.MOVEMENT}",
    log:
        f"{LOGS}/measure_sensitivity/{{dataset}}/{{model}}/{{family}}.log",
    benchmark:
        f"{LOGS}/measure_sensitivity/{{dataset}}/{{model}}/{{family}}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=more_on_retry(4_000),
        runtime="4h",
    params:
        features=of(job_entries.sensitivity_features),
        strengths=of(job_entries.strengths),
        measures=EXPERIMENT.sensitivity["measures"],
        versions=of(job_versions.movement_versions),
        statistics=job_params.statistics(EXPERIMENT),
        seed=config["seed"],
    script:
        "../scripts/6_sensitivity/measure_sensitivity.py"


rule score_sensitivity:
    """Train on unchanged and on changed clips, and test both; done tasks are kept."""
    input:
        of(job_entries.sensitivity_files),
        labels=rules.measure_sensitivity.input.labels,
        splits=EXPERIMENT.file(
            layout.SPLITS, protocol=EXPERIMENT.main_protocol, dataset="{dataset}"
        ),
        classes=rules.choose_classes.output.classes,
    output:
        clip_scores=f"{RESULTS}/{layout.CONDITION_SCORES}",
    log:
        f"{LOGS}/score_sensitivity/{{dataset}}/{{model}}/{{family}}.log",
    benchmark:
        f"{LOGS}/score_sensitivity/{{dataset}}/{{model}}/{{family}}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: config["workers"]["per_node"]
    resources:
        **job_resources.worker_resources(EXPERIMENT),
        runtime="4h",
    params:
        features=of(job_entries.sensitivity_features),
        versions=of(job_versions.sensitivity_versions),
        parts=f"{RESULTS}/{layout.CONDITION_PARTS}",
        methods=job_params.sensitivity_methods(EXPERIMENT),
        protocol=EXPERIMENT.main_protocol,
        classifier=classifiers.recorded(config["classifier"]),
        n_refits=config["statistics"]["n_refits"],
        seed=config["seed"],
    script:
        "../scripts/6_sensitivity/score_sensitivity.py"


rule summarise_sensitivity:
    """One table of all movements, one of all scores, and what each metric stands."""
    input:
        measures=per_family(f"{RESULTS}/{layout.MOVEMENT}"),
        clip_scores=per_family(f"{RESULTS}/{layout.CONDITION_SCORES}"),
    output:
        measures=report(
            f"{RESULTS}/{layout.SENSITIVITY_TABLE}",
            caption="../report/sensitivity_table.rst",
            category="Tables",
            labels={"table": "how embeddings move"},
        ),
        scores=report(
            f"{RESULTS}/{layout.SENSITIVITY_SCORE_TABLE}",
            caption="../report/sensitivity_scores_table.rst",
            category="Tables",
            labels={"table": "scores of changed clips"},
        ),
        robustness=report(
            f"{RESULTS}/{layout.ROBUSTNESS_TABLE}",
            caption="../report/robustness_table.rst",
            category="Tables",
            labels={"table": "strengths from which metrics fall"},
        ),
    log:
        f"{LOGS}/summarise_sensitivity.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=4_000,
        runtime="1h",
    params:
        versions={"stage": versions.SENSITIVITY},
        families={
            n: config["conditions"][n] for n in EXPERIMENT.sensitivity["conditions"]
        },
        statistics=job_params.statistics(EXPERIMENT),
        seed=config["seed"],
    script:
        "../scripts/6_sensitivity/summarise_sensitivity.py"
