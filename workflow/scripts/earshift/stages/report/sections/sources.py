"""What the page says of datasets, classes, models and methods, from the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from earshift import classifiers, datasets, layout, registry, store
from earshift.conditions import conditions_of
from earshift.debias import Method
from earshift.evaluation.protocol import study_of
from earshift.names import text_of
from earshift.stages.report import words
from earshift.stages.report.sections import paths
from earshift.stages.splits import alignment, left_out, selection
from earshift.stages.statistics.access import access_of
from earshift.tables import CLASSES, CLIP_AUDIT, SKIPPED

#: Rows of an audit that the page shows; the file holds them all.
SHOWN = 40


def describe_datasets(results: Path, config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one description per dataset: counts, rates, subgroups, unusable clips.

    Parameters
    ----------
    results : Path
        Folder of the results.
    config : mapping
        The complete configuration.

    Returns
    -------
    list of dict
        Keys name, clips, usable, in_use, recordings, minutes, rates, subgroups,
        audit, n_audit, audit_file.
    """
    out = []
    for name in config["datasets"]:
        table = pd.read_parquet(layout.path(results, layout.CLIPS, dataset=name))
        usable = table[table["status"].eq("ok")]
        in_use = pd.read_parquet(
            layout.path(results, layout.ALL_LABELS, dataset=name), columns=["clip_id"]
        )
        audit = _audit(results, name, config)
        groups = usable["subgroup"].dropna()
        rates = usable["sample_rate_hz"][usable["sample_rate_hz"] > 0] / 1000
        out.append(
            {
                "name": name,
                "clips": len(table),
                "usable": len(usable),
                "in_use": len(in_use),
                "recordings": usable["recording"].nunique(),
                "minutes": words.number(float(usable["duration_s"].sum()) / 60, 1),
                "rates": _counts(rates.map("{:g} kHz".format)) or "audio not at hand",
                "subgroups": _counts(groups) or "none given",
                "audit": audit[:SHOWN],
                "n_audit": len(audit),
                "audit_file": layout.CLIP_AUDIT.format(dataset=name),
            }
        )
    return out


def _counts(values: pd.Series[Any]) -> str:
    return ", ".join(f"{k} ({n})" for k, n in values.value_counts().items())


def _audit(results: Path, name: str, config: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the clips of a dataset that were left out, by which stage, and why."""
    out = []
    audit = CLIP_AUDIT.read(layout.path(results, layout.CLIP_AUDIT, dataset=name))
    for row in audit[audit["usable"].eq("no")].to_dict("records"):
        what = row["clip_id"] or row["path"]
        stage = f"audio: {row['status']}"
        out.append({"clip": what, "stage": stage, "reason": row["reason"]})
    for model in config["models"]:
        for condition in conditions_of(config["conditions"]):
            key = {"dataset": name, "model": model, "condition": condition}
            file = layout.path(results, layout.NO_FEATURES, **key)
            for row in SKIPPED.read(file).to_dict("records"):
                stage = f"features of {model}, {condition}"
                out.append(
                    {"clip": row["clip_id"], "stage": stage, "reason": row["reason"]}
                )
    return out


def describe_classes(results: Path, names: list[str]) -> list[dict[str, Any]]:
    """Return one description per class that any dataset has labels for.

    Parameters
    ----------
    results : Path
        Folder of the results.
    names : list of str
        Datasets.

    Returns
    -------
    list of dict
        Keys name, used, reason, and counts: per dataset present, absent and unknown.
    """
    found = CLASSES.read(layout.path(results, layout.CLASSES))
    out = []
    for c, rows in found.groupby("class", sort=True):
        own = rows.set_index("dataset").loc[names]
        labelled = own["reason"].ne(left_out.NOT_LABELLED)
        counts = own[["n_present", "n_absent", "n_unknown"]].to_numpy().tolist()
        cells = [
            n if known else None for n, known in zip(counts, labelled, strict=True)
        ]
        used = bool(own["used"].all())
        reason = "" if used else left_out.because(rows)
        out.append({"name": c, "used": used, "reason": reason, "counts": cells})
    return sorted(out, key=lambda row: not row["used"])


def describe_alignment(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one description per class of the alignment file, if there is one.

    Parameters
    ----------
    config : mapping
        The complete configuration.

    Returns
    -------
    list of dict
        Keys name and labels: per dataset of the experiment the rule in words, or None
        where the dataset does not have the class.
    """
    if not config["alignment"]:
        return []
    found = alignment.read(alignment.location(config["alignment"]))
    rules = {
        name: alignment.rules_of(found, name, entry["plugin"])
        for name, entry in config["datasets"].items()
    }
    out = []
    for c in found:
        # A dataset that the file does not name keeps its own labels.
        cells = [
            c if own is None else str(own[c]) if c in own else None
            for own in rules.values()
        ]
        out.append({"name": c, "labels": cells})
    return out


def describe_draws(results: Path, config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return how many clips were drawn for each class, if training is balanced.

    Parameters
    ----------
    results : Path
        Folder of the results.
    config : mapping
        The complete configuration.

    Returns
    -------
    list of dict
        Keys name and counts: per dataset the clips drawn with and without the class,
        means over repeats and folds.
    """
    if config["splits"]["balance"] == "none":
        return []
    protocol = selection.main(config["protocols"])
    drawn = pd.read_parquet(layout.path(results, layout.DRAWS, protocol=protocol))
    n_draws = len(drawn[["repeat", "fold"]].drop_duplicates())
    names = list(config["datasets"])
    labels = {
        name: pd.read_parquet(
            layout.path(results, layout.ALL_LABELS, dataset=name)
        ).set_index("clip_id")
        for name in names
    }
    out = []
    for c in sorted(drawn["class"].unique()):
        cells = []
        for name in names:
            own = drawn[drawn["class"].eq(c) & drawn["dataset"].eq(name)]
            present = labels[name].loc[own["clip_id"], datasets.LABEL + c].sum()
            n = (present / n_draws, (len(own) - present) / n_draws)
            cells.append(tuple(words.number(float(x), 1) for x in n))
        out.append({"name": c, "counts": cells})
    return out


def describe_models(results: Path, config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one description per model: version, options, weights.

    Parameters
    ----------
    results : Path
        Folder of the results.
    config : mapping
        The complete configuration.

    Returns
    -------
    list of dict
        Keys name, plugin, version, options, weights, commits.
    """
    out = []
    for name, entry in config["models"].items():
        found = [
            store.attributes(results / path)
            for path in paths({**config, "models": [name]}, layout.FEATURES)
        ]
        common = ("short", "resampler", "precision")
        options = dict(found[0].get("options", {}))
        options |= {key: found[0][key] for key in common if key in found[0]}
        commits = {f["provenance"]["commit"] for f in found if "provenance" in f}
        out.append(
            {
                "name": name,
                "plugin": entry["plugin"],
                "version": registry.version_of("models", entry["plugin"]),
                "options": ", ".join(f"{k} = {v}" for k, v in options.items()),
                "weights": sorted({w for f in found for w in _weights(f)}),
                "commits": sorted(commits),
            }
        )
    return out


def _weights(facts: Mapping[str, Any]) -> list[str]:
    """Return the hash of each weights file, and which it is; or of an imported one."""
    if imported := facts.get("imported"):
        return [f"imported from {imported['file']}, {imported['sha256']}"]
    hashes = facts.get("weights_sha256", [])
    names = facts.get("weights_published", [None] * len(hashes))
    return [h + (f" ({n})" if n else "") for h, n in zip(hashes, names, strict=True)]


def describe_conditions(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one description per condition; none if the audio is used as it is.

    Parameters
    ----------
    config : mapping
        The complete configuration.

    Returns
    -------
    list of dict
        Keys name, label, strength (with its unit), options, plugin, version.
    """
    found = conditions_of(config["conditions"]).values()
    if all(condition.strength is None for condition in found):
        return []
    out = []
    for condition in found:
        entry = config["conditions"][condition.family]
        plugin = registry.load("conditions", entry["plugin"])
        strength = condition.strength
        text = "" if strength is None else f"{text_of(strength)} {plugin.unit}".strip()
        options = registry.own_options(entry).items()
        out.append(
            {
                "name": condition.name,
                "label": plugin.label,
                "strength": text.replace("-", "\N{MINUS SIGN}"),
                "options": ", ".join(
                    f"{k} = {v}" for k, v in options if k != "strengths"
                ),
                "plugin": entry["plugin"],
                "version": registry.version_of("conditions", entry["plugin"]),
            }
        )
    return out


def describe_classifier(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the description of the experiment's classifier.

    Parameters
    ----------
    config : mapping
        The complete configuration.

    Returns
    -------
    dict
        Keys name, summary, options, default (whether it is the one of experiments that
        name none).
    """
    entry = config["classifier"]
    plugin = registry.load("classifiers", entry["plugin"])
    options = registry.own_options(entry)
    return {
        "name": Path(entry["plugin"]).stem,
        "summary": _summary(plugin),
        "options": ", ".join(f"{k} = {v}" for k, v in options.items()),
        "default": entry["plugin"] == classifiers.DEFAULT,
    }


def _summary(plugin: ModuleType) -> str:
    """Return the first paragraph of a plugin's docstring, as one line."""
    return (plugin.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")


def share_subgroup(results: Path, names: Sequence[str]) -> bool:
    """Return True if some subgroup is in every dataset.

    Parameters
    ----------
    results : Path
        Folder of the results.
    names : sequence of str
        Datasets.
    """
    subgroups = []
    for name in names:
        file = layout.path(results, layout.CLIPS, dataset=name)
        table = pd.read_parquet(file, columns=["status", "subgroup"])
        subgroups.append(set(table.loc[table["status"].eq("ok"), "subgroup"].dropna()))
    return bool(set.intersection(*subgroups))


def describe_methods(
    config: Mapping[str, Any], *, share_subgroup: bool
) -> list[dict[str, str]]:
    """Return one description per method: access, what it does, and notes.

    Parameters
    ----------
    config : mapping
        The complete configuration.
    share_subgroup : bool
        Whether some subgroup is in every dataset.

    Returns
    -------
    list of dict
        Keys name, access, summary, note.
    """
    out = []
    for method in Method.of_all(config["methods"]).values():
        notes = [f"There is {s}." for s in method.left_out(list(config["datasets"]))]
        if method.needs_subgroups and not share_subgroup:
            notes.append(
                "No subgroup is in all of these datasets, so it takes all clips for "
                "one subgroup."
            )
        if method.is_auc_neutral and _is_linear(config["classifier"]):
            notes.append(
                "It cannot change ROC-AUC: it moves all clips of a dataset alike."
            )
        out.append(
            {
                "name": method.name,
                "access": _access(method, config),
                "summary": _summary(method.module),
                "note": " ".join(notes),
            }
        )
    return out


def _is_linear(entry: Mapping[str, Any]) -> bool:
    """Return whether a classifier says that its scores are linear in the features."""
    return bool(getattr(registry.load("classifiers", entry["plugin"]), "linear", False))


def _access(method: Method, config: Mapping[str, Any]) -> str:
    """Return what a method sees; where that differs, in which protocols and scopes."""
    balance = config["splits"]["balance"]
    own = [
        protocol
        for protocol in study_of(config["study"]).named(config["protocols"])
        if protocol.methods is None or method.plugin in protocol.methods
    ]
    scopes = config["scopes"] if method.has_scopes else ["global"]
    cells: dict[str, list[str]] = {}
    for protocol, scope in product(own, scopes):
        seen = access_of(method, scope, protocol=protocol, balance=balance)
        where = [protocol.name] * (len(own) > 1) + [scope] * (len(scopes) > 1)
        cells.setdefault(seen, []).append(" ".join(where))
    if len(cells) == 1:
        return next(iter(cells))
    return "; ".join(f"{seen} ({words.listed(at)})" for seen, at in cells.items())
