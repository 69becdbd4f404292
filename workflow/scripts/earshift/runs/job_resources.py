"""What jobs ask for: memory, time, GPUs, nodes; more when they are tried again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from earshift import layout
from earshift.runs import job_inputs
from earshift.runs.experiment import Experiment
from earshift.slurm.site import Site
from earshift.stages.embeddings import job_size


def gpu_resources(experiment: Experiment, site: Site) -> dict[str, Any]:
    """Return the GPUs of a job that runs a model, and where a cluster has them."""
    gpus = experiment.config["extraction"]["gpu"]
    where = {"slurm_partition": site.gpu_partition, "gpu_model": site.gpu_model}
    chosen = {name: value for name, value in where.items() if gpus and value}
    return {"gpu": gpus} | chosen


def worker_resources(experiment: Experiment) -> dict[str, Any]:
    """Return what a job with workers asks for, beside its threads: those of a node.

    With `mpi` SLURM starts the job once, on the first node, and the job starts the
    rest; it is kept when a node is lost. A machine without SLURM reads none of this but
    memory. A job that is tried again goes on where it was: it may need more memory,
    once, but no more time.
    """
    workers = experiment.config["workers"]

    def memory(wildcards: object, threads: int, attempt: int) -> int:  # noqa: ARG001
        # Elastic workers are jobs of their own, which ask for what this one does.
        n_workers = 1 if workers["elastic"] else threads
        return int(workers["memory_mb"] * n_workers * min(attempt, 2))

    if workers["elastic"]:
        return {"mem_mb": memory, "cpus_per_task": 1}
    if workers["nodes"] == 1:
        return {"mem_mb": memory}
    nodes = {"nodes": workers["nodes"], "tasks": workers["nodes"], "mpi": "srun"}
    return {"mem_mb": memory, "slurm_extra": "--no-kill"} | nodes


def extraction_runtime(
    experiment: Experiment, dataset: str, model: str, condition: str, attempt: int
) -> int:
    """Return the minutes that the job of a region may take."""
    target = experiment.config["extraction"]["minutes_per_job"]
    known = _plan_and_calibrations(experiment, dataset, model, condition)
    return job_size.runtime_min(*known, target, attempt)


def extraction_memory(
    experiment: Experiment, dataset: str, model: str, condition: str, attempt: int
) -> int:
    """Return the memory that the job of a region may take, in MB."""
    known = _plan_and_calibrations(experiment, dataset, model, condition)
    return job_size.memory_mb(*known, attempt)


def _plan_and_calibrations(
    experiment: Experiment, dataset: str, model: str, condition: str
) -> tuple[Path, list[Path]]:
    """Return the plan of a region, and the calibrations of models, its own first.

    Its jobs share arrays with those of other models, and so what they ask for.
    """
    key = {"dataset": dataset, "model": model, "condition": condition}
    names = dict.fromkeys([model, *experiment.computed])
    files = [Path(job_inputs.calibration_file(experiment, name)) for name in names]
    return Path(experiment.file(layout.STORE_PLAN, **key)), list(dict.fromkeys(files))
