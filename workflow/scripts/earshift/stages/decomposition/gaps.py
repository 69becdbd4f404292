"""Stage 5, decomposition: what the gap of each two datasets is made of."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from earshift import files, versions
from earshift.debias import Method
from earshift.evaluation import decomposition as terms
from earshift.evaluation.protocol import FIXED, Protocol
from earshift.stages.decomposition import clips
from earshift.stages.decomposition.clips import NoClassError, Pair
from earshift.stages.decomposition.decomposing import decomposed
from earshift.stages.decomposition.rows import COLUMNS, GAP
from earshift.stages.scores import cross_validation, inputs
from earshift.stages.splits.classes import read_classes
from earshift.workers import tasks
from earshift.workers.start import Spread

log = logging.getLogger(__name__)

#: Columns of the checks of a method.
CHECKS = ("method", "domain_auc", "slope", "calibration_error", "effective")

#: Columns of terms that hold text.
WORDS = ("of", "method", "term", "class", "reason")

#: What is made of each direction.
TABLES = ("terms", "checks")


def decompose_gaps(
    *,
    model: str,
    condition: str,
    entries: Sequence[Mapping[str, Any]],
    classes: Path,
    methods: Mapping[str, Mapping[str, Any]],
    options: Mapping[str, Any],
    protocol: Protocol = FIXED,
    classifier: Mapping[str, Any],
    splits: Mapping[str, Any],
    statistics: Mapping[str, Any],
    seed: int,
    n_workers: int,
    parts: Path,
    gaps: Path,
    checks: Path,
    spread: Spread | None = None,
) -> None:
    """Say of each direction between two datasets what the gap is made of.

    Methods are fitted to the two datasets, and all training clips train, as in
    `earshift.decompose`. A method that cannot serve a direction is left out of it.

    Parameters
    ----------
    model, condition, entries, classes, protocol, classifier, seed, n_workers, parts, \
spread
        As in `cross_validation.cross_validate`.
    methods : mapping
        Name in the experiment -> config entry of each debias method.
    options : mapping
        Section ``decomposition`` of the config: `methods`, `metric`, `n_labels`.
    splits : mapping
        `n_folds` and `n_repeats` of the folds that are drawn where those of the
        datasets do not test each clip.
    statistics : mapping
        `n_refits`, `n_resamples` and `confidence`.
    gaps, checks : Path
        Parquet files to write: the columns of `tables.DECOMPOSITION` and
        `tables.DECOMPOSITION_CHECKS`.
    """
    chosen = Method.of_all({name: methods[name] for name in options["methods"]})
    chosen = cross_validation.served(chosen, entries, condition)
    told = {
        "classes": read_classes(classes),
        **cross_validation.classifier_of_tasks(protocol.classifier_in(classifier)),
        **{key: options[key] for key in ("metric", "n_labels")},
        **{key: splits[key] for key in ("n_folds", "n_repeats")},
        **{key: statistics[key] for key in ("n_refits", "n_resamples", "confidence")},
        "seed": seed,
        "version": versions.DECOMPOSITION,
    }
    made = tasks.run_groups(
        decompose_direction,
        [[task] for task in _tasks(entries, told, chosen)],
        name="earshift.decomposition.decompose_direction",
        tables=TABLES,
        folder=parts,
        n_workers=n_workers,
        spread=spread,
        what=f"{model} / {condition}: decomposition",
    )
    for table, path in zip(made, (gaps, checks), strict=True):
        named = table.assign(protocol=protocol.name, model=model, condition=condition)
        with files.whole_file(path) as file:
            named.to_parquet(file, index=False)


def _tasks(
    entries: Sequence[Mapping[str, Any]],
    told: Mapping[str, Any],
    methods: Mapping[str, Method],
) -> Iterator[dict[str, Any]]:
    """Yield the task of each direction."""
    for pair in permutations(entries, 2):
        source, target = names = [entry["name"] for entry in pair]
        served = []
        for name, method in methods.items():
            if reason := method.cannot(source, target, names):
                log.info("%s, from %s to %s: left out: %s", name, *names, reason)
            else:
                served.append(method)
        loaded = _pairs(pair, told["classes"], served)
        if not clips.has_folds(next(iter(loaded.values()))):
            log.info(
                "from %s to %s: the splits do not test every clip, so %d folds are "
                "drawn",
                *(*names, told["n_folds"]),
            )
        yield {
            **told,
            "entries": [dict(entry) for entry in pair],
            "digest": [[domain.digest() for domain in own] for own in loaded.values()],
            "methods": [method.task for method in served],
        }


def _pairs(
    entries: Sequence[Mapping[str, Any]],
    classes: Sequence[str],
    methods: Sequence[Method],
) -> dict[str, Pair]:
    """Return source and target as each method gets them, of the clips that all have."""
    pairs = {}
    for method in methods:
        own = inputs.load_all(inputs.behind(entries, method.front), classes)
        pairs[method.name] = (own[0], own[1])
    return clips.in_common(pairs)


def decompose_direction(
    *,
    entries: Sequence[Mapping[str, Any]],
    classes: Sequence[str],
    methods: Sequence[Mapping[str, Any]],
    metric: str,
    n_labels: int,
    n_folds: int,
    n_repeats: int,
    seed: int,
    **shared: Any,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Decompose the gap between two datasets, and the loss from the first to the other.

    Parameters
    ----------
    entries : sequence of mapping
        Source and target.
    classes, metric, n_labels, n_folds, n_repeats, seed
        As in `decompose_gaps`.
    methods : sequence of mapping
        `Method.task` of each, the first without a correction.
    **shared
        `n_refits`, `n_resamples`, `confidence`, and the classifier's settings.

    Returns
    -------
    terms : DataFrame
        `train`, `test`, `metric`, `n_labels` and `rows.COLUMNS`. Where no class can be
        trained there is one row, of the gap, with the reason.
    checks : DataFrame
        `train`, `test` and `CHECKS`.
    """
    own = {
        task["method"]: Method.of_task(
            task["method"], task["method_entry"], task["method_version"]
        )
        for task in methods
    }
    names = {"train": entries[0]["name"], "test": entries[1]["name"]}
    pairs = _pairs(entries, classes, list(own.values()))
    try:
        both = clips.clips_of(
            pairs, classes, n_folds=n_folds, n_repeats=n_repeats, seed=seed
        )
    except NoClassError as error:
        row = {"of": "gap", "method": "", "term": GAP, "class": "", "n_classes": 0}
        table = pd.DataFrame([{**row, "reason": str(error)}], columns=COLUMNS)
        checks = pd.DataFrame(columns=CHECKS)
    else:
        table, checks = decomposed(
            *(both, own, cross_validation.trainer_of(shared), terms.metric_of(metric)),
            n_labels=n_labels,
            seed=seed,
            **{key: shared[key] for key in ("n_refits", "n_resamples", "confidence")},
        )
    numbers = [name for name in COLUMNS if name not in WORDS]
    # Sums that are 0 but for the order of their parts are 0, and not -0.
    table[numbers] = table[numbers].astype(np.float64).round(9) + 0.0
    checks = checks.astype(dict.fromkeys(CHECKS[1:], np.float64))
    more = {"metric": metric, "n_labels": n_labels}
    return _named(table, names | more), _named(checks, names)


def _named(table: pd.DataFrame, names: Mapping[str, Any]) -> pd.DataFrame:
    """Return a table with further columns in front."""
    return table.assign(**names)[[*names, *table.columns]]
