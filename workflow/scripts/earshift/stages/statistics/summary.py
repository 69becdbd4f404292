"""Stage 7, statistics: the tables that answer the experiment's questions.

All comparisons are paired: in each bootstrap resample the recordings of a test dataset
are drawn once, and every method, class and training dataset is scored on that draw; and
training recordings that are drawn anew are the same for all methods.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from earshift.debias import Method
from earshift.evaluation.protocol import NO_STUDY, Study
from earshift.evaluation.samples import ALL
from earshift.numerics import inference, metrics, planning
from earshift.numerics.estimates import Curve, Estimate
from earshift.numerics.inference import holm
from earshift.stages.statistics import (
    class_values,
    comparisons,
    gap_tables,
    gate,
    resampling,
    rescaled,
)
from earshift.stages.statistics.access import access_of, references
from earshift.stages.statistics.resampling import Group
from earshift.tables import (
    CLASS_VALUES,
    DIFFERENCES,
    GAPS,
    GATE,
    LEARNING_CURVES,
    NULL_GAPS,
    RESCALED,
    SCORES,
    SUMMARY,
    Table,
)

log = logging.getLogger(__name__)

#: Tables that `summarise` writes.
TABLES: Mapping[str, Table] = {
    "summary": SUMMARY,
    "gaps": GAPS,
    "learning_curves": LEARNING_CURVES,
    "null_gaps": NULL_GAPS,
    "class_values": CLASS_VALUES,
    "differences": DIFFERENCES,
    "rescaled": RESCALED,
    "gate": GATE,
}

#: p-values of the claims that a change is tested for (`inference.holm_of_claims`).
CLAIMS = ("p_value", "p_equivalent", "p_beyond")

#: What methods are compared within: all rows but for these columns.
FAMILY = ("protocol", "model", "condition", "train", "test", "partner", "metric")


@dataclass(frozen=True)
class Options:
    """How sure statements have to be.

    Parameters
    ----------
    confidence : float
        Level of the intervals; what is claimed is wrong in at most the rest.
    rope : float
        Changes of mean ROC-AUC below this are of no practical importance.
    """

    confidence: float
    rope: float

    @property
    def alpha(self) -> float:
        """Share of wrong claims that is allowed."""
        return 1 - self.confidence

    def region(self, metric: metrics.Metric) -> float:
        """Return the changes of a metric that matter as little as `rope` does.

        The same share of the way from chance to a perfect classifier.
        """
        span = abs(metric.ideal - metric.chance)
        return self.rope / 0.5 * (span if np.isfinite(span) and span else 0.5)


def summarise(
    clip_scores: Sequence[Path],
    methods: Mapping[str, Mapping[str, Any]],
    *,
    n_resamples: int,
    confidence: float,
    rope: float = 0.01,
    balance: str = "none",
    seed: int,
    out: Mapping[str, Path],
    study: Study = NO_STUDY,
) -> None:
    """Write means over classes, their change by each method, gaps, and what they need.

    Parameters
    ----------
    clip_scores : sequence of Path
        Per-clip scores of each protocol, model and condition, from
        `cross_validation.cross_validate`.
    methods : mapping
        Config entries of the methods.
    n_resamples : int
        Bootstrap resamples of the recordings that test.
    confidence : float
        Level of the intervals.
    rope : float
        Changes of mean ROC-AUC below this are of no practical importance.
    balance : str, default="none"
        How training clips are drawn where the protocol leaves it to the config, which
        decides what methods see.
    seed : int
        Of the resamples.
    out : mapping of str to Path
        CSV file to write for each of `TABLES`.
    study : Study, optional
        That of the experiment, which has its protocols.
    """
    by_name = Method.of_all(methods)
    options = Options(confidence, rope)
    rows = _Rows(options, by_name, balance, study, seed)
    for path in clip_scores:
        log.info("resampling %s, %s", path.parent.name, path.stem)
        scores = resampling.read(path)
        scores = scores[shown(scores, by_name)]
        # Of small products, threads of BLAS take longer than they save.
        with threadpool_limits(1):
            rows.add(list(resampling.groups(scores, n_resamples, seed)), scores)
    made = {
        "summary": corrected(rows.summary(), options),
        "gaps": gap_tables.corrected(rows.gaps, rows.methods),
        "learning_curves": pd.DataFrame(rows.curves),
        "null_gaps": pd.DataFrame(rows.nulls),
        "class_values": pd.DataFrame(rows.classes),
        "differences": comparisons.corrected(rows.differences()),
        "rescaled": pd.DataFrame(rows.rescaled),
        "gate": pd.DataFrame(rows.gate),
    }
    for name, table in TABLES.items():
        table.write(made[name].reindex(columns=table.names), out[name])


def shown(rows: pd.DataFrame, methods: Mapping[str, Method]) -> NDArray[np.bool_]:
    """Return which rows to keep: those of methods alike in all scopes in one alone."""
    first = rows["scope"].iloc[0]
    alike = [name for name, method in methods.items() if not method.has_scopes]
    kept: NDArray[np.bool_] = (
        rows["scope"].eq(first) | ~rows["method"].isin(alike)
    ).to_numpy()
    return kept


class _Rows:
    """Rows of all tables, model by model."""

    def __init__(
        self,
        options: Options,
        methods: Mapping[str, Method],
        balance: str,
        study: Study,
        seed: int,
    ) -> None:
        self.options, self.methods = options, methods
        self.balance, self.study = balance, study
        self.rng = np.random.default_rng(seed)
        self.rows: list[dict[str, Any]] = []
        self.gaps: list[dict[str, Any]] = []
        self.curves: list[dict[str, Any]] = []
        self.nulls: list[dict[str, Any]] = []
        self.classes: list[dict[str, Any]] = []
        self.pairs: list[dict[str, Any]] = []
        self.rescaled: list[dict[str, Any]] = []
        self.gate: list[dict[str, Any]] = []
        self.plain: list[Group] = []

    def add(self, groups: Sequence[Group], scores: pd.DataFrame) -> None:
        """Add the rows of one model and condition; `scores` are those of clips."""
        by_name = {tuple(group.named.values()): group for group in groups}
        alpha = self.options.alpha
        whole = [group for group in groups if group.named["sample"] == ALL]
        rows: list[dict[str, Any]] = []
        for group in whole:
            compared = self._references(group, by_name)
            rows += self._summarised(group, compared)
            reference = next(iter(compared), None)
            self.classes += class_values.rows(group, reference, alpha)
        own = [g for g in whole if not self.methods[g.named["method"]].is_control]
        comparisons.tie(rows, own, alpha)
        self.rows += rows
        self.pairs += comparisons.of_methods(own, alpha)
        self.rescaled += rescaled.rows(whole, self.methods, alpha)
        self.gate += gate.rows(whole, scores, self.methods, alpha)
        self.gaps += gap_tables.gaps(by_name, alpha)
        self.curves += gap_tables.learning_curves(groups, alpha)
        self.nulls += gap_tables.null_gaps(by_name, alpha)
        self.plain += [g.of_means() for g in whole if g.named["method"] == "none"]

    def summary(self) -> pd.DataFrame:
        """Return the rows of the summary, not corrected."""
        return pd.DataFrame(self.rows)

    def differences(self) -> list[dict[str, Any]]:
        """Return the rows of differences of methods, and of models."""
        return self.pairs + comparisons.of_models(self.plain, self.options.alpha)

    def _references(
        self, group: Group, by_name: Mapping[tuple[str, ...], Group]
    ) -> list[Group]:
        """Return the groups that one is compared with, that of ``none`` first."""
        first = next(iter(by_name.values())).named["scope"]
        others = []
        for name in references(group.named["method"], self.methods):
            # Methods that are alike in all scopes are there in the first (`shown`).
            alike = not self.methods[name].has_scopes
            scope = first if alike else group.named["scope"]
            named = group.named | {"method": name, "scope": scope}
            if (other := by_name.get(tuple(named.values()))) is not None:
                others.append(other)
        return others

    def _summarised(
        self, group: Group, compared: Sequence[Group]
    ) -> list[dict[str, Any]]:
        """Return the rows of a group: one for each metric and each reference."""
        rows = []
        named = {k: v for k, v in group.named.items() if k != "sample"}
        method = self.methods[named["method"]]
        protocol = self.study.protocol(named["protocol"])
        seen = access_of(
            method, named["scope"], protocol=protocol, balance=self.balance
        )
        for metric in metrics.METRICS:
            curve = group.curves[metric.name]
            estimate = curve.mean()
            low, high = estimate.interval(self.options.alpha, metric.link)
            row = named | {
                "access": seen,
                "is_control": method.is_control,
                "metric": metric.name,
                "n_classes": group.n_classes,
                **group.sizes,
                "value": estimate.value,
                "low": low,
                "high": high,
            }
            if named["method"] == "none":
                rows.append(row)
            for other in compared:
                change = self._change(curve - other.curves[metric.name], metric)
                reference = {"reference": other.named["method"]}
                rows.append(row | reference | change)
        return rows

    def _change(self, curve: Curve, metric: metrics.Metric) -> dict[str, float]:
        """Return what the summary says of the changes of each class."""
        estimate, alpha = curve.mean(), self.options.alpha
        wide = curve.mean(self._drawn_classes(curve))
        low_classes, high_classes = wide.interval(alpha)
        t, p_t = inference.paired_t(curve.drawn[:, 0])
        row = estimate.columns("change", alpha) | {
            "change_se": estimate.se,
            "change_df": estimate.df,
            "p_value": estimate.p_value(),
            "change_low_classes": low_classes,
            "change_high_classes": high_classes,
            "t": t,
            "p_t": p_t,
            "detectable": planning.smallest_detectable(
                estimate.se, alpha=alpha, df=estimate.df
            ),
        }
        if metric.better != "target":
            region = self.options.region(metric)
            row["p_equivalent"] = estimate.p_equivalent(region)
            row["p_beyond"] = estimate.p_beyond(region)
        return row

    def _drawn_classes(self, curve: Curve) -> NDArray[np.float64]:
        """Draw classes with replacement: how often each counts in each resample."""
        n, n_draws = curve.drawn.shape
        counts = self.rng.multinomial(n, np.full(n, 1 / n), size=n_draws - 1).T
        return np.hstack([np.ones((n, 1)), counts])


def corrected(table: pd.DataFrame, options: Options) -> pd.DataFrame:
    """Add p-values that allow for the number of corrections, and verdicts on these.

    Parameters
    ----------
    table : DataFrame
        Rows of the summary.
    options : Options
        How sure statements have to be.

    Returns
    -------
    DataFrame
        Columns of `tables.SUMMARY`.

    Notes
    -----
    `inference.holm_of_claims` says how the claims on a comparison are corrected.
    Controls correct nothing: they are no comparison, and have no verdict.
    """
    table = table.reindex(columns=[*SUMMARY.names, "p_beyond"])
    corrects = ~table["is_control"].eq(True)
    compared = table["reference"].notna() & table["reference"].ne("") & corrects
    table["p_holm"] = table["p_equivalent_holm"] = table["p_beyond_holm"] = np.nan
    for _, rows in table[compared].groupby([*FAMILY, "reference"]):
        claims = (rows[name].to_numpy(float) for name in CLAIMS)
        held = inference.holm_of_claims(*claims)
        table.loc[rows.index, [f"{name}_holm" for name in ("p", *CLAIMS[1:])]] = held.T
        table.loc[rows.index, "p_t_holm"] = holm(rows["p_t"].to_numpy(float))
    table["p_holm_all"] = holm(table["p_value"].where(corrects).to_numpy(float))
    table["verdict"] = [_verdict(row, options.alpha) for row in _dicts(table)]
    ends = [_corrected_ends(row, options.alpha) for row in _dicts(table)]
    table[["change_low_holm", "change_high_holm"]] = ends
    return table[SUMMARY.names]


def _dicts(table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    yield from table.to_dict("records")


def _verdict(row: Mapping[str, Any], alpha: float) -> str:
    if not np.isfinite(row["p_holm"]):
        return ""
    metric = metrics.metric(row["metric"])
    if metric.better == "target":
        return ""
    return inference.verdict(
        row["change"] * metric.sign,
        row["p_holm"],
        row["p_equivalent_holm"],
        row["p_beyond_holm"],
        alpha,
    )


def _corrected_ends(row: Mapping[str, Any], alpha: float) -> tuple[float, float]:
    """Return the interval that holds 0 unless the corrected p-value is below alpha."""
    if not np.isfinite(row["p_holm"]):
        return float("nan"), float("nan")
    share = row["p_value"] / row["p_holm"] if row["p_holm"] > 0 else 1.0
    estimate = Estimate(row["change"], [(row["change_se"] ** 2, row["change_df"])])
    return estimate.interval(alpha * share)


def collect_scores(tables: Sequence[Path], out: Path) -> None:
    """Write the score tables of all models and conditions as one."""
    SCORES.write(pd.concat([SCORES.read(t) for t in tables]), out)
