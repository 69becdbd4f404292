"""Params of jobs, where they are more than a section of the configuration.

The records beside results hold their values (`earshift.jobs.recorded`): a value that is
written in another way has its jobs done again.
"""

from __future__ import annotations

from typing import Any

from earshift import conditions, datasets, layout, models
from earshift.runs.experiment import Experiment


def listed_entry(experiment: Experiment, dataset: str) -> dict[str, Any]:
    """Return the config entry of a dataset, less what names of recordings mean.

    The list of its clips does not depend on that.
    """
    entry = experiment.datasets[dataset]
    return {key: value for key, value in entry.items() if key != "recordings"}


def dataset_plugin(experiment: Experiment, dataset: str) -> str:
    """Return the plugin of a dataset."""
    return str(experiment.datasets[dataset]["plugin"])


def model_entry(experiment: Experiment, model: str) -> dict[str, Any]:
    """Return the config entry of a model."""
    return experiment.models[model]


def import_options(experiment: Experiment, dataset: str, model: str) -> dict[str, Any]:
    """Return where the embeddings of an imported model are, and their names there."""
    plugin = experiment.datasets[dataset]["plugin"]
    spec = models.import_spec(experiment.models[model])
    return {
        "file": str(spec.file_of(dataset, plugin)),
        "datasets": [dataset, plugin],
        "name": spec.name or model,
        "columns": list(spec.columns),
    }


def store_options(
    experiment: Experiment, dataset: str, model: str, condition: str
) -> dict[str, Any]:
    """Return where the embeddings of a dataset go, and what is kept of them.

    Parameters
    ----------
    experiment : Experiment
        The experiment.
    dataset, model : str
        Their names.
    condition : str
        Name of a family.

    Returns
    -------
    dict
        `location`, `dtype`, `pooling`, and `condition` if that changes the audio.
    """
    config, options = experiment.config, experiment.config["store"]
    key = {"dataset": dataset, "model": model, "condition": condition}
    location = experiment.file(layout.STORE, **key)
    if options["address"]:
        tail = layout.STORE.partition("/")[2].format(**key)
        location = f"{options['address'].rstrip('/')}/{tail}"
    out = {
        "location": location,
        "dtype": options["dtype"],
        "pooling": [] if options["keep_frames"] else config["pooling"],
    }
    changed = conditions.stored_as(experiment.families[condition], config["seed"])
    return out if changed is None else out | {"condition": changed}


def namespaces(experiment: Experiment) -> dict[str, str]:
    """Return what names of recordings are, of datasets whose names others may have."""
    names = {n: datasets.namespace(e) for n, e in experiment.datasets.items()}
    return {name: space for name, space in names.items() if space is not None}


def split_options(experiment: Experiment) -> dict[str, Any]:
    """Return how the folds are made. Official ones are repeated only for draws."""
    splits = experiment.config["splits"]
    options = {key: splits[key] for key in ("kind", "n_folds", "n_repeats")}
    if options["kind"] == "official" and splits["balance"] == "none":
        options["n_repeats"] = 1
    return options


def balance(experiment: Experiment, protocol: str) -> dict[str, str]:
    """Return how a protocol draws training clips."""
    return {
        "balance": experiment.study.protocol(protocol).balance_in(experiment.config)
    }


def statistics(experiment: Experiment) -> dict[str, Any]:
    """Return the options of stage 7; `n_refits` is one of stage 5."""
    options = experiment.config["statistics"]
    return {key: value for key, value in options.items() if key != "n_refits"}


def intervals(experiment: Experiment) -> dict[str, Any]:
    """Return the draws that intervals come from, and their level."""
    options = experiment.config["statistics"]
    return {key: options[key] for key in ("n_refits", "n_resamples", "confidence")}


def sensitivity_methods(experiment: Experiment) -> dict[str, dict[str, Any]]:
    """Return the entries of the methods that are tried on changed clips."""
    methods = experiment.config["methods"]
    return {name: methods[name] for name in experiment.sensitivity["methods"]}


def drawn_folds(experiment: Experiment) -> dict[str, int]:
    """Return how many folds are drawn where those of the splits do not do."""
    splits = experiment.config["splits"]
    return {key: splits[key] for key in ("n_folds", "n_repeats")}
