"""Stage 6, sensitivity: classifiers of clips as they are, and of changed ones.

A condition takes the part that a dataset has in stage 5: classifiers of each of the two
conditions of a pair, ``clean`` and a strength, score the same held-out clips in both;
methods are fitted to both, and the condition is what they call the domain. Folds, inner
folds and training data that are drawn anew are of the same recordings in both.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from earshift import files, versions
from earshift.debias import Method
from earshift.evaluation.protocol import FIXED, Protocol
from earshift.evaluation.samples import ALL
from earshift.stages.scores import cross_validation, score_tables
from earshift.stages.sensitivity import CLEAN, RANDOM
from earshift.stages.splits.classes import read_classes
from earshift.workers import tasks
from earshift.workers.start import Spread


def score_sensitivity(
    *,
    dataset: str,
    model: str,
    family: str,
    features: Mapping[str, str],
    labels: str,
    splits: str,
    classes: Path,
    methods: Mapping[str, Mapping[str, Any]],
    protocol: Protocol = FIXED,
    classifier: Mapping[str, Any],
    n_refits: int,
    seed: int,
    n_workers: int,
    parts: Path,
    clip_scores: Path,
    spread: Spread | None = None,
) -> None:
    """Score the clips of a dataset, unchanged and in each strength of a family.

    Parameters
    ----------
    dataset, model, family : str
        Which clips; written into the table.
    features : mapping of str to str
        Condition -> its features; the first is ``clean``.
    labels, splits : str
        Files of stage 4. All clips that do not test may train.
    classes, protocol, classifier, n_refits, seed, n_workers, parts, spread
        As in `cross_validation.cross_validate`.
    methods : mapping
        Name in the experiment -> config entry of each debias method.
    clip_scores : Path
        Parquet file to write, with the columns of that of `cross_validate`; `train` and
        `test` are conditions, among them ``random``, in which each clip is in one of
        the strengths, and `condition` is the family.
    """
    changed = {name: path for name, path in features.items() if name != CLEAN}
    told = {
        "classes": read_classes(classes),
        **cross_validation.classifier_of_tasks(protocol.classifier_in(classifier)),
        "n_refits": n_refits,
        "seed": seed,
        "shares": False,
        "version": versions.SENSITIVITY,
    }
    conditions: dict[str, str | list[str]] = {**changed}
    if len(changed) > 1:
        conditions[RANDOM] = list(changed.values())
    given = {"labels": labels, "splits": splits}
    clean = {"name": CLEAN, "features": features[CLEAN], **given}
    groups = [
        group
        for name, paths in conditions.items()
        for group in cross_validation.split_groups(
            [clean, {"name": name, "features": paths, "drawn_as": CLEAN, **given}],
            told,
            Method.of_all(methods),
            ["global"],
            [told["classes"]],
        )
    ]
    table, _ = tasks.run_groups(
        cross_validation.score_fold,
        tasks.enough(groups, n_workers, spread),
        name="earshift.sensitivity.score_fold",
        tables=score_tables.TABLES,
        folder=parts,
        n_workers=n_workers,
        spread=spread,
        what=f"{dataset} / {model} / {family}: scores",
    )
    table = table[table["sample"].eq(ALL)]
    named = {"protocol": protocol.name, "model": model, "condition": family}
    with files.whole_file(clip_scores) as file:
        table.assign(dataset=dataset, **named).to_parquet(file, index=False)
