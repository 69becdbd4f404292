"""Stage 6, discrepancy: how far apart the datasets are, before and after each method.

Reads   {results}/3_features, {results}/4_splits
Writes  {results}/6_discrepancy/{model}/{condition}{,.sizes}.parquet
"""


rule measure_discrepancy:
    """Measure held-out clips of each two datasets after each method."""
    input:
        of(job_entries.domain_files),
        classes=rules.choose_classes.output.classes,
    output:
        domain_scores=f"{RESULTS}/{layout.DISCREPANCY}",
        sizes=f"{RESULTS}/{layout.DISCREPANCY_SIZES}",
    log:
        f"{LOGS}/measure_discrepancy/{{model}}/{{condition}}.log",
    benchmark:
        f"{LOGS}/measure_discrepancy/{{model}}/{{condition}}.tsv"
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=4_000,
        runtime="4h",
    params:
        entries=of(job_entries.domain_entries),
        versions=of(job_versions.discrepancy_versions),
        parts=f"{RESULTS}/{layout.DISCREPANCY_PARTS}",
        size_parts=f"{RESULTS}/{layout.DISCREPANCY_SIZE_PARTS}",
        methods=config["methods"],
        fit=config["fit"],
        measures=of(job_versions.measure_identities),
        seed=config["seed"],
    script:
        "../scripts/6_discrepancy/measure_discrepancy.py"
