"""Stage 7, statistics: differences of methods and of models, and who is best."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from earshift.numerics import metrics
from earshift.numerics.inference import holm, holm_within
from earshift.stages.statistics.resampling import Group
from earshift.tables import DIFFERENCES

log = logging.getLogger(__name__)

#: What groups have in common whose methods are compared.
SAME = ("protocol", "model", "condition", "train", "test", "partner")

#: Differences that are corrected together.
FAMILY = ("kind", *SAME, "metric")


def together(
    groups: Sequence[Group], same: Sequence[str]
) -> dict[tuple[str, ...], list[Group]]:
    """Return the groups that have names in common, by these."""
    out: dict[tuple[str, ...], list[Group]] = defaultdict(list)
    for group in groups:
        out[tuple(group.named[word] for word in same)].append(group)
    return out


def of_methods(groups: Sequence[Group], alpha: float) -> list[dict[str, Any]]:
    """Return the differences of all pairs of corrections.

    Parameters
    ----------
    groups : sequence of Group
        Groups of one model and condition, trained on all clips, without controls.
    alpha : float
        Intervals are of level 1 - alpha.

    Returns
    -------
    list of dict
        Columns of `tables.DIFFERENCES`, but for corrected p-values.
    """
    return [
        row
        for some in together(groups, SAME).values()
        for a, b in combinations([g for g in some if g.named["method"] != "none"], 2)
        for row in _differences("methods", a, b, alpha)
    ]


def of_models(groups: Sequence[Group], alpha: float) -> list[dict[str, Any]]:
    """Return the differences of all pairs of models, without correction.

    Parameters
    ----------
    groups : sequence of Group
        Groups of the method ``none``, trained on all clips.
    alpha : float
        As in `of_methods`.

    Returns
    -------
    list of dict
        As from `of_methods`. Models that have not embedded the same clips are not
        compared; the log says so.
    """
    same = [word for word in SAME if word != "model"]
    rows = []
    for some in together(groups, same).values():
        for a, b in combinations(some, 2):
            if (a.clips, a.classes) == (b.clips, b.classes):
                rows += _differences("models", a, b, alpha)
            else:
                log.warning(
                    "%s and %s: not compared, since they have not embedded the same "
                    "clips of %s",
                    *(a.named["model"], b.named["model"], a.named["test"]),
                )
    return rows


def _differences(kind: str, a: Group, b: Group, alpha: float) -> list[dict[str, Any]]:
    """Return a row for each metric: by how much `b` is higher than `a`."""
    named = {word: a.named[word] for word in SAME}
    if kind == "models":
        named["model"] = ""
        ends = {"a": a.named["model"], "b": b.named["model"], "scope_a": ""}
        ends["scope_b"] = ""
    else:
        ends = {"a": a.named["method"], "b": b.named["method"]}
        ends |= {"scope_a": a.named["scope"], "scope_b": b.named["scope"]}
    rows = []
    for metric in metrics.METRICS:
        estimate = (b.curves[metric.name] - a.curves[metric.name]).mean()
        low, high = estimate.interval(alpha)
        rows.append(
            {"kind": kind, **named, "metric": metric.name, **ends}
            | {"difference": estimate.value, "low": low, "high": high}
            | {"p_value": estimate.p_value()}
        )
    return rows


def corrected(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the table of differences, with p-values that allow for their number."""
    table = pd.DataFrame(list(rows)).reindex(columns=DIFFERENCES.names)
    if len(table):
        table["p_holm"] = holm_within(table, FAMILY)
    return table


def tie(rows: Sequence[dict[str, Any]], groups: Sequence[Group], alpha: float) -> None:
    """Say in rows of the summary whether a method may be the best.

    Parameters
    ----------
    rows : sequence of dict
        Rows of the summary; those of `groups` get the value `tied_for_best`.
    groups : sequence of Group
        Groups of one model and condition, trained on all clips, without controls.
    alpha : float
        A method is out where it is worse than the best one with a corrected p-value
        below this.
    """
    tied: dict[tuple[str, ...], bool] = {}
    for some in together(groups, SAME).values():
        for metric in metrics.METRICS:
            if metric.better == "target":
                continue
            for group, is_tied in zip(some, _tied(some, metric, alpha), strict=True):
                tied[(*_key(group.named), metric.name)] = is_tied
    for row in rows:
        key = (*_key(row), row["metric"])
        if key in tied:
            row["tied_for_best"] = tied[key]


def _key(named: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(named[word]) for word in (*SAME, "method", "scope"))


def _tied(groups: Sequence[Group], metric: metrics.Metric, alpha: float) -> list[bool]:
    """Return which groups are not worse than the best one beyond doubt."""
    curves = [group.curves[metric.name] for group in groups]
    values = np.array([curve.mean().value for curve in curves])
    if not np.isfinite(values).any():
        return [False] * len(groups)
    best = int(np.nanargmax(metric.sign * values))
    ahead = [(curves[best] - curve).times(metric.sign).mean() for curve in curves]
    p = [np.nan if i == best else a.p_above(0) for i, a in enumerate(ahead)]
    worse = holm(np.array(p)) < alpha
    return [bool(np.isfinite(v) and not w) for v, w in zip(values, worse, strict=True)]
