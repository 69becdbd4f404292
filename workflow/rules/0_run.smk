"""Stage 0, run: what it will take, and whether its jobs can run on this cluster.

Reads   the labels of each dataset and a sample of its audio, {results}/1_clips and
        {results}/2_embeddings where they are, the calibration of each model
        slurm/site.yaml and what each rule asks for
Writes  {results}/plan.csv; of the preflight nothing: a failed check is a failed rule
"""


rule estimate_run:
    """Estimate jobs, hours, bytes and cost; what is done already costs nothing."""
    input:
        # Tables of stage 1 and stores are read where they are, and never made for this.
        of(job_inputs.all_dataset_files),
        calibrations=job_inputs.all_calibrations(EXPERIMENT),
        weights=of(job_inputs.all_verified_weights),
    output:
        plan=f"{RESULTS}/{layout.PLAN}",
    log:
        f"{LOGS}/estimate_run.log",
    conda:
        "../../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=4_000,
        runtime="1h",
    params:
        listed=job_entries.listed_datasets(EXPERIMENT),
        stores=job_entries.planned_stores(EXPERIMENT),
        extraction=config["extraction"],
        pooling=config["pooling"],
        n_threads=2,  # of list_clips
        seed=config["seed"],
    script:
        "../scripts/0_run/estimate_run.py"


rule plan:
    """Say what the experiment will take; run.py prints it."""
    input:
        rules.estimate_run.output,
    localrule: True


rule preflight:
    """Check account, partitions, GPU, files, software, disk and limits, with a trial job."""
    log:
        f"{LOGS}/preflight.log",
    retries: 0
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        requests=lambda wildcards: [
            first_request(each)
            for each in workflow.rules
            if not workflow.is_local(each) and job_list.has_jobs(config, each.name)
        ],
        results=RESULTS,
    script:
        "../scripts/0_run/preflight.py"
