"""Settings, names and functions that the stages share."""

import inspect
import os
import re
import shlex
import signal
import sys
from pathlib import Path

ROOT = Path(workflow.basedir)
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from earshift import classifiers, import_path, layout, slurm, versions
from earshift.errors import EarshiftError
from earshift.runs import beforehand, settings
from earshift.runs import (
    job_entries,
    job_inputs,
    job_list,
    job_params,
    job_resources,
    job_versions,
)
from earshift.runs.experiment import MINIATURE, Experiment
from earshift.slurm.site import Site
from earshift.stages.clips import inspection
from earshift.stages.embeddings import region_files
from earshift.stages.splits import left_out
from snakemake.cli import get_argument_parser
from snakemake.exceptions import WorkflowError
from snakemake.iocontainers import InputFiles, Wildcards

import_path.hand_on()

# Snakemake puts it into the commands of jobs as it is, also if it has a space.
sys.executable = shlex.quote(sys.executable)

# A SLURM job may be sent this so that it stops in time (earshift.jobs.stopping). Snakemake runs
# inside the job, too, and would end at once, and the job with it.
signal.signal(signal.SIGUSR1, signal.SIG_IGN)

# Before anything else is done as another job.
slurm.become_array_task(sys.argv, os.environ)
if workflow.is_main_process:
    slurm.repair_plugin()


def is_whole_run(words):
    """Whether Snakemake is asked for the experiment, not for a part without labels."""
    try:
        asked, _ = get_argument_parser().parse_known_args(words)
    except SystemExit:
        return False  # it was not started on the command line
    return set(asked.targets) <= {"all", "plan"} and not asked.unlock


try:
    config = settings.resolve(
        config,
        ROOT / "workflow" / "schemas" / "config.schema.yaml",
        experiment=Path((workflow.overwrite_configfiles or workflow.configfiles)[-1]),
        in_job=not workflow.is_main_process,
    )
    settings.check_folders(config, made=MINIATURE)
    if workflow.is_main_process and is_whole_run(sys.argv[1:]):
        for sentence in beforehand.look(config, made=MINIATURE):
            sys.stderr.write(left_out.wrapped(sentence) + "\n")
except EarshiftError as error:
    # Snakemake would add the line of this file, which says nothing to a user.
    sys.exit(f"Error: {error}")

# What a study's rules may use, beside the functions below and the rules of stages 1 to 7.
EXPERIMENT = Experiment(config)
RESULTS = EXPERIMENT.results
LOGS = EXPERIMENT.logs
STUDY_VERSION = EXPERIMENT.study_version
PROTOCOLS = EXPERIMENT.protocols


def refuse_second_run():
    """Stop before jobs are submitted that an earlier run has in SLURM's queue."""
    try:
        slurm.check_plugin()
        slurm.refuse_second_run(slurm.run_name())
    except EarshiftError as error:
        raise WorkflowError(str(error)) from None


def one_of(names):
    """Pattern of a wildcard that is one of some names; of none, if there are none."""
    return "|".join(names) or "(?!)"


wildcard_constraints:
    dataset="|".join(config["datasets"]),
    model="|".join(config["models"]),
    condition="|".join(map(re.escape, EXPERIMENT.conditions)),
    family=one_of(EXPERIMENT.sensitivity["conditions"]),
    protocol="|".join(PROTOCOLS),
    region=r"\d{6}",
    share=r"\d{4}",
    key=r"[0-9a-f]{16}",


def of(function, **values):
    """Function by which Snakemake asks a function of the library for each job.

    That gets the experiment, the `values`, and those of the job's wildcards that it has
    parameters for.
    """
    names = inspect.signature(function).parameters

    def ask(wildcards):
        known = {name: wildcards[name] for name in wildcards.keys() if name in names}
        return function(EXPERIMENT, **known, **values)

    return ask


def at_attempt(function):
    """The same of what a job asks for, which may be more when it is tried again."""
    return lambda wildcards, attempt: of(function, attempt=attempt)(wildcards)


def more_on_retry(mb):
    """MB of a job that may need more: of a clip table, about 1 kB a clip, or a model."""
    return lambda wildcards, attempt: mb * attempt


def first_request(rule):
    """What the jobs of a rule ask for at their first attempt, before anything is known."""
    known = {
        "model": one_of(EXPERIMENT.computed[:1]),
        "condition": next(iter(EXPERIMENT.families)),
    }
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


def n_shares(wildcards):
    """Into how many jobs the decoding of a dataset is divided; none without audio."""
    notes = checkpoints.list_clips.get(**wildcards).output.notes
    return inspection.n_shares_of(Path(notes))


def inspected_shares(wildcards):
    """What the jobs that decode a dataset write, in the order of its clips."""
    shares = [f"{i:04d}" for i in range(n_shares(wildcards))]
    return expand(rules.inspect_files.output.inspected, share=shares, **wildcards)


def region_markers(wildcards):
    """Done-markers of all regions that hold clips of the present table."""
    plan = Path(checkpoints.plan_regions.get(**wildcards).output.plan)
    names = region_files.named_in(plan)
    return expand(rules.extract_embeddings.output.done, region=names, **wildcards)


def per_dataset(pattern):
    """Paths of `pattern` for every dataset."""
    return expand(pattern, dataset=config["datasets"], allow_missing=True)


def per_model(pattern, protocols=PROTOCOLS):
    """Paths of `pattern` for every model and condition, and for protocols in it."""
    names = {"model": config["models"], "condition": EXPERIMENT.studied}
    return expand(pattern, protocol=protocols, **names)


def per_family(pattern):
    """Paths of `pattern` for every dataset, model and family that is compared with clean."""
    names = {"dataset": config["datasets"], "model": config["models"]}
    return expand(pattern, family=EXPERIMENT.sensitivity["conditions"], **names)


def page_files(wildcards):
    """What the sections of the page need."""
    from earshift.stages.report import page  # most runs and jobs do not ask for it

    return [f"{RESULTS}/{file}" for file in page.needs(config)]
