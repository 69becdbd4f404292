"""What jobs ask for: memory, time, nodes; more when they are tried again."""

from earshift.stages.embeddings import job_size
from earshift.slurm.site import Site
from snakemake.iocontainers import InputFiles, Wildcards


def more_on_retry(mb):
    """MB of a job that may need more: of a clip table, about 1 kB a clip, or a model."""
    return lambda wildcards, attempt: mb * attempt


def gpu_resources():
    """Resources of a job that runs a model: GPUs, and where a cluster has them."""
    gpus, site = config["extraction"]["gpu"], Site.read()
    where = {"slurm_partition": site.gpu_partition, "gpu_model": site.gpu_model}
    chosen = {name: value for name, value in where.items() if gpus and value}
    return {"gpu": gpus} | chosen


def worker_resources():
    """Resources of a job with workers, beside its threads, which are those of a node.

    With `mpi` SLURM starts the job once, on the first node, and the job starts the rest;
    it is kept when a node is lost. A machine without SLURM reads none of this but memory.
    A job that is tried again goes on where it was: it may need more memory, once, but no
    more time.
    """
    own = config["workers"]

    def memory(wildcards, threads, attempt):
        # Elastic workers are jobs of their own, which ask for what this one does.
        n_workers = 1 if own["elastic"] else threads
        return own["memory_mb"] * n_workers * min(attempt, 2)

    if own["elastic"]:
        return {"mem_mb": memory, "cpus_per_task": 1}
    if own["nodes"] == 1:
        return {"mem_mb": memory}
    nodes = {"nodes": own["nodes"], "tasks": own["nodes"], "mpi": "srun"}
    return {"mem_mb": memory, "slurm_extra": "--no-kill"} | nodes


def extraction_runtime(wildcards, attempt):
    """Minutes that the job of a region may take."""
    plan, calibrations = plan_and_calibrations(wildcards)
    target = config["extraction"]["minutes_per_job"]
    return job_size.runtime_min(plan, calibrations, target, attempt)


def extraction_memory(wildcards, attempt):
    """MB that the job of a region may take."""
    return job_size.memory_mb(*plan_and_calibrations(wildcards), attempt)


def plan_and_calibrations(wildcards):
    """The plan that a region is in, and how models were calibrated, its own first.

    Its jobs share arrays with those of other models, and so what they ask for.
    """
    plan = Path(rules.plan_regions.output.plan.format(**wildcards))
    named = [SimpleNamespace(model=name) for name in COMPUTED]
    files = [Path(calibration_file(each)) for each in (wildcards, *named)]
    return plan, list(dict.fromkeys(files))


def first_request(rule):
    """What the jobs of a rule ask for at their first attempt, before anything is known."""
    known = {"model": one_of(COMPUTED[:1]), "condition": next(iter(FAMILIES))}
    key = {name: known.get(name, "-") for name in rule.wildcard_names}
    asked = rule.expand_resources(Wildcards(fromdict=key), InputFiles(), 1)
    return {
        "rule": rule.name,
        "cpus": asked.get("cpus_per_task", asked["_cores"]),
        "memory_mb": asked.get("mem_mb", 2_000),
        "minutes": asked.get("runtime", 60),
        "gpus": asked.get("gpu", 0),
        "nodes": asked.get("nodes", 1),
    }
