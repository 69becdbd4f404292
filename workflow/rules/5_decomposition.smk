"""Stage 5, decomposition: what gaps are made of, if `decomposition` asks.

Reads   {results}/3_features, {results}/4_splits
Writes  {results}/5_decomposition/{model}/{condition}.parquet and .checks.parquet,
        {results}/tables/decomposition.csv, {results}/tables/decomposition_checks.csv
"""


rule decompose_gaps:
    """Decompose the gap of each direction; directions that are done are kept."""
    input:
        of(job_entries.domain_files),
        classes=rules.choose_classes.output.classes,
    output:
        gaps=f"{RESULTS}/{layout.DECOMPOSITION}",
        checks=f"{RESULTS}/{layout.DECOMPOSITION_CHECKS}",
    log:
        f"{LOGS}/decompose_gaps/{{model}}/{{condition}}.log",
    benchmark:
        f"{LOGS}/decompose_gaps/{{model}}/{{condition}}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: config["workers"]["per_node"]
    resources:
        **job_resources.worker_resources(EXPERIMENT),
        runtime="4h",
    params:
        entries=of(job_entries.domain_entries),
        versions=of(job_versions.decomposition_versions),
        parts=f"{RESULTS}/{layout.DECOMPOSITION_PARTS}",
        methods=config["methods"],
        options=config["decomposition"],
        protocol=EXPERIMENT.main_protocol,
        classifier=classifiers.recorded(config["classifier"]),
        splits=job_params.drawn_folds(EXPERIMENT),
        statistics=job_params.intervals(EXPERIMENT),
        seed=config["seed"],
    script:
        "../scripts/5_decomposition/decompose_gaps.py"


rule gather_decompositions:
    """One table of all models and conditions."""
    input:
        gaps=per_model(rules.decompose_gaps.output.gaps),
        checks=per_model(rules.decompose_gaps.output.checks),
    output:
        gaps=report(
            f"{RESULTS}/{layout.DECOMPOSITION_TABLE}",
            caption="../report/decomposition_table.rst",
            category="Tables",
            labels={"table": "what gaps are made of"},
        ),
        checks=report(
            f"{RESULTS}/{layout.DECOMPOSITION_CHECK_TABLE}",
            caption="../report/decomposition_checks_table.rst",
            category="Tables",
            labels={"table": "checks of the decomposition"},
        ),
    log:
        f"{LOGS}/gather_decompositions.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1_000,
        runtime="30m",
    params:
        versions={"stage": versions.DECOMPOSITION},
    script:
        "../scripts/5_decomposition/gather_decompositions.py"
