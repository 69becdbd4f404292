"""Where the jobs of an experiment find each of its datasets, stores or protocols.

What they are given are lists of mappings, whose values are names, options and files.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import product
from typing import Any

from earshift import datasets, layout
from earshift.conditions import Strength
from earshift.runs import job_inputs, job_params, job_versions
from earshift.runs.experiment import Experiment
from earshift.stages.sensitivity import CLEAN


def listed_datasets(experiment: Experiment) -> list[dict[str, Any]]:
    """Return where the plan of a run finds each dataset that has audio."""
    return [
        {
            "name": name,
            "entry": entry,
            "table": experiment.file(layout.CLIPS, dataset=name),
        }
        for name, entry in experiment.datasets.items()
        if datasets.has_audio(entry)
    ]


def planned_stores(experiment: Experiment) -> list[dict[str, Any]]:
    """Return where the plan of a run finds each store of features, and what makes it.

    Returns
    -------
    list of dict
        Per dataset, model that is run, and condition, as `forecast.estimate_run` takes
        them.
    """
    names = product(
        experiment.datasets, experiment.computed, experiment.conditions.values()
    )
    out = []
    for dataset, model, condition in names:
        pair = {"dataset": dataset, "model": model}
        store = pair | {"condition": condition.family}
        features = pair | {"condition": condition.name}
        options = {
            "name": model,
            "entry": experiment.models[model],
            "versions": job_versions.embedding_versions(
                experiment, model, condition.family
            ),
            "plan": experiment.file(layout.STORE_PLAN, **store),
        }
        out.append(
            features
            | {
                "features": experiment.file(layout.FEATURES, **features),
                "calibration": job_inputs.calibration_file(experiment, model),
                "options": options | job_params.store_options(experiment, **store),
            }
        )
    return out


def domain_entries(
    experiment: Experiment, model: str, condition: str, protocol: str | None = None
) -> list[dict[str, Any]]:
    """Return where stages 5 and 6 find each dataset, as a protocol uses it.

    Parameters
    ----------
    experiment : Experiment
        The experiment.
    model, condition : str
        Of the features.
    protocol : str, optional
        By default the one whose clips stand for the experiment.

    Returns
    -------
    list of dict
        Per dataset its `name`, and the files `features`, `labels` and `splits`. If
        methods have a `front`, and audio is else as it is, also `fronts`: the features
        by its name.
    """
    patterns = {
        "features": layout.FEATURES,
        "labels": layout.LABELS,
        "splits": layout.SPLITS,
    }
    key = {"model": model, "condition": condition}
    key["protocol"] = protocol or experiment.main_protocol
    fronts: list[str] = []
    if experiment.conditions[condition].strength is None:
        entries = experiment.config["methods"].values()
        fronts = sorted({e["front"] for e in entries if e.get("front")})
    out: list[dict[str, Any]] = []
    for name in experiment.datasets:
        of = partial(experiment.file, dataset=name)
        entry: dict[str, Any] = {"name": name} | {
            k: of(p, **key) for k, p in patterns.items()
        }
        if fronts:
            entry["fronts"] = {
                f: of(layout.FEATURES, model=model, condition=f) for f in fronts
            }
        out.append(entry)
    return out


def domain_files(
    experiment: Experiment, model: str, condition: str, protocol: str | None = None
) -> list[str]:
    """Return the files of `domain_entries`."""
    keys = ("features", "labels", "splits")
    entries = domain_entries(experiment, model, condition, protocol)
    files = [entry[key] for entry in entries for key in keys]
    return files + [f for e in entries for f in e.get("fronts", {}).values()]


def sensitivity_features(
    experiment: Experiment, dataset: str, model: str, family: str
) -> dict[str, str]:
    """Return where the features of a family are, by condition; ``clean`` first."""
    of = partial(experiment.file, layout.FEATURES, dataset=dataset, model=model)
    names = [n for n, c in experiment.conditions.items() if c.family == family]
    return {name: of(condition=name) for name in (CLEAN, *names)}


def sensitivity_files(
    experiment: Experiment, dataset: str, model: str, family: str
) -> list[str]:
    """Return the files of `sensitivity_features`."""
    return list(sensitivity_features(experiment, dataset, model, family).values())


def strengths(experiment: Experiment, family: str) -> dict[str, Strength]:
    """Return the strength of each condition of a family, by its name."""
    named = experiment.conditions.items()
    return {name: c.strength for name, c in named if c.family == family}


def class_entries(experiment: Experiment) -> list[dict[str, Any]]:
    """Return what each protocol has to train and test classes with, the main one first.

    Returns
    -------
    list of dict
        Per protocol and dataset `name`, `draws` (an empty list if there are none),
        `protocol`, `labels` and `splits`.
    """
    main = experiment.main_protocol
    return [
        {
            "name": name,
            "draws": draws_file(experiment, protocol),
            "protocol": protocol,
            "labels": experiment.file(layout.LABELS, protocol=protocol, dataset=name),
            "splits": experiment.file(layout.SPLITS, protocol=protocol, dataset=name),
        }
        for protocol in sorted(experiment.protocols, key=lambda p: p != main)
        for name in experiment.datasets
    ]


def class_files(experiment: Experiment) -> list[str]:
    """Return the files of `class_entries`."""
    return _given(experiment, ("labels", "splits", "draws"))


def all_draws(experiment: Experiment) -> list[str]:
    """Return the draws of all protocols that have some."""
    return _given(experiment, ("draws",))


def _given(experiment: Experiment, keys: Iterable[str]) -> list[str]:
    entries = class_entries(experiment)
    return sorted({entry[key] for entry in entries for key in keys if entry[key]})


def draws_file(experiment: Experiment, protocol: str) -> str | list[str]:
    """Return the balanced draws of a protocol; an empty list if there are none."""
    if job_params.balance(experiment, protocol)["balance"] == "none":
        return []
    return experiment.file(layout.DRAWS, protocol=protocol)
