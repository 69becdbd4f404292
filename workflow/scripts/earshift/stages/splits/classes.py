"""Stage 4, splits: which classes every dataset can train and test."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from earshift.datasets import LABEL
from earshift.errors import DataError
from earshift.evaluation.protocol import FIXED, NO_STUDY, Study
from earshift.stages.splits import left_out
from earshift.tables import CLASSES

log = logging.getLogger(__name__)


def choose_classes(
    entries: Sequence[Mapping[str, str]],
    asked: Sequence[str],
    out: Path,
    *,
    n_inner_folds: int,
    study: Study = NO_STUDY,
) -> None:
    """Write which classes are used, and why the others are not.

    Parameters
    ----------
    entries : sequence of mapping
        Per dataset `name`, the paths `labels` and `splits`, and `draws` if there are
        balanced ones: then a training part is what was drawn for the class. With
        several protocols, each has such entries, and its name as `protocol`; a class is
        used if all of them can, and counted as the first does.
    asked : sequence of str
        Classes of the config; if empty, all that the datasets share.
    out : Path
        CSV file to write, `tables.CLASSES`: every class of any dataset.
    n_inner_folds : int
        Recordings with and without the class that every training part needs, where the
        protocol has no inner folds of its own.
    study : Study, optional
        That of the experiment, which has its protocols.

    Raises
    ------
    DataError
        If a class that was asked for cannot be used, or none can.
    """
    tables: dict[str, pd.DataFrame] = {}
    for entry in entries:
        tables.setdefault(entry["name"], pd.read_parquet(entry["labels"]))
    shared = left_out.check_shared(tables, asked)
    reasons: dict[tuple[str, str], str] = {}
    for entry in entries:
        chosen = sorted(asked or shared)
        for c, reason in _reasons(entry, chosen, n_inner_folds, study):
            reasons.setdefault((c, entry["name"]), reason)
    for (c, dataset), reason in sorted(reasons.items()):
        message = f"class '{c}' of dataset '{dataset}' cannot be used: {reason}"
        if asked:
            raise DataError(f"{message}. Take it out of 'classes' in the config.")
        log.warning("%s", message)
    found = left_out.survey(tables, reasons, asked)
    left_out.check_any_used(found, list(tables))
    for sentence in left_out.sentences(found):
        log.info("left out: %s", sentence)
    CLASSES.write(found, out)


def _reasons(
    entry: Mapping[str, str],
    chosen: Sequence[str],
    n_inner_folds: int,
    study: Study,
) -> list[tuple[str, str]]:
    """Return the classes that a dataset cannot use in a protocol, and why."""
    table, splits = (pd.read_parquet(entry[key]) for key in ("labels", "splits"))
    drawn = pd.read_parquet(entry["draws"]) if entry.get("draws") else None
    protocol = study.protocol(entry.get("protocol", FIXED.name))
    classifier = protocol.classifier_in({"n_inner_folds": n_inner_folds})
    where = "" if protocol is FIXED else f" (protocol '{protocol.name}')"
    out = []
    for c in chosen:
        parts = _parts(c, entry["name"], splits, drawn)
        reason = _why_not(table, table[LABEL + c], parts, classifier["n_inner_folds"])
        if reason:
            out.append((c, reason + where))
    return out


@dataclass(frozen=True)
class _Part:
    """One fold: what tests, what is left out, and what may train (None: the rest)."""

    repeat: int
    fold: int
    test: set[str]
    left_out: set[str]
    train: set[str] | None


def _parts(
    c: str, name: str, splits: pd.DataFrame, drawn: pd.DataFrame | None
) -> list[_Part]:
    """Return the folds of a dataset for one class."""
    train: Mapping[tuple[int, int], set[str]] = {}
    if drawn is not None:
        own = drawn[drawn["class"].eq(c) & drawn["dataset"].eq(name)]
        train = own.groupby(["repeat", "fold"])["clip_id"].agg(set).to_dict()
    parts = []
    for (repeat, fold), rows in splits.groupby(["repeat", "fold"]):
        chosen = None if drawn is None else train.get((repeat, fold), set())
        test, left_out = (
            set(rows.loc[rows["tests"].eq(tests), "clip_id"]) for tests in (True, False)
        )
        parts.append(_Part(repeat, fold, test, left_out, chosen))
    return parts


def _why_not(
    table: pd.DataFrame, column: pd.Series[bool], parts: list[_Part], n_inner: int
) -> str:
    """Return why a class cannot be used in a dataset, or an empty string."""
    tested = set().union(*(part.test for part in parts))
    for kind, value in (("has", True), ("is known to lack", False)):
        own = table[column.eq(value).fillna(False)]
        if own.empty:
            return f"no clip {kind} it"
        if not tested & set(own["clip_id"]):
            return f"no test clip {kind} it"
        for part in parts:
            train = own[~own["clip_id"].isin(part.test | part.left_out)]
            if part.train is not None:
                train = train[train["clip_id"].isin(part.train)]
            n = train["recording"].nunique()
            if n < n_inner:
                what = "training" if part.train is None else "drawn training"
                return (
                    f"in repeat {part.repeat}, fold {part.fold} only {n} {what} "
                    f"recordings {kind} it, and {n_inner} inner folds need as many"
                )
    return ""


def read_classes(file: Path) -> list[str]:
    """Return the classes in use, sorted, as `choose_classes` wrote them."""
    found = CLASSES.read(file)
    return sorted(set(found.loc[found["used"], "class"]))
