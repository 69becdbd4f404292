"""What decides whether jobs are done again, beside settings and files that they read.

Snakemake does not watch the library: each plugin and each stage has a version, and jobs
are done again where one of theirs was raised. The versions of a job are one dictionary,
since Snakemake compares the values of params without their names.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from earshift import conditions, import_path, models, registry, versions
from earshift.jobs import recorded
from earshift.runs import job_params, settings
from earshift.runs.experiment import Experiment
from earshift.stages.splits import alignment

#: Version of each stage and plugin that decides what a job writes.
Versions = dict[str, int | str]


def dataset_versions(experiment: Experiment, dataset: str) -> Versions:
    """Return the versions of stage 1 and of a dataset's adapter."""
    return {
        "stage": versions.CLIPS,
        "plugin": _plugin_version("datasets", experiment.datasets[dataset]),
    }


def model_versions(experiment: Experiment, model: str) -> Versions:
    """Return the versions of stage 2 and of a model."""
    return models.versions_of(experiment.models[model])


def computed_versions(experiment: Experiment) -> dict[str, Versions]:
    """Return `model_versions` of each model that is run."""
    return {name: model_versions(experiment, name) for name in experiment.computed}


def embedding_versions(experiment: Experiment, model: str, condition: str) -> Versions:
    """Return those of a model and, if it changes audio, of a family of conditions."""
    by_name = model_versions(experiment, model)
    entry = experiment.families[condition]
    if conditions.stored_as(entry, experiment.config["seed"]) is not None:
        by_name["condition"] = _plugin_version("conditions", entry)
    return by_name


def split_versions(experiment: Experiment, protocol: str) -> Versions:
    """Return the version of stage 4, and of the study if the protocol is its own."""
    return {"stage": versions.SPLITS} | _study_version(experiment, protocol)


def score_versions(experiment: Experiment, protocol: str) -> Versions:
    """Return those of stage 5 and of the methods, and of the study as for splits."""
    of_study = _study_version(experiment, protocol)
    return {"stage": versions.SCORES} | method_versions(experiment) | of_study


def few_label_versions(experiment: Experiment) -> Versions:
    """Return those of stage 5, few labels, and of the methods."""
    return {"stage": versions.FEW_LABELS} | method_versions(experiment)


def decomposition_versions(experiment: Experiment) -> Versions:
    """Return those of stage 5, decomposition, and of the methods."""
    return {"stage": versions.DECOMPOSITION} | method_versions(experiment)


def movement_versions(experiment: Experiment) -> Versions:
    """Return those of stage 6, sensitivity, and of its measures."""
    measures = experiment.sensitivity["measures"]
    return {"stage": versions.SENSITIVITY} | {
        name: _plugin_version("discrepancy", {"plugin": name}) for name in measures
    }


def sensitivity_versions(experiment: Experiment) -> Versions:
    """Return those of stage 6, sensitivity, and of its methods."""
    return {"stage": versions.SENSITIVITY} | {
        name: _plugin_version("debias", entry)
        for name, entry in job_params.sensitivity_methods(experiment).items()
    }


def discrepancy_versions(experiment: Experiment) -> Versions:
    """Return those of stage 6 and of the methods."""
    return {"stage": versions.DISCREPANCY} | method_versions(experiment)


def method_versions(experiment: Experiment) -> Versions:
    """Return the version of each method."""
    entries = experiment.config["methods"].items()
    return {name: _plugin_version("debias", entry) for name, entry in entries}


def measure_identities(experiment: Experiment) -> dict[str, Any]:
    """Return the version of each measure, and its entry if that has options."""
    from earshift import discrepancy  # slow to load, and only a job of these needs it

    return discrepancy.identities(experiment.config["discrepancy"])


def all_versions(experiment: Experiment) -> dict[str, Versions]:
    """Return the version of every plugin, by section of the config."""
    return {
        section: {
            name: _plugin_version(kind, entry)
            for name, entry in settings.entries(experiment.config, section).items()
        }
        for section, kind in settings.SECTIONS.items()
    }


def alignment_contents(experiment: Experiment) -> dict[str, str]:
    """Return the contents of the file that maps labels to shared classes, if any."""
    name = experiment.config["alignment"]
    return recorded.contents_of(alignment.location(name)) if name else {}


def template_contents(experiment: Experiment) -> dict[str, str]:
    """Return the contents of all templates of the page."""
    folder = import_path.PROJECT / "workflow" / "report"
    templates = sorted(folder.rglob("*.j2"))
    of_study = [Path(section.template) for section in experiment.study.sections]
    return recorded.contents_of(*dict.fromkeys([*templates, *of_study]))


def _plugin_version(kind: str, entry: Mapping[str, Any]) -> int | str:
    return registry.version_of(kind, entry["plugin"])


def _study_version(experiment: Experiment, protocol: str) -> Versions:
    is_own = protocol in {one.name for one in experiment.study.protocols}
    return experiment.study_version if is_own else {}
