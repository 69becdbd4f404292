"""Which jobs an experiment has, and which of them are done, from files alone.

How many there are follows from the configuration, and for jobs that share the clips of
a dataset from what earlier stages wrote. A job is done when its result is there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from itertools import product
from pathlib import Path
from string import Formatter
from typing import Any, NamedTuple

from earshift import files, layout, models
from earshift.conditions import conditions_of, studied
from earshift.evaluation.protocol import FIXED, study_of
from earshift.stages.clips import inspection

#: Rule of the core -> its stage, and what each of its jobs writes in the folder of the
#: results. A study adds its own (`Study.jobs`).
RULES = {
    "list_clips": ("1 clips", layout.CLIP_LIST),
    "inspect_files": ("1 clips", layout.SHARE),
    "gather_clips": ("1 clips", layout.CLIPS),
    "find_duplicates": ("1 clips", layout.DUPLICATES),
    "audit_datasets": ("1 clips", layout.DATASET_AUDIT),
    "calibrate_model": ("2 embeddings", layout.CALIBRATION),
    "plan_regions": ("2 embeddings", layout.STORE_PLAN),
    "extract_embeddings": ("2 embeddings", layout.REGION_DONE),
    "index_embeddings": ("2 embeddings", layout.INDEX),
    "count_padding": ("2 embeddings", layout.PADDING),
    "import_embeddings": ("2 embeddings", layout.INDEX),
    "pool_frames": ("3 features", layout.FEATURES),
    "align_labels": ("4 splits", layout.ALL_LABELS),
    "make_splits": ("4 splits", layout.ALL_SPLITS),
    "select_clips": ("4 splits", layout.SPLITS),
    "draw_balanced": ("4 splits", layout.DRAWS),
    "choose_classes": ("4 splits", layout.CLASSES),
    "cross_validate": ("5 scores", layout.CLIP_SCORES),
    "score_few_labels": ("5 few labels", layout.LABEL_SCORES),
    "summarise_few_labels": ("5 few labels", layout.LABEL_VALUE_TABLE),
    "decompose_gaps": ("5 decomposition", layout.DECOMPOSITION),
    "gather_decompositions": ("5 decomposition", layout.DECOMPOSITION_TABLE),
    "measure_discrepancy": ("6 discrepancy", layout.DISCREPANCY),
    "measure_sensitivity": ("6 sensitivity", layout.MOVEMENT),
    "score_sensitivity": ("6 sensitivity", layout.CONDITION_SCORES),
    "summarise_sensitivity": ("6 sensitivity", layout.SENSITIVITY_TABLE),
    "summarise_scores": ("7 statistics", layout.SCORE_TABLE),
    "draw_figures": ("8 report", layout.FIGURE.format(figure="per_class")),
    "draw_few_labels": ("8 report", layout.FIGURE.format(figure="label_curves")),
    "draw_decomposition": ("8 report", layout.FIGURE.format(figure="decomposition")),
    "draw_sensitivity": ("8 report", layout.FIGURE.format(figure="sensitivity")),
    "draw_audio": ("8 report", layout.FIGURE.format(figure="audio")),
    "write_report": ("8 report", layout.REPORT),
}

Config = Mapping[str, Any]

#: The wildcards of a job.
Key = Mapping[str, str]


class Job(NamedTuple):
    """One job of an experiment.

    Parameters
    ----------
    rule : str
        One of `RULES`, or a rule of the study.
    stage : str
        Its stage, such as ``"5 scores"``.
    name : str
        Its wildcards, as they are in the path of its log; empty if it has none.
    done : bool
        Whether its result is there.
    clips : int
        Clips that it embeds, if it is a job of stage 2 that does.
    """

    rule: str
    stage: str
    name: str
    done: bool
    clips: int = 0


def expected_jobs(config: Config, results: Path) -> tuple[list[Job], list[str]]:
    """Return the jobs of an experiment.

    Parameters
    ----------
    config : mapping
        As `settings.resolve` returns it.
    results : Path
        Folder of the results.

    Returns
    -------
    list of Job, list of str
        Jobs that are known; stages that will have more, once earlier jobs are done.
    """
    names_in = cache(_names_in)
    jobs, more = [], []
    of_study = study_of(config["study"]).jobs(config)
    for rule, (stage, pattern) in (RULES | of_study).items():
        fields = _fields(pattern)
        named = [n for n in fields if n != "dataset" or rule not in JOINT]
        for key in _keys(rule, fields, config):
            if rule in of_study and key.get("protocol") == FIXED.name:
                continue
            shares = _shares(rule, key, config, results)
            if shares is None:
                more.append(stage)
                continue
            for last, clips in shares.items():
                wildcards = key | ({LAST[rule]: last} if rule in LAST else {})
                file = layout.path(results, pattern, **wildcards)
                name = "/".join(wildcards[n] for n in named)
                if rule == "calibrate_model":
                    name = "{model}/clean.{key}".format(**wildcards)
                done = file.name in names_in(file.parent)
                jobs.append(Job(rule, stage, name, done, clips))
    return jobs, more


def has_jobs(config: Config, rule: str) -> bool:
    """Return whether an experiment has jobs of a rule.

    Parameters
    ----------
    config : mapping
        As `settings.resolve` returns it.
    rule : str
        Name of a rule. Of rules that are not in `RULES` nothing is known: True.
    """
    if rule not in RULES:
        return True
    fields = _fields(RULES[rule][1])
    return next(_keys(rule, fields, config), None) is not None


def _fields(pattern: str) -> list[str]:
    return [name for _, name, _, _ in Formatter().parse(pattern) if name]


def _names_in(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()} if folder.is_dir() else set()


def _keys(rule: str, fields: list[str], config: Config) -> Iterator[dict[str, str]]:
    """Yield the wildcards of a rule's jobs, but for the last one of those in `LAST`."""
    families = config["conditions"]
    stage = RULES[rule][0] if rule in RULES else ""
    known: Iterable[str] = studied(config)
    if stage == "2 embeddings":  # One store has all strengths of a family.
        known = families
    elif stage == "3 features":
        known = conditions_of(families)
    choices = {
        "dataset": list(config["datasets"])[: 1 if rule in JOINT else None],
        "model": list(config["models"]),
        "condition": list(known),
        "family": config["sensitivity"]["conditions"],
        "protocol": list(config["protocols"]),
    }
    free = [name for name in dict.fromkeys(fields) if name in choices]
    for values in product(*(choices[name] for name in free)):
        key = dict(zip(free, values, strict=True))
        if rule not in ONLY or ONLY[rule](config, key):
            yield key


def _computed(config: Config, key: Key) -> bool:
    return not models.is_imported(config["models"][key["model"]])


def _balance(config: Config, key: Key) -> str:
    protocol = study_of(config["study"]).protocol(key["protocol"])
    return protocol.balance_in(config)


def _few_labels(config: Config, key: Key) -> bool:  # noqa: ARG001
    return bool(config["few_labels"]["methods"])


def _decomposition(config: Config, key: Key) -> bool:  # noqa: ARG001
    return bool(config["decomposition"]["methods"])


def _sensitivity(config: Config, key: Key) -> bool:  # noqa: ARG001
    return bool(config["sensitivity"]["conditions"])


#: Rule -> which of its jobs an experiment has, where it is not all.
ONLY: Mapping[str, Callable[[Config, Key], bool]] = {
    "calibrate_model": _computed,
    "plan_regions": _computed,
    "extract_embeddings": _computed,
    "index_embeddings": _computed,
    "import_embeddings": lambda config, key: not _computed(config, key),
    "draw_balanced": lambda config, key: _balance(config, key) != "none",
    "score_few_labels": _few_labels,
    "summarise_few_labels": _few_labels,
    "draw_few_labels": _few_labels,
    "decompose_gaps": _decomposition,
    "gather_decompositions": _decomposition,
    "draw_decomposition": _decomposition,
    "summarise_sensitivity": _sensitivity,
    "draw_sensitivity": _sensitivity,
}

#: Rules whose jobs write a file for each dataset: that of the first stands for all.
JOINT = ("make_splits", "select_clips")

#: Rule -> the wildcard that its configuration does not tell.
LAST = {
    "inspect_files": "share",
    "calibrate_model": "key",
    "extract_embeddings": "region",
}


def _shares(
    rule: str, key: Key, config: Config, results: Path
) -> dict[str, int] | None:
    """Return the last wildcard of some jobs, and their clips; None if not known yet."""
    if rule == "calibrate_model":
        entry = config["models"][key["model"]]
        return {files.content_key([entry, models.versions_of(entry)]): 0}
    if rule == "inspect_files":
        notes = _read(layout.path(results, layout.CLIP_NOTES, **key))
        n = inspection.n_shares(notes["clips"]) if notes and notes["audio"] else 0
        return None if notes is None else {f"{i:04d}": 0 for i in range(n)}
    if rule == "extract_embeddings":
        plan = _read(layout.path(results, layout.STORE_PLAN, **key))
        work = plan["work"].items() if plan else ()
        return None if plan is None else {name: part["clips"] for name, part in work}
    return {"": 0}


def _read(file: Path) -> dict[str, Any] | None:
    return json.loads(file.read_text()) if file.is_file() else None
