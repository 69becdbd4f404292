"""Stage 5, scores: cross-validate classifiers within and across datasets."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score
from sklearn.preprocessing import StandardScaler

from earshift import (
    classifier,
    cluster,
    domains,
    jobs,
    registry,
    statistics,
    versions,
)
from earshift.classes import read_classes
from earshift.domains import PRESENT, Domain
from earshift.errors import DataError

#: What identifies a row of the score table, in the order of its columns.
CELL = (
    "protocol",
    "model",
    "condition",
    "method",
    "scope",
    "train",
    "test",
    "class",
    "repeat",
)

METRICS = (
    "roc_auc",
    "average_precision",
    "accuracy",
    "precision",
    "recall",
    "f1",
    "n_positive",
    "n_test",
)


def cross_validate(
    *,
    model: str,
    condition: str,
    entries: Sequence[Mapping[str, str]],
    classes: Path,
    draws: Path | None = None,
    methods: Mapping[str, Mapping[str, Any]],
    scopes: Sequence[str],
    protocol: str,
    grid: Sequence[float],
    n_inner_folds: int,
    seed: int,
    n_workers: int,
    parts: Path,
    clip_scores: Path,
    scores: Path,
) -> None:
    """Score every method, scope and pair of datasets for one model and condition.

    Parameters
    ----------
    model, condition : str
        Which features; written into the tables.
    entries : sequence of mapping
        Per dataset `name` and the paths `features`, `labels`, `splits`.
    classes : Path
        CSV file from `choose_classes`.
    draws : Path, optional
        Balanced draws of the training clips; without, all that do not test train.
    methods : mapping
        Name in the experiment -> config entry of each debias method.
    scopes : sequence of {"global", "classwise"}
        Whether a method is fitted on all training clips, or anew for each class on the
        clips that have it (this uses labels of the target dataset).
    protocol : str
        Written into the tables.
    grid : sequence of float
        Values of C that inner folds choose from.
    n_inner_folds, seed : int
        Folds of that choice, and the seed of all draws.
    n_workers : int
        Processes; 0 for none.
    parts : Path
        Folder where results of tasks are kept, for this run and the next.
    clip_scores : Path
        Parquet file to write: a row per test clip, class, method, scope, train dataset.
    scores : Path
        CSV file to write: columns `CELL` and `METRICS`.
    """
    chosen = read_classes(classes)
    balanced = {"draws": str(draws)} if draws else {}
    entries = [{**entry, **balanced} for entry in entries]
    all_domains = domains.load_all(entries, chosen)
    shared = {
        "entries": entries,
        "digest": [domain.digest() for domain in all_domains],
        "classes": chosen,
        "grid": list(grid),
        "n_inner_folds": n_inner_folds,
        "seed": seed,
        "version": versions.SCORES,
    }
    todo = cells(methods, scopes, folds(all_domains))
    tasks = [shared | cell for cell in todo]
    rows = cluster.run_tasks(
        score_fold,
        tasks,
        folder=parts,
        n_workers=n_workers,
        what=f"{model} / {condition}: scores",
    )
    rows = rows.assign(protocol=protocol, model=model, condition=condition)
    with jobs.whole_file(clip_scores) as file:
        rows.to_parquet(file, index=False)
    with jobs.whole_file(scores) as file:
        _metrics(rows).to_csv(file, index=False, float_format="%.6f")


def cells(
    methods: Mapping[str, Mapping[str, Any]],
    scopes: Sequence[str],
    folds: Sequence[tuple[int, int]],
) -> Iterator[dict[str, Any]]:
    """Yield what distinguishes one task from another."""
    for name, entry in methods.items():
        version = registry.load("debias", entry["plugin"]).version
        for scope in scopes:
            for repeat, fold in folds:
                yield {
                    "method": name,
                    "method_entry": dict(entry),
                    "method_version": version,
                    "scope": scope,
                    "repeat": repeat,
                    "fold": fold,
                }


def folds(all_domains: Sequence[Domain]) -> list[tuple[int, int]]:
    """Return the (repeat, fold) pairs that every dataset has."""
    found = [
        {(r, int(f)) for r, row in enumerate(d.folds) for f in np.unique(row[row >= 0])}
        for d in all_domains
    ]
    return sorted(set.intersection(*found))


def score_fold(
    *,
    entries: Sequence[Mapping[str, str]],
    classes: Sequence[str],
    grid: Sequence[float],
    n_inner_folds: int,
    seed: int,
    method: str,
    method_entry: Mapping[str, Any],
    scope: str,
    repeat: int,
    fold: int,
    **_: Any,
) -> pd.DataFrame:
    """Train on one fold of each dataset in turn, score the test clips of all.

    Features are standardised by the training clips of the source alone; the method is
    fitted on the training clips of all datasets; both see nothing of the test clips.
    With balanced draws, the training clips are those drawn for the class.

    Parameters
    ----------
    entries, classes, grid, n_inner_folds, seed, scope
        As in `cross_validate`.
    method, method_entry
        Name and config entry of the debias method.
    repeat, fold : int
        Which split.

    Returns
    -------
    DataFrame
        Columns method, scope, train, test, class, repeat, fold, clip_id, recording,
        present, score (log-odds), C.
    """
    all_domains = domains.load_all(entries, classes)
    anew = scope == "classwise" or any(d.drawn is not None for d in all_domains)
    tables = []
    for i, source in enumerate(all_domains):
        view: list[NDArray[np.float64]] | None = None
        for c, name in enumerate(classes):
            train = [d.train(repeat, fold, c) for d in all_domains]
            if view is None or anew:
                view = _view(all_domains, i, train, method_entry, scope, c)
            rng = _generator(seed, repeat, fold, source.name, name)
            known = train[i] & (source.labels[:, c] >= 0)
            fitted = _fit_class(
                source, view[i], known, c, grid, n_inner_folds, rng, name
            )
            for target, X in zip(all_domains, view, strict=True):
                table = _test_rows(target, X, c, repeat, fold, fitted)
                tables.append(table.assign(train=source.name, **{"class": name}))
    return pd.concat(tables, ignore_index=True).assign(
        method=method, scope=scope, repeat=repeat, fold=fold
    )


def _view(
    all_domains: Sequence[Domain],
    source: int,
    train: Sequence[NDArray[np.bool_]],
    method_entry: Mapping[str, Any],
    scope: str,
    c: int,
) -> list[NDArray[np.float64]]:
    """Return the features of all datasets: scaled, corrected, in the source's span."""
    scaler = StandardScaler().fit(all_domains[source].X[train[source]])
    scaled = [scaler.transform(d.X) for d in all_domains]
    seen = list(train)
    if scope == "classwise":
        labelled = [d.labels[:, c] == PRESENT for d in all_domains]
        seen = [a & b for a, b in zip(train, labelled, strict=True)]
    transformer = domains.fit_method(
        method_entry,
        list(zip(all_domains, scaled, seen, strict=True)),
        source=all_domains[source].name,
    )
    views = [transformer.transform(x) for x in scaled]
    return _into_row_space(views, train[source], source)


def _generator(seed: int, repeat: int, fold: int, *names: str) -> np.random.Generator:
    """Return a generator that depends on names, not on how many others there are."""
    words = [zlib.crc32(name.encode()) for name in names]
    return np.random.default_rng([seed, repeat, fold, *words])


def _into_row_space(
    views: list[NDArray[np.float64]], train: NDArray[np.bool_], source: int
) -> list[NDArray[np.float64]]:
    """Rotate all features into the span of the source's training clips."""
    basis = classifier.row_space(views[source][train])
    return [view @ basis.T for view in views]


def _fit_class(
    source: Domain,
    X: NDArray[np.float64],
    known: NDArray[np.bool_],
    c: int,
    grid: Sequence[float],
    n_inner_folds: int,
    rng: np.random.Generator,
    name: str,
) -> classifier.Classifier:
    try:
        return classifier.fit(
            X[known],
            source.labels[known, c] == PRESENT,
            source.recording[known],
            grid,
            n_inner_folds,
            rng,
        )
    except DataError as error:
        raise DataError(f"dataset '{source.name}', class '{name}': {error}") from error


def _test_rows(
    target: Domain,
    X: NDArray[np.float64],
    c: int,
    repeat: int,
    fold: int,
    fitted: classifier.Classifier,
) -> pd.DataFrame:
    """Score the labelled test clips of one dataset."""
    test = (target.folds[repeat] == fold) & (target.labels[:, c] >= 0)
    return pd.DataFrame(
        {
            "test": target.name,
            "clip_id": target.clip_id[test],
            "recording": target.recording[test],
            "present": target.labels[test, c] == PRESENT,
            "score": fitted.score(X[test]),
            "C": fitted.C,
        }
    )


def _metrics(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row of metrics per cell."""
    out = []
    for cell, part in rows.groupby(list(CELL), sort=False):
        scores = part["score"].to_numpy(float)
        present = part["present"].to_numpy(bool)
        folds = part["fold"].to_numpy(int)
        out.append(
            dict(zip(CELL, cell, strict=True))
            | {
                "roc_auc": statistics.fold_auc(scores, present, folds),
                "average_precision": _average_precision(scores, present, folds),
                **statistics.threshold_metrics(scores, present),
                "n_positive": int(present.sum()),
                "n_test": len(part),
            }
        )
    return pd.DataFrame(out, columns=[*CELL, *METRICS])


def _average_precision(
    scores: NDArray[np.float64], present: NDArray[np.bool_], folds: NDArray[np.int64]
) -> float:
    """Return the mean average precision of the folds, weighted by their positives."""
    values, weights = [0.0], [0]
    for fold in np.unique(folds):
        own = folds == fold
        if present[own].any():
            values.append(float(average_precision_score(present[own], scores[own])))
            weights.append(int(present[own].sum()))
    return float(np.average(values, weights=weights)) if sum(weights) else float("nan")
