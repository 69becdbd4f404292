"""Stage 0, preflight: can the jobs of this experiment run on this cluster?

Reads   slurm/site.yaml, what each rule asks for, {results}/plan.csv if it is there
Writes  nothing; a failed check is a failed rule
"""

from snakemake.iocontainers import InputFiles, Wildcards


def first_request(rule):
    """What the jobs of a rule ask for at their first attempt, before anything is known."""
    known = {"model": one_of(COMPUTED[:1]), "condition": config["conditions"][0]}
    key = {name: known.get(name, "-") for name in rule.wildcard_names}
    asked = rule.expand_resources(Wildcards(fromdict=key), InputFiles(), 1)
    return {
        "rule": rule.name,
        "cpus": asked["_cores"],
        "memory_mb": asked.get("mem_mb", 2_000),
        "minutes": asked.get("runtime", 60),
        "gpus": asked.get("gpu", 0),
    }


rule preflight:
    """Check account, partitions, GPU, files, software, disk and limits, with a trial job."""
    log:
        f"{LOGS}/preflight.log",
    retries: 0
    localrule: True
    params:
        requests=lambda wildcards: [
            first_request(each)
            for each in workflow.rules
            if not workflow.is_local(each)
        ],
        results=RESULTS,
    script:
        "../scripts/preflight.py"
