"""Protocol ``paper`` of stage 5: scores as the published code of the ISMIR 2023 study.

`published.Case` has the numerics; here are the tasks, and what correcting each fault
does.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.metrics import roc_auc_score

from earshift import files, versions
from earshift.debias import Method
from earshift.errors import ConfigError, DataError
from earshift.evaluation import domains
from earshift.evaluation.domains import PRESENT
from earshift.evaluation.samples import ALL, EQUAL
from earshift.stages.scores import inputs, score_tables
from earshift.stages.splits.classes import read_classes
from earshift.stages.splits.draws import draw_balanced, read_order
from earshift.studies.ismir2023.numerics import (
    METHODS,
    Case,
    Faults,
    as_published,
    can_train,
)
from earshift.tables import FAULT_SCORES
from earshift.workers import tasks
from earshift.workers.start import Spread

log = logging.getLogger(__name__)


def cross_validate(
    part: score_tables.Part,
    *,
    entries: Sequence[Mapping[str, str]],
    classes: Path,
    draws: Path | None,
    methods: Mapping[str, Mapping[str, Any]],
    scopes: Sequence[str],
    seed: int,
    n_workers: int,
    parts: Path,
    spread: Spread | None = None,
) -> None:
    """Score every method and pair of datasets as the study does.

    Parameters
    ----------
    part : Part
        What is scored, and the files to write.
    entries, classes, scopes, n_workers, parts, spread
        As in `evaluate.cross_validate`.
    draws : Path
        Drawn training clips, in the order of the draw.
    methods : mapping
        Name in the experiment -> config entry. Those whose plugin is not in `METHODS`
        are left out; the study has no options.
    seed : int
        Of what the study does not draw; nothing depends on it while no fault is
        corrected.

    Raises
    ------
    ConfigError
        If no method is left, or nothing was drawn.
    DataError
        If there are not two datasets.
    """
    if draws is None:
        raise ConfigError(
            "the protocol 'paper' needs the draws of its training clips: set "
            "'balance: paper' under 'splits'."
        )
    methods = own_methods(methods)
    groups = _groups(entries, read_classes(classes), draws, methods, scopes, seed)
    tables = tasks.run_groups(
        score_cell,
        list(groups),
        name="earshift.paper.score_cell",
        tables=score_tables.TABLES,
        folder=parts,
        n_workers=n_workers,
        spread=spread,
        what=f"{part.model} / {part.condition}: scores as published",
    )
    score_tables.write(tables, part, Method.of_all(methods), scopes)


def own_methods(
    methods: Mapping[str, Mapping[str, Any]],
) -> dict[str, Mapping[str, Any]]:
    """Return the methods that the study has; the log names the others."""
    kept = {n: e for n, e in methods.items() if e["plugin"] in METHODS}
    if not kept:
        raise ConfigError(
            f"the protocol 'paper' has the methods {', '.join(METHODS)}, but the "
            f"experiment has {', '.join(methods) or 'none at all'}. Add one of "
            "them, or take 'paper' from 'protocols'."
        )
    if left_out := ", ".join(n for n in methods if n not in kept):
        log.info("the protocol 'paper' has no method %s: left out of it", left_out)
    return kept


def _groups(
    entries: Sequence[Mapping[str, str]],
    classes: Sequence[str],
    drawn: Path,
    methods: Mapping[str, Mapping[str, Any]],
    scopes: Sequence[str],
    seed: int,
    faults: Faults | None = None,
    **more: Any,
) -> Iterator[list[dict[str, Any]]]:
    """Yield the tasks of each class and fold."""
    entries = [{**entry, "draws": str(drawn)} for entry in entries]
    all_domains = inputs.load_all(entries, classes)
    if len(all_domains) != 2:
        names = ", ".join(domain.name for domain in all_domains)
        raise DataError(
            f"the protocol 'paper' compares two datasets, got {len(all_domains)} "
            f"({names}). Leave two of them, or take 'paper' from 'protocols'."
        )
    shared = {
        "entries": entries,
        "digest": [domain.digest() for domain in all_domains],
        "drawn": files.file_hash(drawn),
        "classes": list(classes),
        "faults": asdict(faults or Faults()),
        "seed": seed,
        "version": versions.SCORES,
    }
    for name in classes:
        for repeat, fold in domains.folds(all_domains):
            yield [
                {
                    **shared,
                    "class": name,
                    "repeat": repeat,
                    "fold": fold,
                    **cell,
                    **more,
                }
                for cell in _cells(methods, scopes)
            ]


def _cells(
    methods: Mapping[str, Mapping[str, Any]], scopes: Sequence[str]
) -> Iterator[dict[str, str]]:
    """Yield what distinguishes the tasks of a class."""
    for method in Method.of_all(methods).values():
        for scope in scopes if method.has_scopes else scopes[:1]:
            yield {"method": method.name, "plugin": method.plugin, "scope": scope}


def score_cell(
    *, method: str, plugin: str, scope: str, **shared: Any
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train a class on each dataset in turn, with one method; score all test clips.

    Parameters
    ----------
    method, plugin : str
        The method's name in the experiment, and in the study.
    scope : {"global", "classwise"}
        Which clips it is fitted on.
    **shared
        What the tasks of a class have in common: entries, classes, class, repeat, fold,
        faults, seed.

    Returns
    -------
    rows, directions : DataFrame
        As `score_tables.write` wants them.
    """
    case = load_case(json.dumps(shared, sort_keys=True))
    recipe = METHODS[plugin]
    name, repeat, fold = shared["class"], shared["repeat"], shared["fold"]
    key: dict[str, Any] = {"method": method, "scope": scope, "class": name}
    key |= {"repeat": repeat, "fold": fold}
    names = [domain.name for domain in case.domains]
    clips = score_tables.ClipRows()
    directions: list[dict[str, Any]] = []
    for source, train in enumerate(names):
        between = case.found(recipe, scope, source)
        if recipe.lda and (source == 0 or case.depends_on_source(recipe)):
            of_train = train if case.depends_on_source(recipe) else None
            directions += score_tables.direction_rows(
                between, names, **key, train=of_train
            )
        fitted = case.fit(recipe, between, source)
        directions.append(score_tables.class_row(fitted, **key, train=train))
        recordings = case.domains[source].recording[case.train[source]]
        size = score_tables.sizes(case.present[source], recordings)
        for target, X in enumerate(case.space(recipe.kernel, source)[1]):
            scores = as_published(fitted.score(X))
            domain, test = case.domains[target], case.test[target]
            with score_tables.named(
                method, f"trained on '{train}' (repeat {repeat}, fold {fold})"
            ):
                # What is drawn is of equal size, but for rounding.
                for sample in (ALL, EQUAL):
                    clips.add(
                        domain,
                        test,
                        case.c,
                        scores,
                        **key,
                        **size,
                        train=train,
                        sample=sample,
                        partner=names[1 - source],
                        C=fitted.C,
                        threshold=0.0,
                    )
    return clips.table(), score_tables.direction_table(directions)


@lru_cache(maxsize=1)
def load_case(shared: str) -> Case:
    """Load a class; the last one is kept for the next method.

    Parameters
    ----------
    shared : str
        What all tasks of a class are told, as JSON.

    Raises
    ------
    DataError
        If it cannot be trained; the class is named.
    """
    task = json.loads(shared)
    all_domains = inputs.load_all(task["entries"], task["classes"])
    key = (task["class"], task["repeat"], task["fold"])
    drawn = [
        read_order(Path(entry["draws"]), domain.name, domain.clip_id, *key)
        for entry, domain in zip(task["entries"], all_domains, strict=True)
    ]
    c = task["classes"].index(task["class"])
    name, repeat, fold = key
    rngs = [
        domains.generator(task["seed"], repeat, fold, domain.name, name)
        for domain in all_domains
    ]
    faults = Faults(**task["faults"])
    try:
        return Case(all_domains, drawn, c, repeat, fold, faults, rngs)
    except DataError as error:
        raise DataError(f"class '{name}', {error}") from error


#: What correcting a fault touches.
TOUCHED = {
    "unshuffled_folds": tuple(METHODS),
    "unscaled_features": ("none", "lda", "mlda"),
    "one_class_lda": ("mlda", "mklda"),
    "scaler_per_dataset": ("k", "klda", "mklda"),
    "penalised_intercept": tuple(METHODS),
    "aliased_fastfood": ("k", "klda", "mklda"),
}


@dataclass(frozen=True)
class _Variant:
    """The protocol with one fault corrected."""

    name: str
    entries: Sequence[Mapping[str, str]]
    drawn: Path
    faults: Faults
    plugins: Sequence[str]


def deviations(
    *,
    model: str,
    condition: str,
    entries: Sequence[Mapping[str, str]],
    classes: Path,
    draws: Path,
    methods: Mapping[str, Mapping[str, Any]],
    scopes: Sequence[str],
    seed: int,
    n_workers: int,
    parts: Path,
    out: Path,
    corrected: Sequence[Mapping[str, str]] = (),
    subgroups: Sequence[str] = (),
    n_draws: int = 5,
    spread: Spread | None = None,
) -> pd.DataFrame:
    """Correct each fault of the protocol alone, and write the scores.

    Parameters
    ----------
    model, condition, entries, classes, methods, scopes, seed, n_workers, parts, spread
        As in `evaluate.cross_validate`.
    draws : Path
        Drawn training clips of the protocol.
    out : Path
        CSV file to write: columns fault, model, condition, method, scope, train, test,
        class, roc_auc, the mean over repeats. The fault is a name of `Faults`,
        ``draws`` (one draw, rounded down; corrected: the same number in each genre of
        both datasets, `n_draws` times) or ``genres`` (the map of genres). There are
        rows of the methods that a fault touches; those that have no scopes have the
        first.
        Classes of which a corrected draw has too few clips have none for it.
        ``aliased_fastfood`` is not corrected but added.
    corrected : sequence of mapping, optional
        As `entries`, with labels by the corrected map of genres. Without, ``genres`` is
        left out.
    subgroups : sequence of str, optional
        As in `draws.draw_balanced`.
    n_draws : int, default=5
        Draws in place of one.

    Returns
    -------
    DataFrame
        What was written.
    """
    methods = own_methods(methods)
    variants = [
        _Variant(name, entries, draws, faults, plugins)
        for name, (faults, plugins) in _switched().items()
    ]
    again: dict[str, Any] = {"subgroups": subgroups, "seed": seed}
    redrawn = _redraw(
        entries, parts / "joint", n_repeats=n_draws, balance="joint", **again
    )
    variants.append(_Variant("draws", *redrawn, Faults(), tuple(METHODS)))
    if corrected:
        redrawn = _redraw(corrected, parts / "genres", balance="paper", **again)
        variants.append(_Variant("genres", *redrawn, Faults(), tuple(METHODS)))
    groups: list[list[dict[str, Any]]] = []
    chosen = read_classes(classes)
    for variant in variants:
        touched = {n: e for n, e in methods.items() if e["plugin"] in variant.plugins}
        groups += _groups(
            variant.entries,
            _trainable(variant, chosen),
            variant.drawn,
            touched,
            scopes,
            seed,
            variant.faults,
            fault=variant.name,
        )
    (cells,) = tasks.run_groups(
        score_variant,
        groups,
        name="earshift.paper.score_variant",
        tables=("",),
        folder=parts / "tasks",
        n_workers=n_workers,
        spread=spread,
        what=f"{model} / {condition}: deviations",
    )
    columns = ["fault", "method", "scope", "train", "test", "class"]
    table = cells.groupby(columns, sort=False)["roc_auc"].mean().reset_index()
    table.insert(1, "model", model)
    table.insert(2, "condition", condition)
    order = {variant.name: i for i, variant in enumerate(variants)}
    table = table.sort_values(
        "fault", kind="stable", key=lambda names: names.map(order), ignore_index=True
    )
    FAULT_SCORES.write(table, out)
    return table


def _trainable(variant: _Variant, classes: Sequence[str]) -> list[str]:
    """Return the classes that all draws can train; the log names the others."""
    entries = [{**entry, "draws": str(variant.drawn)} for entry in variant.entries]
    all_domains = inputs.load_all(entries, classes)
    left_out = []
    for c, name in enumerate(classes):
        drawn = [
            domain.labels[domain.train(repeat, fold, c), c] == PRESENT
            for repeat, fold in domains.folds(all_domains)
            for domain in all_domains
        ]
        if not all(map(can_train, drawn)):
            left_out.append(name)
    if left_out:
        log.warning(
            "with '%s' corrected, too few clips are drawn of %s: its effect is that on "
            "the other classes",
            variant.name,
            ", ".join(left_out),
        )
    return [name for name in classes if name not in left_out]


def _switched() -> dict[str, tuple[Faults, Sequence[str]]]:
    """Return `Faults` with each switched alone, and the plugins that this touches."""
    published = asdict(Faults())
    return {
        name: (Faults(**(published | {name: not published[name]})), plugins)
        for name, plugins in TOUCHED.items()
    }


def _redraw(
    entries: Sequence[Mapping[str, str]],
    folder: Path,
    *,
    n_repeats: int = 1,
    **options: Any,
) -> tuple[list[dict[str, str]], Path]:
    """Draw training clips anew for the first repeat of the splits, several times."""
    folder.mkdir(parents=True, exist_ok=True)
    redrawn = []
    for entry in entries:
        splits = pd.read_parquet(entry["splits"])
        first = splits[splits["repeat"] == 0]
        path = folder / f"{entry['name']}.parquet"
        pd.concat([first.assign(repeat=r) for r in range(n_repeats)]).to_parquet(path)
        redrawn.append({**entry, "splits": str(path)})
    draw_balanced(
        {entry["name"]: Path(entry["labels"]) for entry in redrawn},
        {entry["name"]: Path(entry["splits"]) for entry in redrawn},
        out=folder / "draws.parquet",
        **options,
    )
    return redrawn, folder / "draws.parquet"


def score_variant(*, fault: str, **task: Any) -> pd.DataFrame:
    """Return the ROC-AUC of each cell of a task of `score_cell`, `fault` corrected."""
    rows, _ = score_cell(**task)
    cell = ["method", "scope", "train", "test", "class", "repeat"]
    cells = [
        (*key, roc_auc_score(part["present"], part["score"]))
        for key, part in rows.groupby(cell, sort=False)
    ]
    return pd.DataFrame(cells, columns=[*cell, "roc_auc"]).assign(fault=fault)
