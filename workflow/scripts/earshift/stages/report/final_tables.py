"""Read the final tables, with the names that figures and pages give to their rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from earshift.evaluation.samples import ALL
from earshift.stages.report.measured import with_facts, with_facts_of
from earshift.tables import (
    CLASS_VALUES,
    DIFFERENCES,
    DISCREPANCY,
    DISCREPANCY_CURVE,
    DISCREPANCY_NULL,
    GAPS,
    LEARNING_CURVES,
    NULL_GAPS,
    RESCALED,
    SCORECARD,
    SCORES,
    SUMMARY,
    Table,
)

#: The final tables.
NAMES = (
    "scores",
    "summary",
    "gaps",
    "learning_curves",
    "null_gaps",
    "class_values",
    "differences",
    "rescaled",
    "scorecard",
    "discrepancy",
    "discrepancy_curve",
    "discrepancy_null",
)

#: Metrics whose gaps are told: one that is blind to thresholds, and one that is not.
TOLD = ("roc_auc", "balanced_accuracy")

#: What `access` means, in words.
ACCESS = {
    "none": "sees nothing of the target",
    "target_unlabelled": "sees training clips of the target, without class labels",
    "target_labelled": (
        "sees training clips of the target, with class labels or chosen by them"
    ),
    "oracle": "sees the labels of the tested clips: a control, not a correction",
}


@dataclass(frozen=True)
class Tables:
    """The final tables of an experiment, of one protocol.

    Each has two columns more than its file: `setting` is the model, with the condition
    where there are several; `variant` is the method, with the scope where there are
    several. Methods that are the same in all scopes, such as ``none``, are there once.
    `summary`, `gaps`, `discrepancy`, `kernel`, `metrics` and `metric_gaps` have no rows
    of controls.

    Parameters
    ----------
    scores : DataFrame
        One row per class of each cell.
    summary : DataFrame
        Means over classes, with intervals, changes against ``none``, and verdicts.
    gaps : DataFrame
        Within minus across, with intervals; also with columns `access`, and
        `null_gap`, `null_gap_low` and `null_gap_high`, the gap between halves of the
        test dataset without correction.
    discrepancy : DataFrame
        Measures between datasets, whose rows are of no protocol; with what
        `measured.with_facts` adds, if `read` was given the measures.
    curve : DataFrame
        The same by the number of clips, for ``none``; likewise.
    halves : DataFrame
        The same between halves of one dataset, for ``none``; likewise.
    kernel : DataFrame
        As `summary`, with the changes of methods against others than ``none``, such as
        those of kernel methods against ``k``.
    protocol : str
        Which.
    protocols : tuple of str
        All of the experiment.
    metrics, metric_gaps : DataFrame
        As `summary` and `gaps`, with the rows of all metrics. Those two have only the
        rows of the ROC-AUC, whose columns are called ``roc_auc``, ``roc_auc_low`` and
        ``roc_auc_high`` in the former.
    learning_curves, null_gaps, class_values, differences, rescaled : DataFrame
        The tables of these names.
    scorecard : DataFrame
        The table of this name, of all corrections: ``none`` has no row.
    all_summary, all_gaps, all_discrepancy : DataFrame
        As `summary`, `metric_gaps` and `discrepancy`, with controls after all other
        methods; also with a column `is_control`.
    """

    scores: pd.DataFrame
    summary: pd.DataFrame
    gaps: pd.DataFrame
    discrepancy: pd.DataFrame
    curve: pd.DataFrame
    halves: pd.DataFrame
    kernel: pd.DataFrame
    protocol: str
    protocols: tuple[str, ...]
    metrics: pd.DataFrame
    metric_gaps: pd.DataFrame
    learning_curves: pd.DataFrame
    null_gaps: pd.DataFrame
    class_values: pd.DataFrame
    differences: pd.DataFrame
    rescaled: pd.DataFrame
    scorecard: pd.DataFrame
    all_summary: pd.DataFrame
    all_gaps: pd.DataFrame
    all_discrepancy: pd.DataFrame

    @property
    def note(self) -> str:
        """What tables and figures add to their captions: the protocol, of several."""
        return f"Protocol {self.protocol}." if len(self.protocols) > 1 else ""

    @property
    def settings(self) -> list[str]:
        """Models (and conditions), in the order of the experiment."""
        return ordered(self.summary["setting"])

    @property
    def variants(self) -> list[str]:
        """Methods (and scopes), in the order of the experiment, ``none`` first."""
        return ordered(self.summary["variant"])

    @property
    def controls(self) -> list[str]:
        """Controls, in the order of the experiment."""
        return ordered(self.all_summary.loc[self.all_summary["is_control"], "variant"])

    @property
    def datasets(self) -> list[str]:
        """Datasets, in the order of the experiment."""
        return ordered(self.summary["train"])

    @property
    def directions(self) -> list[tuple[str, str]]:
        """Pairs of training and test dataset that differ."""
        return [(a, b) for a in self.datasets for b in self.datasets if a != b]

    @property
    def cells(self) -> list[tuple[str, str]]:
        """All pairs of training and test dataset: first within, then across."""
        return [(d, d) for d in self.datasets] + self.directions

    @property
    def access(self) -> dict[str, str]:
        """Variant -> what it may see of the target."""
        rows = self.all_summary
        return dict(zip(rows["variant"], rows["access"], strict=True))


def read(
    folder: Path,
    protocol: str | None = None,
    *,
    measures: Mapping[str, Mapping[str, Any]] | None = None,
) -> Tables:
    """Read the tables of an experiment, of one protocol.

    Parameters
    ----------
    folder : Path
        Holds the tables of `NAMES`.
    protocol : str, optional
        Which; without it ``fixed``, or the first where that did not run.
    measures : mapping, optional
        Config entries of the measures of discrepancy, for what shows their values. It
        takes a second to load them.

    Returns
    -------
    Tables
        With rows in the order of the files.
    """

    def rows_of(table: Table) -> pd.DataFrame:
        return of_one_protocol(table.read(folder / Path(table.file).name), shown)

    every = SUMMARY.read(folder / Path(SUMMARY.file).name)
    protocols = tuple(ordered(every["protocol"]))
    shown = protocol or _shown(protocols)
    scores = rows_of(SCORES)
    scores = _of_one_partner(scores[scores["sample"].eq(ALL)])
    whole = _of_one_partner(of_one_protocol(every, shown))
    n_scopes = whole.groupby("method")["scope"].nunique()
    alike = set(n_scopes.index[n_scopes < scores["scope"].nunique()])
    controls = {*every.loc[every["is_control"].eq(True), "method"]}
    metrics = _last(named(whole, alike), controls)
    plain = metrics["reference"].replace("", "none").eq("none")
    summary, kernel = (
        _of_auc(metrics[own]).rename(columns=_AUC) for own in (plain, ~plain)
    )
    seen = dict(zip(summary["variant"], summary["access"], strict=True))
    gaps = named(rows_of(GAPS), alike)
    nulls = named(rows_of(NULL_GAPS), alike)
    gaps = _with_null(gaps.assign(access=gaps["variant"].map(seen)), nulls)
    gaps = _last(gaps, controls)
    pairs, curve, halves = _measured(folder, measures)
    pairs = _last(pairs, controls)
    return Tables(
        named(scores, alike),
        _corrections(summary),
        _of_auc(_corrections(gaps)),
        _corrections(pairs),
        curve,
        halves,
        _corrections(kernel),
        shown,
        protocols,
        _corrections(metrics[plain]),
        _corrections(gaps),
        named(_of_one_partner(rows_of(LEARNING_CURVES)), alike),
        nulls,
        named(_of_one_partner(rows_of(CLASS_VALUES)), alike),
        _of_one_partner(rows_of(DIFFERENCES)),
        _last(named(_of_one_partner(rows_of(RESCALED)), alike), controls),
        named(_of_corrections(rows_of(SCORECARD)), alike),
        summary,
        gaps,
        pairs,
    )


def of_one_protocol(rows: pd.DataFrame, protocol: str | None = None) -> pd.DataFrame:
    """Return the rows of a protocol, by default of the one that is shown.

    Parameters
    ----------
    rows : DataFrame
        A final table with a column `protocol`.
    protocol : str, optional
        Which; without it as in `read`.

    Returns
    -------
    DataFrame
        Some of the rows.
    """
    return rows[rows["protocol"].eq(protocol or _shown(ordered(rows["protocol"])))]


def _shown(protocols: Sequence[str]) -> str:
    return "fixed" if "fixed" in protocols else protocols[0]


#: What columns of the ROC-AUC are called where there is no other metric.
_AUC = {"value": "roc_auc", "low": "roc_auc_low", "high": "roc_auc_high"}


def _of_auc(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["metric"].eq("roc_auc")].reset_index(drop=True)


def _last(rows: pd.DataFrame, controls: Collection[str]) -> pd.DataFrame:
    """Put the rows of controls after all others; say which they are."""
    rows = rows.assign(is_control=rows["method"].isin(controls))
    return rows.sort_values("is_control", kind="stable", ignore_index=True)


def _of_corrections(card: pd.DataFrame) -> pd.DataFrame:
    return card[card["method"].ne("none")].reset_index(drop=True)


def _corrections(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of all methods that are no controls."""
    return rows[~rows["is_control"]].reset_index(drop=True)


def _with_null(gaps: pd.DataFrame, nulls: pd.DataFrame) -> pd.DataFrame:
    """Add to each gap that between halves of the test dataset: `null_gap` and ends."""
    ends = ["gap", "gap_low", "gap_high"]
    own = nulls.rename(columns={"dataset": "test"})[
        ["setting", "test", "metric", *ends]
    ]
    own = own.rename(columns={name: f"null_{name}" for name in ends})
    return gaps.merge(own, "left", on=["setting", "test", "metric"])


def _of_one_partner(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep, of what holds within a dataset, the rows of its first partner.

    Across datasets, and of two datasets, there is one partner alone.
    """
    within = rows["train"].eq(rows["test"])
    first = rows[within].groupby("test", sort=False)["partner"].transform("first")
    return rows[~within | rows["partner"].eq(first.reindex(rows.index))]


def _measured(
    folder: Path, measures: Mapping[str, Mapping[str, Any]] | None
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the tables of discrepancies, with what `measures` say of themselves."""
    pairs, curve, halves = (
        named(one.read(folder / Path(one.file).name).assign(**more), ())
        for one, more in (
            (DISCREPANCY, {}),
            (DISCREPANCY_CURVE, {"method": "none"}),
            (DISCREPANCY_NULL, {"method": "none"}),
        )
    )
    if measures is None:
        return pairs, curve, halves
    pairs = with_facts(pairs, measures)
    return pairs, with_facts_of(curve, pairs), with_facts_of(halves, pairs)


def named(table: pd.DataFrame, alike: Collection[str]) -> pd.DataFrame:
    """Add the columns `setting` and `variant`, as in `Tables`.

    Parameters
    ----------
    table : DataFrame
        A final table.
    alike : collection of str
        Methods of which one scope is kept.

    Returns
    -------
    DataFrame
        A new one.
    """
    one_condition = table["condition"].nunique() == 1
    setting = table["model"]
    if not one_condition:
        setting = table["model"] + " (" + table["condition"] + ")"
    if "method" not in table:
        return table.assign(setting=setting).reset_index(drop=True)
    variant = table["method"]
    if "scope" in table and table["scope"].nunique() > 1:
        same = variant.isin(alike)
        variant = variant.where(same, variant + " (" + table["scope"] + ")")
        table = table[~same | table["scope"].eq(table["scope"].iloc[0])]
    return table.assign(setting=setting, variant=variant).reset_index(drop=True)


def ordered(values: pd.Series[str]) -> list[str]:
    """Return the different values, in the order they first appear."""
    return [str(v) for v in values.unique()]


def by_setting(table: pd.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each model, grouped so that a method's rows are together.

    Parameters
    ----------
    table : DataFrame
        One of `Tables`.

    Returns
    -------
    dict of str to list of dict
        Setting -> rows, each with the table's columns.
    """
    out: dict[str, list[dict[str, Any]]] = {}
    order = {name: i for i, name in enumerate(ordered(table["variant"]))}
    table = table.assign(order=table["variant"].map(order))
    for setting, part in table.groupby("setting", sort=False):
        rows = part.sort_values("order", kind="stable").to_dict("records")
        out[str(setting)] = [{str(k): v for k, v in row.items()} for row in rows]
    return out


def per_class(class_values: pd.DataFrame) -> pd.DataFrame:
    """Return the ROC-AUC per class, for the method ``none``.

    Parameters
    ----------
    class_values : DataFrame
        As in `Tables`.

    Returns
    -------
    DataFrame
        Columns setting, train, test, class, roc_auc (drawn towards the mean of the
        classes), low, high (its interval), within (the value of the same test dataset
        and class) and drop (within minus `roc_auc`; 0 where train is test).
    """
    keys = ["setting", "test", "class"]
    of_auc = class_values["metric"].eq("roc_auc") & class_values["variant"].eq("none")
    names = {"": "roc_auc", "_low": "low", "_high": "high"}
    values = class_values[of_auc].rename(
        columns={f"value_shrunken{end}": name for end, name in names.items()}
    )
    values = values[["setting", "train", "test", "class", *names.values()]]
    own = values[values["train"].eq(values["test"])].set_index(keys)["roc_auc"]
    values = values.join(own.rename("within"), on=keys).reset_index(drop=True)
    return values.assign(drop=values["within"] - values["roc_auc"])
