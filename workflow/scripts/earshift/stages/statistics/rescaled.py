"""Stage 7, statistics: scores on the scale between the worst and the best control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from earshift.debias import Method
from earshift.numerics import metrics
from earshift.numerics.estimates import ratio
from earshift.stages.statistics.comparisons import SAME, together
from earshift.stages.statistics.resampling import Group


def rows(
    groups: Sequence[Group], methods: Mapping[str, Method], alpha: float
) -> list[dict[str, Any]]:
    """Return a row for each score and metric where at least two controls ran.

    Parameters
    ----------
    groups : sequence of Group
        Groups of one model and condition, trained on all clips.
    methods : mapping
        All methods by name.
    alpha : float
        Intervals are of level 1 - alpha.

    Returns
    -------
    list of dict
        Columns of `tables.RESCALED`. The worst and the best control have no rows: they
        are 0 and 1.
    """
    return [
        row
        for some in together(groups, SAME).values()
        for group in some
        for metric in metrics.METRICS
        if metric.better != "target"
        for row in _row(group, _controls(group, some, methods), metric, alpha)
    ]


def _controls(
    group: Group, others: Sequence[Group], methods: Mapping[str, Method]
) -> list[Group]:
    """Return the controls of the scope of a group, and those alike in all scopes."""
    scope = group.named["scope"]
    return [
        other
        for other in others
        if (method := methods[other.named["method"]]).is_control
        and (other.named["scope"] == scope or not method.has_scopes)
    ]


def _row(
    group: Group, controls: Sequence[Group], metric: metrics.Metric, alpha: float
) -> list[dict[str, Any]]:
    """Return the row of one score, if it has any."""
    name = metric.name
    values = [metric.sign * c.curves[name].mean().value for c in controls]
    known = [i for i in np.argsort(values, kind="stable") if np.isfinite(values[i])]
    if len(known) < 2:
        return []
    worst, best = controls[known[0]], controls[known[-1]]
    if group is worst or group is best:
        return []
    curves = [one.curves[name] for one in (group, worst, best)]
    part = curves[0] - curves[1]
    # Of the classes that all three know: NaN times 0 is NaN.
    span = curves[2] - curves[1] - part.times(0)
    value, low, high = ratio(part, span, alpha)
    named = {k: v for k, v in group.named.items() if k != "sample"}
    return [
        named
        | {"metric": name, "n_classes": group.n_classes, **group.sizes}
        | {"value": curves[0].mean().value}
        | {"rescaled": value, "rescaled_low": low, "rescaled_high": high}
        | {"worst_control": worst.named["method"], "best_control": best.named["method"]}
        | span.mean().columns("span", alpha)
    ]
