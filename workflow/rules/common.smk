"""Settings, names and functions that the stages share."""

import json
import os
import re
import shlex
import signal
import sys
from itertools import product
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(workflow.basedir)
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from earshift.stages.splits import alignment
from earshift.runs import beforehand
from earshift import classifiers, conditions, datasets
from earshift.stages.clips import inspection
from earshift import jobs, import_path, models
from earshift.stages.splits import left_out, selection
from earshift.evaluation import protocol
from earshift.jobs import recorded
from earshift.downloads import catalogue
from earshift import registry, slurm, versions
from earshift.runs import settings
from earshift import files
from earshift.errors import EarshiftError
from snakemake.cli import get_argument_parser
from snakemake.exceptions import WorkflowError

import_path.hand_on()

# Snakemake puts it into the commands of jobs as it is, also if it has a space.
sys.executable = shlex.quote(sys.executable)

# A SLURM job may be sent this so that it stops in time (earshift.jobs.stopping). Snakemake runs
# inside the job, too, and would end at once, and the job with it.
signal.signal(signal.SIGUSR1, signal.SIG_IGN)

# Before anything else is done as another job.
slurm.become_array_task(sys.argv, os.environ)
if workflow.is_main_process and workflow.non_local_exec:
    try:
        slurm.mend_plugin()
    except EarshiftError as error:
        sys.exit(f"Error: {error}")

MINIATURE = Path("resources/miniature")


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

RESULTS = os.path.normpath(config["results"])
LOGS = jobs.logs_of(RESULTS)
STUDY = protocol.study_of(config["study"])
STUDY_VERSION = protocol.version_of(config["study"])
PROTOCOLS = config["protocols"]
MAIN = selection.main(PROTOCOLS)
SELECTED = {
    "labels": f"{RESULTS}/4_splits/{{protocol}}/{{dataset}}.labels.parquet",
    "splits": f"{RESULTS}/4_splits/{{protocol}}/{{dataset}}.parquet",
}
CALIBRATION = f"{RESULTS}/2_embeddings/calibration/{{model}}/clean.{{key}}.json"
UNPACKED = catalogue.dataset_folders(config["downloads"]["register"])
IMPORTED = [m for m, e in config["models"].items() if models.is_imported(e)]
COMPUTED = [m for m in config["models"] if m not in IMPORTED]
# In stage 2 a condition is a family; from stage 3 on, each of its strengths is one.
FAMILIES = config["conditions"]
CONDITIONS = conditions.conditions_of(FAMILIES)


def refuse_second_run():
    """Stop before jobs are submitted that an earlier run has in SLURM's queue."""
    try:
        slurm.refuse_second_run(slurm.run_name())
    except EarshiftError as error:
        raise WorkflowError(str(error)) from None


def one_of(names):
    """Pattern of a wildcard that is one of some names; of none, if there are none."""
    return "|".join(names) or "(?!)"


wildcard_constraints:
    dataset="|".join(config["datasets"]),
    model="|".join(config["models"]),
    condition="|".join(map(re.escape, CONDITIONS)),
    protocol="|".join(PROTOCOLS),
    region=r"\d{6}",
    share=r"\d{4}",
    key=r"[0-9a-f]{16}",


def dataset_entry(wildcards):
    """Config entry of a dataset."""
    return config["datasets"][wildcards.dataset]


def listed_entry(wildcards):
    """The same for the list of clips, which does not depend on what names mean."""
    return {k: v for k, v in dataset_entry(wildcards).items() if k != "recordings"}


def model_entry(wildcards):
    """Config entry of a model."""
    return config["models"][wildcards.model]


def plugin_version(kind, entry):
    """Version of an entry's plugin; a change re-runs its jobs and no others.

    Snakemake compares the values of params without their names: versions therefore go
    into one dictionary, so that no two of them can hide each other's change.
    """
    return registry.version_of(kind, entry["plugin"])


def dataset_versions(wildcards):
    """Versions of stage 1 and of the dataset's adapter."""
    entry = dataset_entry(wildcards)
    return {"stage": versions.CLIPS, "plugin": plugin_version("datasets", entry)}


def model_versions(wildcards):
    """Versions of stage 2 and of the model."""
    return models.versions_of(model_entry(wildcards))


def embedding_versions(wildcards):
    """The same, and of the condition, if it changes the audio."""
    found = model_versions(wildcards)
    entry = FAMILIES[wildcards.condition]
    if conditions.stored_as(entry, config["seed"]) is not None:
        found["condition"] = plugin_version("conditions", entry)
    return found


def of_family(pattern):
    """Function that finds a file of stage 2 for one strength of a condition."""

    def path(wildcards):
        family = CONDITIONS[wildcards.condition].family
        return pattern.format(**dict(wildcards) | {"condition": family})

    return path


def model_weights(wildcards):
    """Files whose contents decide the model's numbers."""
    return [str(f) for f in models.from_entry(model_entry(wildcards)).spec.weights]


def verified_weights(wildcards):
    """The same, less those of packages; of the register, the sign of verification."""
    return [
        f"{file}.sha256" if catalogue.holds(Path(file)) else file
        for file in model_weights(wildcards)
        if not recorded.is_packaged(file)
    ]


def packaged_weights(wildcards):
    """Contents of the weights that come with a package."""
    files = filter(recorded.is_packaged, model_weights(wildcards))
    return recorded.contents_of(*files)


def model_env(wildcards):
    """Environment file named by the model's own module."""
    plugin = registry.load("models", model_entry(wildcards)["plugin"])
    return f"../../envs/{plugin.env}.yaml"


def n_shares(wildcards):
    """Into how many jobs the decoding of a dataset is divided; none without audio."""
    notes = Path(checkpoints.list_clips.get(**wildcards).output.notes)
    said = json.loads(notes.read_text())
    return inspection.n_shares(said["clips"]) if said["audio"] else 0


def inspected_shares(wildcards):
    """What the jobs that decode a dataset write, in the order of its clips."""
    shares = [f"{i:04d}" for i in range(n_shares(wildcards))]
    return expand(rules.inspect_files.output.inspected, share=shares, **wildcards)


def import_options(wildcards):
    """Where the embeddings of an imported model are, and what they are called there."""
    name, entry = wildcards.dataset, dataset_entry(wildcards)
    spec = models.import_spec(model_entry(wildcards))
    return {
        "file": str(spec.file_of(name, entry["plugin"])),
        "datasets": [name, entry["plugin"]],
        "name": spec.name or wildcards.model,
        "columns": list(spec.columns),
    }


def store_options(wildcards):
    """Where the embeddings of a dataset and model go, and what is kept of them."""
    options, tail = config["store"], "{dataset}/{model}/{condition}.zarr"
    root = options["address"] or f"{RESULTS}/2_embeddings"
    found = {
        "location": f"{root.rstrip('/')}/{tail.format(**wildcards)}",
        "dtype": options["dtype"],
        "pooling": [] if options["keep_frames"] else config["pooling"],
    }
    entry = FAMILIES[dict(wildcards)["condition"]]
    changed = conditions.stored_as(entry, config["seed"])
    return found if changed is None else found | {"condition": changed}


def calibration_file(wildcards):
    """How a model was calibrated.

    Its name has what decides it, so that it is never out of date: Snakemake does not ask
    whether a job is, if one of its ancient inputs is.
    """
    key = files.content_key([model_entry(wildcards), model_versions(wildcards)])
    return CALIBRATION.format(model=wildcards.model, key=key)


def listed_datasets():
    """Where the plan of a run finds each dataset."""
    return [
        {"name": name, "entry": entry, "table": f"{RESULTS}/1_clips/{name}.parquet"}
        for name, entry in config["datasets"].items()
        if datasets.has_audio(entry)
    ]


def planned_stores():
    """Where the plan of a run finds each store of features, and what makes it."""
    names = product(config["datasets"], COMPUTED, CONDITIONS.values())
    out = []
    for dataset, model, condition in names:
        key = {"dataset": dataset, "model": model, "condition": condition.family}
        wildcards = SimpleNamespace(**key)
        stem = "/".join(key.values())
        options = {
            "name": model,
            "entry": model_entry(wildcards),
            "versions": embedding_versions(wildcards),
            "plan": f"{RESULTS}/2_embeddings/{stem}.plan.json",
        }
        options |= store_options(key)
        key["condition"] = condition.name
        features = f"{RESULTS}/3_features/{dataset}/{model}/{condition.name}.zarr"
        key |= {"features": features, "calibration": calibration_file(wildcards)}
        out.append(key | {"options": options})
    return out


def region_markers(wildcards):
    """Done-markers of all regions that hold clips of the present table."""
    plan = Path(checkpoints.plan_regions.get(**wildcards).output.plan)
    names = json.loads(plan.read_text())["regions"]
    return expand(rules.extract_embeddings.output.done, region=names, **wildcards)


def audit_tables():
    """What was found in each store of the experiment that was not imported."""
    return expand(
        f"{RESULTS}/2_embeddings/{{dataset}}/{{model}}/{{condition}}.audit.csv",
        dataset=config["datasets"],
        model=COMPUTED,
        condition=FAMILIES,
    )


def dataset_files(wildcards):
    """Files with a dataset's labels, where they are at hand; stage 1 finds the rest."""
    entry = dataset_entry(wildcards)
    folder = Path(entry["folder"])
    if folder.parent == MINIATURE:
        return [str(folder)]
    if folder in UNPACKED:
        # Label files would join the input once they are there, and re-run the stage.
        return [f"{folder}.json"]
    options = datasets.options(entry)
    plugin = registry.load("datasets", entry["plugin"])
    return [str(f) for f in plugin.label_files(folder, **options) if f.exists()]


def domain_entries(wildcards):
    """Where stages 5 and 6 find each dataset, as a protocol uses it."""
    features = f"{RESULTS}/3_features/{{dataset}}/{{model}}/{{condition}}.zarr"
    patterns = {"features": features} | SELECTED
    # Stage 6 measures the clips of one protocol, which its files do not name.
    key = {"protocol": MAIN} | dict(wildcards)
    return [
        {"name": name} | {k: p.format(dataset=name, **key) for k, p in patterns.items()}
        for name in config["datasets"]
    ]


def domain_files(wildcards, entries=domain_entries):
    """The files of `domain_entries`."""
    keys = ("features", "labels", "splits")
    return [entry[key] for entry in entries(wildcards) for key in keys]


def protocol_versions(wildcards, **stages):
    """Versions of some stages, and of the study whose protocol it is."""
    is_own = wildcards.protocol in {one.name for one in STUDY.protocols}
    return stages | (STUDY_VERSION if is_own else {})


def balance(wildcards):
    """How a protocol draws training clips."""
    return STUDY.protocol(wildcards.protocol).balance_in(config)


def draws_file(wildcards):
    """The balanced draws of a protocol, if there are any."""
    if balance(wildcards) == "none":
        return []
    return rules.draw_balanced.output.draws.format(protocol=wildcards.protocol)


def class_entries(wildcards=None):
    """What each protocol has to train and test classes with, the main one first."""
    found = []
    for protocol in sorted(PROTOCOLS, key=lambda name: name != MAIN):
        key = {"protocol": protocol}
        draws = draws_file(SimpleNamespace(**key))
        for name in config["datasets"]:
            paths = {k: p.format(dataset=name, **key) for k, p in SELECTED.items()}
            found.append({"name": name, "draws": draws} | key | paths)
    return found


def class_files(wildcards):
    """The files of `class_entries`."""
    keys = ("labels", "splits", "draws")
    return sorted({e[key] for e in class_entries() for key in keys if e[key]})


def unpacked_markers():
    """Signs that the files of the experiment's registered datasets are there."""
    folders = {Path(entry["folder"]) for entry in config["datasets"].values()}
    return [f"{folder}.json" for folder in sorted(folders & UNPACKED.keys())]


def verified_archives(wildcards):
    """Signs that the files of a registered dataset were verified."""
    folder = catalogue.datasets_folder() / wildcards.source
    return [
        f"{folder.parent}/{catalogue.ARCHIVES}/{entry.name}.sha256"
        for entry in UNPACKED[folder]
    ]


def versions_with_methods(**stages):
    """Versions of some stages and of the methods; only a job of these loads methods."""
    methods = config["methods"].items()
    return lambda wildcards: (
        stages | {n: plugin_version("debias", e) for n, e in methods}
    )


def score_versions(wildcards):
    """Versions of stage 5, of the methods, and of the study whose protocol it is."""
    return protocol_versions(
        wildcards, **versions_with_methods(stage=versions.SCORES)(wildcards)
    )


def measure_versions(wildcards):
    """Version of each measure of discrepancy, and its entry if that has options."""
    from earshift import discrepancy  # slow to load, and only a job of these needs it

    return discrepancy.identities(config["discrepancy"])


def all_versions(wildcards):
    """Version of every plugin of the experiment."""
    return {
        section: {
            n: plugin_version(kind, e)
            for n, e in settings.entries(config, section).items()
        }
        for section, kind in settings.SECTIONS.items()
    }


def alignment_contents():
    """Contents of the file that maps labels to shared classes, if there is one."""
    name = config["alignment"]
    return recorded.contents_of(alignment.location(name)) if name else {}


def template_contents():
    """Contents of all templates of the page."""
    templates = sorted((ROOT / "workflow" / "report").rglob("*.j2"))
    own = [section.template for section in STUDY.sections]
    return recorded.contents_of(*{Path(file): None for file in [*templates, *own]})


def split_options():
    """How the folds are made. Official ones are repeated only for balanced draws."""
    options = {key: config["splits"][key] for key in ("kind", "n_folds", "n_repeats")}
    if options["kind"] == "official" and config["splits"]["balance"] == "none":
        options["n_repeats"] = 1
    return options


def copies_file(wildcards):
    """The table of copies, if recordings that hold copies are kept together."""
    is_apart = config["splits"]["copies"] == "apart"
    return [] if is_apart else rules.find_duplicates.output.duplicates


def namespaces():
    """What the names of recordings are, of each dataset whose names others may have."""
    found = {name: datasets.namespace(e) for name, e in config["datasets"].items()}
    return {name: space for name, space in found.items() if space is not None}


def per_dataset(pattern):
    """Paths of `pattern` for every dataset."""
    return expand(pattern, dataset=config["datasets"], allow_missing=True)


def per_model(pattern, protocols=PROTOCOLS):
    """Paths of `pattern` for every model and condition, and for protocols in it."""
    names = {"model": config["models"], "condition": CONDITIONS}
    return expand(pattern, protocol=protocols, **names)
