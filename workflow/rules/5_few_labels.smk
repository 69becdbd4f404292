"""Stage 5, few labels: what some labelled clips of the target add, if `few_labels` asks.

Reads   {results}/3_features, {results}/4_splits
Writes  {results}/5_few_labels/{model}/{condition}.parquet (per clip),
        {results}/tables/label_{curves,values}.csv
"""


rule score_few_labels:
    """Train on the source and labelled clips of the target; done tasks are kept."""
    input:
        of(job_entries.domain_files),
        classes=rules.choose_classes.output.classes,
    output:
        clip_scores=f"{RESULTS}/{layout.LABEL_SCORES}",
    log:
        f"{LOGS}/score_few_labels/{{model}}/{{condition}}.log",
    benchmark:
        f"{LOGS}/score_few_labels/{{model}}/{{condition}}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: config["workers"]["per_node"]
    resources:
        **job_resources.worker_resources(EXPERIMENT),
        runtime="4h",
    params:
        entries=of(job_entries.domain_entries),
        versions=of(job_versions.few_label_versions),
        parts=f"{RESULTS}/{layout.LABEL_PARTS}",
        methods=config["methods"],
        options=config["few_labels"],
        fit=config["fit"],
        protocol=EXPERIMENT.main_protocol,
        classifier=classifiers.recorded(config["classifier"]),
        seed=config["seed"],
    script:
        "../scripts/5_few_labels/score_few_labels.py"


rule summarise_few_labels:
    """Curves over the number of labels, and what corrections are worth in labels."""
    input:
        clip_scores=per_model(rules.score_few_labels.output.clip_scores),
    output:
        curves=report(
            f"{RESULTS}/{layout.LABEL_CURVE_TABLE}",
            caption="../report/label_curves_table.rst",
            category="Tables",
            labels={"table": "scores by the number of labels"},
        ),
        values=report(
            f"{RESULTS}/{layout.LABEL_VALUE_TABLE}",
            caption="../report/label_values_table.rst",
            category="Tables",
            labels={"table": "corrections in labels"},
        ),
    log:
        f"{LOGS}/summarise_few_labels.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=4_000,
        runtime="1h",
    params:
        versions={"stage": versions.FEW_LABELS},
        statistics=job_params.statistics(EXPERIMENT),
        seed=config["seed"],
    script:
        "../scripts/5_few_labels/summarise_few_labels.py"
