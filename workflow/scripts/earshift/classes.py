"""Stage 4, splits: which classes every dataset can train and test."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from earshift import datasets, jobs, protocols
from earshift.errors import DataError, did_you_mean

log = logging.getLogger(__name__)

COLUMNS = (
    "class",
    "dataset",
    "n_present",
    "n_absent",
    "n_unknown",
    "used",
    "reason",
)


def choose_classes(
    entries: Sequence[Mapping[str, str]],
    asked: Sequence[str],
    out: Path,
    *,
    n_inner_folds: int,
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
        CSV file to write, columns `COLUMNS`.
    n_inner_folds : int
        Recordings with and without the class that every training part needs.
        ``paper`` has inner folds of its own.

    Raises
    ------
    DataError
        If a class that was asked for cannot be used, or none can.
    """
    tables = {e["name"]: pd.read_parquet(e["labels"]) for e in entries}
    shared = set.intersection(*(set(datasets.classes(t)) for t in tables.values()))
    for name in set(asked) - shared:
        raise DataError(
            f"class '{name}' is not labelled in every dataset "
            f"{did_you_mean(name, shared)}"
        )
    chosen = sorted(asked or shared)
    parts = [_rows(entry, chosen, n_inner_folds) for entry in entries]
    found = pd.concat(parts).sort_values("class", kind="stable", ignore_index=True)
    # The counts are those of the first protocol, the reason is the first there is.
    reasons = found["reason"].where(found["reason"] != "")
    reasons = reasons.groupby([found["class"], found["dataset"]]).transform("first")
    found = found.assign(reason=reasons.fillna("")).drop_duplicates(
        ["class", "dataset"]
    )
    wrong = found[found["reason"] != ""]
    found["used"] = ~found["class"].isin(set(wrong["class"]))
    for c, dataset, reason in wrong[["class", "dataset", "reason"]].to_numpy(str):
        message = f"class '{c}' of dataset '{dataset}' cannot be used: {reason}"
        if asked:
            raise DataError(f"{message}. Take it out of 'classes' in the config.")
        log.warning("%s", message)
    if not found["used"].any():
        words = "; ".join(f"{c}: {r}" for c, r in _reasons(found))
        raise DataError(
            f"no class can be used in all of {', '.join(tables)} ({words})."
            if words
            else f"{', '.join(tables)} have no class in common."
        )
    with jobs.whole_file(out) as file:
        found[list(COLUMNS)].to_csv(file, index=False)


def _rows(
    entry: Mapping[str, str], chosen: Sequence[str], n_inner_folds: int
) -> pd.DataFrame:
    """Return a row of each class, for one dataset and protocol."""
    table, splits = (pd.read_parquet(entry[key]) for key in ("labels", "splits"))
    drawn = pd.read_parquet(entry["draws"]) if entry.get("draws") else None
    protocol = entry.get("protocol")
    n_inner = protocols.PAPER_INNER_FOLDS if protocol == "paper" else n_inner_folds
    rows = []
    for c in chosen:
        parts = _parts(c, entry["name"], splits, drawn)
        column = table[datasets.LABEL + c]
        n_present, n_absent = int(column.eq(True).sum()), int(column.eq(False).sum())
        reason = _why_not(table, column, parts, n_inner)
        if reason and protocol == "paper":
            reason = f"{reason} (protocol 'paper')"
        n_unknown = len(table) - n_present - n_absent
        rows.append((c, entry["name"], n_present, n_absent, n_unknown, reason))
    return pd.DataFrame(rows, columns=[c for c in COLUMNS if c != "used"])


def _reasons(found: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the first few classes that cannot be used, with one reason each."""
    wrong = found[found["reason"] != ""].drop_duplicates("class").head(5)
    return list(zip(wrong["class"], wrong["reason"], strict=True))


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
    found = pd.read_csv(file, dtype={"class": str}, keep_default_na=False)
    return sorted(set(found.loc[found["used"], "class"]))
