"""Stage 0, preflight: can the jobs of this experiment run on this cluster?

Reads   slurm/site.yaml, what each rule asks for, {results}/plan.csv if it is there
Writes  nothing; a failed check is a failed rule
"""


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
            if not workflow.is_local(each)
        ],
        results=RESULTS,
    script:
        "../scripts/preflight.py"
