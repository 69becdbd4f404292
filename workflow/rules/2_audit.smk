"""Stage 2, embeddings: look for damage in stores, and mark what is to be embedded again.

Reads   {results}/2_embeddings/{dataset}/{model}/{condition}.zarr, what is beside it, and
        the audio of some clips; asks no other rule for anything
Writes  {results}/2_embeddings/{dataset}/{model}/{condition}.audit.csv
"""


rule audit_embeddings:
    """Read every byte of a store, and embed some of its clips again."""
    output:
        table=f"{RESULTS}/{layout.STORE_AUDIT}",
    log:
        f"{LOGS}/audit_embeddings/{{dataset}}/{{model}}/{{condition}}.log",
    wildcard_constraints:
        model=one_of(EXPERIMENT.computed),
        condition=one_of(EXPERIMENT.families),
    conda:
        of(job_inputs.environment_file)
    threads: 2
    resources:
        mem_mb=more_on_retry(4_000),
        runtime="4h",
    params:
        versions=of(job_versions.embedding_versions),
        entry=of(job_params.model_entry),
        store=of(job_params.store_options),
        plan=rules.plan_regions.output.plan,
        sample={"n_clips": config["audit_clips"], "seed": config["seed"]},
    script:
        "../scripts/2_embeddings/audit_embeddings.py"


rule audit:
    """Say what the audits of all stores found; fail if one is damaged."""
    input:
        job_inputs.audit_tables(EXPERIMENT),
    log:
        f"{LOGS}/audit.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    script:
        "../scripts/2_embeddings/audit.py"


rule repair:
    """Mark the damaged regions of all stores, as the audits found them."""
    input:
        job_inputs.audit_tables(EXPERIMENT),
    log:
        f"{LOGS}/repair.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    script:
        "../scripts/2_embeddings/repair.py"
