"""Stage 5, scores: cross-validate classifiers within and across datasets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from earshift import classifier, cluster, domains, paper, registry, scoring, versions
from earshift.classes import read_classes
from earshift.debias._directions import Found
from earshift.domains import PRESENT, Domain
from earshift.errors import ConfigError, DataError
from earshift.scoring import CELL, METRICS

__all__ = ["CELL", "METRICS", "cross_validate"]


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
    directions: Path,
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
    protocol : {"fixed", "paper"}
        ``paper`` is done by `paper.cross_validate`, which needs `draws`.
    grid : sequence of float
        Values of C that inner folds choose from; ``paper`` has its own.
    n_inner_folds, seed : int
        Folds of that choice, and the seed of all draws; ``paper`` has its own.
    n_workers : int
        Processes; 0 for none.
    parts : Path
        Folder where results of tasks are kept, for this run and the next.
    clip_scores : Path
        Parquet file to write: a row per test clip, class, method, scope, train dataset.
    scores : Path
        CSV file to write: columns `CELL` and `METRICS`.
    directions : Path
        Parquet file to write, with the columns `scoring.DIRECTION`: the vectors that
        methods found between datasets (kind ``dataset``), subgroups that they skipped
        (``skipped``, without a vector), and the classifiers' weights in the space they
        were fitted in (``class``).
    """
    part = scoring.Part(protocol, model, condition, clip_scores, scores, directions)
    if protocol == "paper":
        if draws is None:
            raise ConfigError(
                "the protocol 'paper' needs the draws of its training clips: set "
                "'balance: paper' under 'splits'."
            )
        paper.cross_validate(
            part,
            entries=entries,
            classes=classes,
            draws=draws,
            methods=methods,
            scopes=scopes,
            seed=seed,
            n_workers=n_workers,
            parts=parts,
        )
        return
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
    # Draws differ between classes, and with them all that could be shared.
    each = [[c] for c in chosen] if draws else [chosen]
    groups = [
        [
            shared | cell | {"only": only}
            for cell in cells(methods, scopes, [(repeat, fold)])
        ]
        for repeat, fold in domains.folds(all_domains)
        for only in each
    ]
    if not draws:
        groups = [[task] for group in groups for task in group]
    tables = cluster.run_groups(
        score_fold,
        groups,
        tables=scoring.TABLES,
        folder=parts,
        n_workers=n_workers,
        what=f"{model} / {condition}: scores",
    )
    scoring.write(tables, part, methods, scopes)


def cells(
    methods: Mapping[str, Mapping[str, Any]],
    scopes: Sequence[str],
    folds: Sequence[tuple[int, int]],
) -> Iterator[dict[str, Any]]:
    """Yield what distinguishes one task from another."""
    for name, entry in methods.items():
        version = registry.load("debias", entry["plugin"]).version
        for scope in scopes if scoring.looks_at_domains(entry) else scopes[:1]:
            for repeat, fold in folds:
                yield {
                    "method": name,
                    "method_entry": dict(entry),
                    "method_version": version,
                    "scope": scope,
                    "repeat": repeat,
                    "fold": fold,
                }


def score_fold(
    *,
    entries: Sequence[Mapping[str, str]],
    classes: Sequence[str],
    only: Sequence[str],
    grid: Sequence[float],
    n_inner_folds: int,
    seed: int,
    method: str,
    method_entry: Mapping[str, Any],
    scope: str,
    repeat: int,
    fold: int,
    **_: Any,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train on one fold of each dataset in turn, score the test clips of all.

    Features are standardised by the training clips of the source alone; the method is
    fitted on the training clips of all datasets; both see nothing of the test clips.
    With balanced draws, the training clips are those drawn for the class.

    Parameters
    ----------
    entries, classes, grid, n_inner_folds, seed, scope
        As in `cross_validate`.
    only : sequence of str
        Those of the classes to score.
    method, method_entry
        Name and config entry of the debias method.
    repeat, fold : int
        Which split.

    Returns
    -------
    rows : DataFrame
        Columns method, scope, train, test, class, repeat, fold, clip_id, recording,
        present, score (log-odds), C.
    directions : DataFrame
        Columns `scoring.DIRECTION`.
    """
    all_domains = domains.load_all(entries, classes)
    names = [domain.name for domain in all_domains]
    classwise = scope == "classwise" and scoring.looks_at_domains(method_entry)
    anew = classwise or any(d.drawn is not None for d in all_domains)
    tables, directions = [], []
    for i, source in enumerate(all_domains):
        view: _View | None = None
        for name in only:
            c = classes.index(name)
            key: dict[str, Any] = {
                "method": method,
                "scope": scope,
                "train": source.name,
            }
            key |= {"class": name if anew else None, "repeat": repeat, "fold": fold}
            if view is None or anew:
                view = _view(
                    all_domains, i, method_entry, (repeat, fold, c), classwise, anew
                )
                for kind, vectors in (
                    ("dataset", view.found),
                    ("skipped", view.skipped),
                ):
                    directions += scoring.direction_rows(vectors, names, kind, **key)
            key["class"] = name
            known = source.train(repeat, fold, c) & (source.labels[:, c] >= 0)
            rng = domains.generator(seed, repeat, fold, source.name, name)
            X = view.features(i, known)
            fitted = _fit_class(source, X, known, c, grid, n_inner_folds, rng, name)
            directions.append(scoring.class_row(fitted, **key))
            for j, target in enumerate(all_domains):
                test = _tested(target, repeat, fold) & (target.labels[:, c] >= 0)
                scores = fitted.score(view.features(j, test))
                table = scoring.clip_rows(target, test, c, scores, fitted.C)
                tables.append(table.assign(**key))
    return pd.concat(tables, ignore_index=True), scoring.direction_table(directions)


@dataclass(frozen=True)
class _View:
    """Clips of all datasets as a source's classifier sees them: scaled, corrected."""

    X: Sequence[NDArray[np.float64]]
    used: Sequence[NDArray[np.bool_]]
    found: Sequence[Found]
    skipped: Sequence[Found]

    def features(self, i: int, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return features of the chosen clips of dataset `i`."""
        return self.X[i][chosen[self.used[i]]]


def _view(
    all_domains: Sequence[Domain],
    source: int,
    method_entry: Mapping[str, Any],
    split: tuple[int, int, int],
    classwise: bool,
    one_class: bool,
) -> _View:
    """Scale and correct the clips that train or test a class, or any class."""
    repeat, fold, c = split
    train = [d.train(repeat, fold, c) for d in all_domains]
    scaler = StandardScaler().fit(all_domains[source].X[train[source]])
    seen, used = [], []
    for i, domain in enumerate(all_domains):
        present = domain.labels[:, c] == PRESENT
        seen.append(train[i] & present if classwise else train[i])
        needed = _tested(domain, repeat, fold)
        if i == source:
            needed = needed | train[i]
        used.append(needed & (domain.labels[:, c] >= 0) if one_class else needed)
    transformer = domains.fit_method(
        method_entry,
        [
            (domain, scaler.transform(domain.X[chosen]), chosen)
            for domain, chosen in zip(all_domains, seen, strict=True)
        ],
        source=all_domains[source].name,
    )
    views = [
        transformer.transform(scaler.transform(domain.X[chosen]))
        for domain, chosen in zip(all_domains, used, strict=True)
    ]
    found, skipped = (getattr(transformer, n, []) for n in ("found_", "skipped_"))
    return _View(views, used, found, skipped)


def _tested(domain: Domain, repeat: int, fold: int) -> NDArray[np.bool_]:
    """Return which clips test, shape (n_clips,)."""
    tested: NDArray[np.bool_] = domain.folds[repeat] == fold
    return tested


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
            X,
            source.labels[known, c] == PRESENT,
            source.recording[known],
            grid,
            n_inner_folds,
            rng,
        )
    except DataError as error:
        raise DataError(f"dataset '{source.name}', class '{name}': {error}") from error
