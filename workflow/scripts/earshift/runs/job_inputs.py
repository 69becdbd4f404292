"""Files that jobs read, where that follows from the configuration alone."""

from __future__ import annotations

from pathlib import Path

from earshift import datasets, files, layout, models, registry
from earshift.downloads import catalogue
from earshift.jobs import recorded
from earshift.runs import job_params, job_versions
from earshift.runs.experiment import MINIATURE, Experiment


def dataset_files(experiment: Experiment, dataset: str) -> list[str]:
    """Return the files with a dataset's labels, or what stands for them.

    Parameters
    ----------
    experiment : Experiment
        The experiment.
    dataset : str
        Name of the dataset.

    Returns
    -------
    list of str
        Its folder, if a rule makes that; the mark of registered files that are
        unpacked, since label files would join the input once they are there, and have
        the stage done again; otherwise the files that are at hand, of which stage 1
        finds the rest.
    """
    entry = experiment.datasets[dataset]
    folder = Path(entry["folder"])
    if folder.parent == MINIATURE:
        return [str(folder)]
    if folder in experiment.unpacked:
        return [_unpacked_mark(folder)]
    options = datasets.options(entry)
    plugin = registry.load("datasets", entry["plugin"])
    return [str(f) for f in plugin.label_files(folder, **options) if f.exists()]


def all_dataset_files(experiment: Experiment) -> list[str]:
    """Return `dataset_files` of all datasets."""
    return [f for name in experiment.datasets for f in dataset_files(experiment, name)]


def unpacked_marks(experiment: Experiment) -> list[str]:
    """Return the marks that the files of registered datasets are there."""
    folders = {Path(entry["folder"]) for entry in experiment.datasets.values()}
    used = sorted(folders & experiment.unpacked.keys())
    return [_unpacked_mark(folder) for folder in used]


def _unpacked_mark(folder: Path) -> str:
    return f"{folder}.json"


def verified_archives(experiment: Experiment, source: str) -> list[str]:
    """Return the marks that the files of a registered dataset were verified."""
    folder = catalogue.datasets_folder()
    return [
        f"{folder}/{catalogue.ARCHIVES}/{entry.name}.sha256"
        for entry in experiment.unpacked[folder / source]
    ]


def verified_weights(experiment: Experiment, model: str) -> list[str]:
    """Return the files that decide a model's numbers, less those of packages.

    For a file of the register it is the mark that it was verified.
    """
    return [
        f"{file}.sha256" if catalogue.holds(Path(file)) else file
        for file in _weights(experiment, model)
        if not recorded.is_packaged(file)
    ]


def all_verified_weights(experiment: Experiment) -> list[str]:
    """Return `verified_weights` of all models that are run."""
    names = experiment.computed
    return [file for name in names for file in verified_weights(experiment, name)]


def registered_weights(experiment: Experiment) -> list[str]:
    """Return those of `all_verified_weights` that come from the register."""
    folder = catalogue.weights_folder()
    weights = all_verified_weights(experiment)
    return [file for file in weights if Path(file).parent == folder]


def packaged_weights(experiment: Experiment, model: str) -> dict[str, str]:
    """Return the contents of a model's weights that come with a package.

    They have no place among the input: theirs differs between environments.
    """
    weights = filter(recorded.is_packaged, _weights(experiment, model))
    return recorded.contents_of(*weights)


def _weights(experiment: Experiment, model: str) -> list[str]:
    return [str(f) for f in models.from_entry(experiment.models[model]).spec.weights]


def environment_file(experiment: Experiment, model: str) -> str:
    """Return the conda environment that a model's module names, from the rules."""
    plugin = registry.load("models", experiment.models[model]["plugin"])
    return f"../../envs/{plugin.env}.yaml"


def calibration_file(experiment: Experiment, model: str) -> str:
    """Return how a model was calibrated.

    The name of the file has what decides it, so that it is never out of date: Snakemake
    does not ask whether a job is, if one of its ancient inputs is.
    """
    versions = job_versions.model_versions(experiment, model)
    key = files.content_key([experiment.models[model], versions])
    return experiment.file(layout.CALIBRATION, model=model, key=key)


def all_calibrations(experiment: Experiment) -> list[str]:
    """Return `calibration_file` of all models that are run, sorted."""
    return sorted({calibration_file(experiment, name) for name in experiment.computed})


def imported_file(experiment: Experiment, dataset: str, model: str) -> str:
    """Return the file with the embeddings of an imported model."""
    return str(job_params.import_options(experiment, dataset, model)["file"])


def of_family(
    experiment: Experiment, dataset: str, model: str, condition: str, pattern: str
) -> str:
    """Return a file of stage 2, which has one for all strengths of a condition.

    Parameters
    ----------
    experiment : Experiment
        The experiment.
    dataset, model, condition : str
        Names, of the condition that of one strength.
    pattern : str
        One of `layout`.

    Returns
    -------
    str
        The file of its family.
    """
    family = experiment.conditions[condition].family
    key = {"dataset": dataset, "model": model, "condition": family}
    return experiment.file(pattern, **key)


def audit_tables(experiment: Experiment) -> list[str]:
    """Return what was found in each store of the experiment that was not imported."""
    return [
        experiment.file(layout.STORE_AUDIT, dataset=d, model=m, condition=c)
        for d in experiment.datasets
        for m in experiment.computed
        for c in experiment.families
    ]


def copies_file(experiment: Experiment) -> str | list[str]:
    """Return the table of copies, if recordings that hold copies are kept together."""
    is_apart = experiment.config["splits"]["copies"] == "apart"
    return [] if is_apart else experiment.file(layout.DUPLICATES)
