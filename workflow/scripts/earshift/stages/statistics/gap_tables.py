"""Stage 7, statistics: gaps between datasets, and what they would be without any.

The gap is that of equal training: classifiers of both datasets saw as many clips with a
class, and as many without. What is left of the difference between classifiers that saw
all there was is due to how much that was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from earshift.debias import Method
from earshift.evaluation.samples import (
    ALL,
    EQUAL,
    OTHER_HALF,
    SAME_HALF,
    SHARES,
)
from earshift.numerics import metrics
from earshift.numerics.estimates import Curve, ratio
from earshift.numerics.inference import holm_within
from earshift.stages.statistics.resampling import Group
from earshift.tables import GAPS

#: Values of a row's names -> the group.
Groups = Mapping[tuple[str, ...], Group]

#: Gaps that are corrected together: those of one metric, and of one correction.
FAMILY = ("protocol", "method", "scope", "metric")

#: Gains that are corrected together: those of the corrections of a model and direction.
GAIN_FAMILY = ("protocol", "model", "condition", "train", "test", "metric")

#: Share of the uncorrected gap that a method recovers, and the ends of its interval.
RECOVERED = ("recovered", "recovered_low", "recovered_high")


def loss(within: Curve, across: Curve, metric: metrics.Metric) -> Curve:
    """Return how much worse `across` is; of metrics with a target, how much higher."""
    return within - across if metric.sign > 0 else across - within


def gaps(groups: Groups, alpha: float) -> list[dict[str, Any]]:
    """Return a row for each gap and metric.

    Parameters
    ----------
    groups : mapping
        Groups of one model and condition.
    alpha : float
        Intervals are of level 1 - alpha.

    Returns
    -------
    list of dict
        Columns of `tables.GAPS`, but for corrected p-values.
    """
    scope = next(iter(groups.values())).named["scope"]
    plain = {"method": "none", "scope": scope}
    rows = []
    for across in groups.values():
        named = across.named
        if named["train"] == named["test"] or named["sample"] != EQUAL:
            continue
        home = named | {"train": named["test"], "partner": named["train"]}
        within = _of(groups, home)
        if within is None:
            continue  # a method may not serve all directions
        uncorrected = _of(groups, home | plain), _of(groups, named | plain)
        whole = _whole(groups, named, home)
        for metric in metrics.METRICS:
            row = _gap(across, within, whole, metric, alpha)
            rows.append(row | _left(across, *uncorrected, metric, alpha))
    return rows


def _of(groups: Groups, named: Mapping[str, str]) -> Group | None:
    return groups.get(tuple(named.values()))


def _whole(
    groups: Groups, named: Mapping[str, str], home: Mapping[str, str]
) -> tuple[Group, Group] | None:
    """Return what was trained within and across on all clips."""
    found = []
    for one in (home, named):
        for partner in (one["partner"], ""):
            group = _of(groups, {**one, "sample": ALL, "partner": partner})
            if group is not None:
                found.append(group)
                break
    return (found[0], found[1]) if len(found) == 2 else None


def _gap(
    across: Group,
    within: Group,
    whole: tuple[Group, Group] | None,
    metric: metrics.Metric,
    alpha: float,
) -> dict[str, Any]:
    """Return the row of one gap."""
    name = metric.name
    gap = loss(within.curves[name], across.curves[name], metric)
    row: dict[str, Any] = {
        key: value
        for key, value in across.named.items()
        if key not in ("sample", "partner")
    }
    row |= {"metric": name, "n_classes": across.n_classes} | across.sizes
    estimate = gap.mean()
    row["across"] = across.curves[name].mean().value
    # Of the same classes, where one of the two lacks some.
    row["within"] = row["across"] + metric.sign * estimate.value
    row |= estimate.columns("gap", alpha)
    row |= {"gap_se": estimate.se, "gap_df": estimate.df}
    row["p_value"] = estimate.p_value()
    if whole is not None:
        total = loss(whole[0].curves[name], whole[1].curves[name], metric)
        row |= total.mean().columns("gap_all", alpha)
        of_size = (total - gap).mean()
        row |= of_size.columns("of_size", alpha) | {"p_of_size": of_size.p_value()}
        row["n_train_within"] = whole[0].sizes["n_train"]
        row["n_train_across"] = whole[1].sizes["n_train"]
    return row


def _left(
    across: Group,
    plain_within: Group | None,
    plain_across: Group | None,
    metric: metrics.Metric,
    alpha: float,
) -> dict[str, float]:
    """Return what a method leaves of the uncorrected gap, and what it gains."""
    if plain_within is None:
        return {}
    within, own = plain_within.curves[metric.name], across.curves[metric.name]
    left = loss(within, own, metric).mean()
    row = left.columns("remaining", alpha) | {"p_remaining": left.p_value()}
    if plain_across is not None and plain_across is not across:
        plain = plain_across.curves[metric.name]
        gained = loss(own, plain, metric)
        gain = gained.mean()
        row |= gain.columns("gain", alpha) | {"p_gain": gain.p_value()}
        shares = ratio(gained, loss(within, plain, metric), alpha)
        row |= dict(zip(RECOVERED, shares, strict=True))
    return row


def corrected(
    rows: Sequence[Mapping[str, Any]], methods: Mapping[str, Method]
) -> pd.DataFrame:
    """Return the table of gaps, with p-values that allow for their number."""
    table = pd.DataFrame(list(rows)).reindex(columns=GAPS.names)
    if table.empty:
        return table
    for tested, p_value in (
        ("p_holm", "p_value"),
        ("p_remaining_holm", "p_remaining"),
        ("p_of_size_holm", "p_of_size"),
    ):
        table[tested] = holm_within(table, FAMILY, p_value)
    corrects = [not methods[name].is_control for name in table["method"]]
    table["p_gain_holm"] = holm_within(table[corrects], GAIN_FAMILY, "p_gain")
    return table


def learning_curves(groups: Sequence[Group], alpha: float) -> list[dict[str, Any]]:
    """Return a row for each share of the training recordings and metric.

    Parameters
    ----------
    groups : sequence of Group
        Groups of one model and condition.
    alpha : float
        Intervals are of level 1 - alpha.

    Returns
    -------
    list of dict
        Columns of `tables.LEARNING_CURVES`, of the method ``none``.
    """
    places = {name: i for i, name in enumerate((*SHARES, ALL))}
    plain = [
        group
        for group in groups
        if group.named["method"] == "none" and group.named["sample"] in places
    ]
    plain.sort(key=lambda group: places[group.named["sample"]])
    rows = []
    for group in plain:
        named = {k: group.named[k] for k in ("protocol", "model", "condition")}
        named |= {k: group.named[k] for k in ("train", "test", "partner")}
        share = SHARES.get(group.named["sample"], 1.0)
        for metric in metrics.METRICS:
            estimate = group.curves[metric.name].mean()
            low, high = estimate.interval(alpha, metric.link)
            rows.append(
                named
                | {"metric": metric.name, "share": share}
                | {"n_classes": group.n_classes}
                | group.sizes
                | {"value": estimate.value, "low": low, "high": high}
            )
    return sorted(rows, key=lambda row: (row["train"], row["test"], row["metric"]))


def null_gaps(groups: Groups, alpha: float) -> list[dict[str, Any]]:
    """Return a row for each dataset and metric: the gap between its own halves.

    Parameters
    ----------
    groups : mapping
        Groups of one model and condition.
    alpha : float
        Intervals are of level 1 - alpha.

    Returns
    -------
    list of dict
        Columns of `tables.NULL_GAPS`.
    """
    rows = []
    done = set()
    for same in groups.values():
        dataset = same.named["test"]
        if same.named["sample"] != SAME_HALF or dataset in done:
            continue
        other = _of(groups, same.named | {"sample": OTHER_HALF})
        if other is None:
            continue
        done.add(dataset)
        named = {k: same.named[k] for k in ("protocol", "model", "condition")}
        for metric in metrics.METRICS:
            gap = loss(
                same.curves[metric.name], other.curves[metric.name], metric
            ).mean()
            row: dict[str, Any] = {**named, "dataset": dataset, "metric": metric.name}
            row |= {"n_classes": same.n_classes} | other.sizes
            row |= {
                "within": same.curves[metric.name].mean().value,
                "across": other.curves[metric.name].mean().value,
            }
            rows.append(row | gap.columns("gap", alpha) | {"p_value": gap.p_value()})
    return rows
