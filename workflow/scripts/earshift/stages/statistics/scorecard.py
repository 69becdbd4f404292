"""Stage 7, statistics: one row for each correction and direction, of all that counts.

There is no sum of the columns: how much a gain across datasets is worth against a loss
within one is for the reader to say. What can be said is which corrections no other one
beats in everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from earshift.tables import CLASS_VALUES, DISCREPANCY, GAPS, SCORECARD, SUMMARY

#: Metrics that are on it: one that is blind to thresholds, and one that is not.
METRICS = ("roc_auc", "balanced_accuracy")

#: What is asked of the target, from little to much.
_ACCESS = ("none", "target_unlabelled", "target_labelled", "oracle")

#: What a row of a score is of, and what is the same in all rows of a direction.
_CELL = ["protocol", "model", "condition", "method", "scope", "train", "test"]
_DIRECTION = ["protocol", "model", "condition", "train", "test"]


def write_scorecard(
    tables: Mapping[str, Path], discrepancy: Path, *, rope: float, out: Path
) -> None:
    """Write the scorecard from the tables of an experiment.

    Parameters
    ----------
    tables : mapping of str to Path
        The files `summary`, `gaps` and `class_values`.
    discrepancy : Path
        The file `tables.DISCREPANCY`.
    rope : float
        As in `scorecard`.
    out : Path
        CSV file to write, `tables.SCORECARD`.
    """
    declared = {"summary": SUMMARY, "gaps": GAPS, "class_values": CLASS_VALUES}
    read = {name: table.read(tables[name]) for name, table in declared.items()}
    SCORECARD.write(scorecard(read, DISCREPANCY.read(discrepancy), rope), out)


def scorecard(
    tables: Mapping[str, pd.DataFrame], discrepancy: pd.DataFrame, rope: float
) -> pd.DataFrame:
    """Return the scorecard of all corrections.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        `summary`, `gaps` and `class_values`, as stage 7 writes them.
    discrepancy : DataFrame
        `tables.DISCREPANCY`, of which the linear domain AUC is taken, if it was
        measured.
    rope : float
        A class is harmed that loses more of its ROC-AUC than this.

    Returns
    -------
    DataFrame
        Columns of `tables.SCORECARD`: a row for each method, ``none`` among them, that
        is no control, and for each direction between two datasets.
    """
    summary = tables["summary"]
    summary = summary[~summary["is_control"].eq(True)]
    # Of several references the plain one; the rows of `none` have no reference.
    summary = summary[summary["reference"].fillna("").isin(["", "none"])]
    across = summary[summary["train"] != summary["test"]]
    card = across.loc[across["metric"].eq("roc_auc"), [*_CELL, "partner", "access"]]
    card = card.drop_duplicates(_CELL).reset_index(drop=True)
    for metric in METRICS:
        card = _with_scores(card, summary, tables["gaps"], metric)
    card = _with_harm(card, tables["class_values"], rope)
    card = _with_domain_auc(card, discrepancy)
    by_direction = card.groupby(_DIRECTION, sort=False)
    parts = [unbeaten(rows) for _, rows in by_direction]
    card["unbeaten"] = pd.concat(parts) if parts else []
    return card.reindex(columns=SCORECARD.names)


def _with_scores(
    card: pd.DataFrame, summary: pd.DataFrame, gaps: pd.DataFrame, metric: str
) -> pd.DataFrame:
    """Add what is reached across, and changes there and within; the gap's share."""
    own = summary[summary["metric"] == metric]
    names = {
        "value": metric,
        **{end: f"{metric}_{end}" for end in ("low", "high")},
        "tied_for_best": f"{metric}_tied",
        "verdict": f"{metric}_verdict",
        "p_holm": f"{metric}_p_holm",
    }
    names |= {c: f"{metric}_{c}" for c in ("change", "change_low", "change_high")}
    found = own[[*_CELL, *names]].rename(columns=names).drop_duplicates(_CELL)
    card = card.merge(found, "left", on=_CELL)
    # Within the training dataset, of the same fit: that to the same partner.
    ends = {
        "change": f"{metric}_within",
        "change_low": f"{metric}_within_low",
        "change_high": f"{metric}_within_high",
    }
    fit = [*(c for c in _CELL if c != "test"), "partner"]
    within = own.loc[own["train"] == own["test"], [*fit, *ends]].rename(columns=ends)
    card = card.merge(within.drop_duplicates(fit), "left", on=fit)
    shares = ("recovered", "recovered_low", "recovered_high")
    share = gaps.loc[gaps["metric"].eq(metric), [*_CELL, *shares]]
    share = share.rename(columns={c: f"{metric}_{c}" for c in shares})
    return card.merge(share.drop_duplicates(_CELL), "left", on=_CELL)


def _with_harm(
    card: pd.DataFrame, class_values: pd.DataFrame, rope: float
) -> pd.DataFrame:
    """Add how many classes lose more than is negligible across."""
    own = class_values[class_values["metric"] == "roc_auc"].dropna(subset=["change"])
    own = own.assign(
        n_classes=1,
        harmed=own["change"] < -rope,
        harmed_surely=own["change_high"] < -rope,
    )
    sums = own.groupby(_CELL)[["n_classes", "harmed", "harmed_surely"]].sum()
    return card.merge(sums.reset_index(), "left", on=_CELL)


def _with_domain_auc(card: pd.DataFrame, discrepancy: pd.DataFrame) -> pd.DataFrame:
    """Add how well the datasets are told apart after each method."""
    own = discrepancy[discrepancy["measure"] == "domain_auc_linear"]
    names = {"value": "domain_auc", "low": "domain_auc_low", "high": "domain_auc_high"}
    keys = ["model", "condition", "method", "train", "test"]
    both = [
        own.rename(columns={"a": a, "b": b, **names})[[*keys, *names.values()]]
        for a, b in (("train", "test"), ("test", "train"))
    ]
    found = pd.concat(both)
    for column in names.values():
        found[column] = pd.to_numeric(found[column], errors="coerce")
    return card.merge(found.drop_duplicates(keys), "left", on=keys)


def unbeaten(rows: pd.DataFrame) -> pd.Series[Any]:
    """Return which rows of a direction no other one beats (Pareto).

    Parameters
    ----------
    rows : DataFrame
        Columns `access`, and ``<metric>_change`` and ``<metric>_within`` of each of
        `METRICS`, NaN where nothing changes.

    Returns
    -------
    Series of bool
        True unless another row is at least as good in all these, asks no more of the
        target, and is better in one of them.
    """
    changes = [
        f"{metric}_{kind}" for metric in METRICS for kind in ("change", "within")
    ]
    good = rows[changes].fillna(0.0).to_numpy(float)
    asked = rows["access"].map(_ACCESS.index).to_numpy(float)
    points = np.column_stack([good, -asked])
    at_least = (points[:, None] >= points[None]).all(axis=2)
    better = (points[:, None] > points[None]).any(axis=2)
    return pd.Series(~(at_least & better).any(axis=0), index=rows.index)
