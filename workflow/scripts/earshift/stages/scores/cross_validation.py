"""Stage 5, scores: cross-validate classifiers within and across datasets."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd

from earshift import classifiers, registry, versions
from earshift.debias import Method
from earshift.evaluation import domains
from earshift.evaluation.protocol import FIXED, Protocol
from earshift.evaluation.training import Trainer
from earshift.evaluation.views import Split
from earshift.stages.scores import inputs, score_tables
from earshift.stages.scores.folds import Work
from earshift.stages.scores.score_tables import CELL
from earshift.stages.splits.classes import read_classes
from earshift.workers import tasks
from earshift.workers.start import Spread

__all__ = ["CELL", "cross_validate"]

log = logging.getLogger(__name__)


def cross_validate(
    *,
    model: str,
    condition: str,
    entries: Sequence[Mapping[str, Any]],
    classes: Path,
    draws: Path | None = None,
    methods: Mapping[str, Mapping[str, Any]],
    scopes: Sequence[str],
    protocol: Protocol = FIXED,
    classifier: Mapping[str, Any],
    fit: str = "pair",
    n_refits: int = 0,
    seed: int,
    n_workers: int,
    parts: Path,
    clip_scores: Path,
    scores: Path,
    directions: Path,
    spread: Spread | None = None,
) -> None:
    """Score every method, scope and pair of datasets for one model and condition.

    Parameters
    ----------
    model, condition : str
        Which features; written into the tables.
    entries : sequence of mapping
        Per dataset `name` and the paths `features`, `labels`, `splits`; also `fronts`,
        if methods have one (`inputs.behind`).
    classes : Path
        CSV file from `choose_classes`.
    draws : Path, optional
        Balanced draws of the training clips; without, all that do not test train.
    methods : mapping
        Name in the experiment -> config entry of each debias method; those that the
        protocol does not know are left out.
    scopes : sequence of {"global", "classwise"}
        Whether a method is fitted on all training clips, or anew for each class on the
        clips that have it (this uses labels of the target dataset).
    protocol : Protocol, default=`FIXED`
        Whose scores. One that has a `cross_validate` of its own is asked for them.
    classifier : mapping
        Complete config entry of the classifier.
    fit : {"pair", "all"}, default="pair"
        Whether methods are fitted for each pair of datasets, to clips of these two, or
        once to those of all.
    n_refits : int, default=0
        How often training data are drawn anew, over all repeats, to see how much scores
        vary with them.
    seed : int
        Seed of all draws.
    n_workers : int
        Processes, on each node; 0 for none.
    parts : Path
        Folder where results of tasks are kept, for this run and the next.
    clip_scores : Path
        Parquet file to write: a row per test clip, class, method, scope, training
        dataset, and sample of its clips (`evaluation.samples`), with the columns of
        `score_fold`.
    scores : Path
        CSV file to write, `tables.SCORES`.
    directions : Path
        Parquet file to write, with the columns `score_tables.DIRECTION`: the vectors
        that methods found between datasets (kind ``dataset``), subgroups that they
        skipped (``skipped``, without a vector), and the classifiers' weights in the
        space they were fitted in (``class``).
    spread : Spread, optional
        On which nodes workers run; without, on this machine.
    """
    part = score_tables.Part(
        protocol.name, model, condition, clip_scores, scores, directions
    )
    if protocol.cross_validate is not None:
        protocol.cross_validate(
            part,
            entries=inputs.behind(entries, ""),
            classes=classes,
            draws=draws,
            methods=methods,
            scopes=scopes,
            seed=seed,
            n_workers=n_workers,
            spread=spread,
            parts=parts,
        )
        return
    if protocol.methods is not None:
        methods = {n: e for n, e in methods.items() if e["plugin"] in protocol.methods}
    chosen = read_classes(classes)
    every_method = served(Method.of_all(methods), entries, condition)
    log_left_out(every_method, entries)
    balanced = {"draws": str(draws)} if draws else {}
    entries = [{**entry, **balanced} for entry in entries]
    told = {
        "classes": chosen,
        **classifier_of_tasks(protocol.classifier_in(classifier)),
        "n_refits": n_refits,
        "seed": seed,
        "version": versions.SCORES,
    }
    # Draws differ between classes, and with them all that could be shared.
    each = [[c] for c in chosen] if draws else [chosen]
    groups = [
        group
        for front, some_methods in by_front(every_method).items()
        for some in together(inputs.behind(entries, front), fit)
        for group in split_groups(some, told, some_methods, scopes, each)
    ]
    tables = tasks.run_groups(
        score_fold,
        tasks.enough(groups, n_workers, spread),
        name="earshift.evaluate.score_fold",
        tables=score_tables.TABLES,
        folder=parts,
        n_workers=n_workers,
        spread=spread,
        what=f"{model} / {condition}: scores",
    )
    score_tables.write(tables, part, every_method, scopes)


def served(
    methods: Mapping[str, Method], entries: Sequence[Mapping[str, Any]], condition: str
) -> dict[str, Method]:
    """Return the methods whose clips there are, and log which are left out, and why."""
    known = {"", *entries[0].get("fronts", {})}
    for method in methods.values():
        if method.front not in known:
            log.info(
                "the method '%s': no result in the condition '%s': its front '%s' is "
                "of audio that is else unchanged",
                method.name,
                condition,
                method.front,
            )
    return {name: m for name, m in methods.items() if m.front in known}


def by_front(methods: Mapping[str, Method]) -> dict[str, dict[str, Method]]:
    """Return the methods by name, by their front, in their order."""
    out: dict[str, dict[str, Method]] = {}
    for name, method in methods.items():
        out.setdefault(method.front, {})[name] = method
    return out


def together(
    entries: Sequence[Mapping[str, str]], fit: str
) -> list[list[Mapping[str, str]]]:
    """Return the datasets that methods are fitted to at once: pairs, or all."""
    if fit == "all" or len(entries) < 3:
        return [list(entries)]
    return [list(pair) for pair in combinations(entries, 2)]


def split_groups(
    entries: Sequence[Mapping[str, Any]],
    told: Mapping[str, Any],
    methods: Mapping[str, Method],
    scopes: Sequence[str],
    each: Sequence[Sequence[str]],
) -> Iterator[list[dict[str, Any]]]:
    """Yield the tasks of each split of some datasets, which share their scales.

    Parameters
    ----------
    entries : sequence of mapping
        Of the datasets, as `inputs.load` takes them.
    told : mapping
        What all tasks are told of classes, classifier, refits and seed.
    methods : mapping of str to Method
        By name.
    scopes : sequence of {"global", "classwise"}
        Of the methods that have scopes.
    each : sequence of sequence of str
        Classes that one task scores.

    Yields
    ------
    list of dict
        Arguments of `score_fold`.
    """
    all_domains = inputs.load_all(entries, told["classes"])
    shared = {
        "entries": entries,
        "digest": [domain.digest() for domain in all_domains],
        **told,
    }
    names = [domain.name for domain in all_domains]
    served = {n: m for n, m in methods.items() if m.directions(names)}
    for repeat, fold in domains.folds(all_domains):
        for only in each:
            yield [
                shared | cell | {"only": only}
                for cell in cells(served, scopes, [(repeat, fold)])
            ]


def log_left_out(
    methods: Mapping[str, Method], entries: Sequence[Mapping[str, str]]
) -> None:
    """Log which results there are not, since a method cannot serve them, and why."""
    names = [entry["name"] for entry in entries]
    for method in methods.values():
        for sentence in method.left_out(names):
            log.info("the method '%s': %s", method.name, sentence)


def classifier_of_tasks(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return what tasks are told of the classifier.

    Tasks with the default one are called by what they were told before there were
    others, so that those that are done are not done again.
    """
    told = classifiers.recorded(entry)
    if "entry" in told:
        return {"classifier": told}
    return {"grid": list(told["C"]), "n_inner_folds": told["n_inner_folds"]}


def trainer_of(task: Mapping[str, Any]) -> Trainer:
    """Return what trains the classifier that a task is told of.

    Raises
    ------
    DataError
        If its plugin was edited since then.
    """
    if "grid" in task:
        options = {"C": task["grid"], "n_inner_folds": task["n_inner_folds"]}
        return Trainer.of({"plugin": classifiers.DEFAULT, **options})
    entry, version = task["classifier"]["entry"], task["classifier"]["version"]
    registry.check_version("classifiers", entry["plugin"], version)
    return Trainer.of(entry)


def cells(
    methods: Mapping[str, Method],
    scopes: Sequence[str],
    folds: Sequence[tuple[int, int]],
) -> Iterator[dict[str, Any]]:
    """Yield what distinguishes one task from another."""
    for method in methods.values():
        for scope in scopes if method.has_scopes else scopes[:1]:
            for repeat, fold in folds:
                yield method.task | {"scope": scope, "repeat": repeat, "fold": fold}


def score_fold(
    *,
    only: Sequence[str],
    seed: int,
    method: str,
    method_entry: Mapping[str, Any],
    method_version: int | str,
    scope: str,
    **shared: Any,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train on one fold of each dataset in turn, score the test clips of all.

    Features are standardised, and mapped by a kernel method, as the training clips of
    the source alone say; the method is fitted on the training clips of all datasets;
    all see nothing of the test clips. With balanced draws, the training clips are those
    drawn for the class.

    Parameters
    ----------
    only : sequence of str
        Those of the classes to score; one of them, if there are balanced draws.
    seed, scope
        As in `cross_validate`.
    method, method_entry, method_version
        Name, config entry and version of the debias method.
    **shared
        What the tasks of a fold have in common: entries, with their digest, classes,
        repeat, fold, and the classifier's settings. With `shares` False, shares and
        halves of the training clips train no classifiers of their own.

    Returns
    -------
    rows : DataFrame
        Columns `score_tables.CLIP`, and ``refit_0`` ... of the draws of the repeat.
    directions : DataFrame
        Columns `score_tables.DIRECTION`.

    Raises
    ------
    DataError
        If a class cannot be trained, a score is not finite, or the method does what
        none may.
    """
    repeat, fold = shared["repeat"], shared["fold"]
    # What a method draws, such as a kernel's frequencies, is drawn anew in each repeat.
    own = Method.of_task(method, method_entry, method_version).redrawn(repeat)
    classes = shared["classes"]
    balanced = "draws" in shared["entries"][0]
    words = ("entries", "digest", "classes", "repeat", "fold")
    key = {word: shared[word] for word in words}
    split = load_split(
        json.dumps(key | {"c": classes.index(only[0]) if balanced else None})
    )
    served = own.directions([domain.name for domain in split.domains])
    first = min(f for r, f in domains.folds(split.domains) if r == repeat)
    work = Work(
        split,
        classes,
        own,
        trainer_of(shared),
        seed,
        (repeat, fold),
        classwise=scope == "classwise" and own.has_scopes,
        balanced=balanced,
        is_first=fold == first,
        shares=own.plugin == "none" and shared.get("shares", True),
        n_refits=shared["n_refits"],
    )
    clips = score_tables.ClipRows()
    directions: list[dict[str, Any]] = []
    for i, source in enumerate(split.domains):
        targets = [j for a, j in served if a == i]
        if not targets:
            continue
        with score_tables.named(
            method, f"trained on '{source.name}' (repeat {repeat}, fold {fold})"
        ):
            key = {"method": method, "scope": scope, "train": source.name}
            key |= {"class": None, "repeat": repeat, "fold": fold}
            directions += work.source(i, targets, only, key, clips)
    return clips.table(), score_tables.direction_table(directions)


@lru_cache(maxsize=1)
def load_split(shared: str) -> Split:
    """Load a split; the last one is kept for the next method.

    Parameters
    ----------
    shared : str
        As JSON: entries, classes, repeat, fold, and `c`, the class that is drawn for
        or None.
    """
    task = json.loads(shared)
    all_domains = inputs.load_all(task["entries"], task["classes"])
    return Split(all_domains, task["repeat"], task["fold"], task["c"])
