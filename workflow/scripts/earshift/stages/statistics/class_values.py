"""Stage 7, statistics: what a metric is for each class, and which is the worst.

Of ten classes the worst looks worse than it is: chance has a part in being the worst.
The values are therefore drawn towards their mean, each the more the less is known of it
(empirical Bayes; the variance between classes is that of DerSimonian and Laird, 1986).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earshift.numerics import metrics
from earshift.numerics.estimates import Estimate
from earshift.stages.statistics.resampling import Group

Array = NDArray[np.float64]

#: Of so many times the usual standard error, a value says nothing of the others.
WORTH_NOTHING = 1000


def rows(group: Group, reference: Group | None, alpha: float) -> list[dict[str, Any]]:
    """Return a row for each class and metric of a group.

    Parameters
    ----------
    group : Group
        Of all clips that may train.
    reference : Group, optional
        That of the method that it is compared with.
    alpha : float
        Intervals are of level 1 - alpha.

    Returns
    -------
    list of dict
        Columns of `tables.CLASS_VALUES`.
    """
    named = {k: v for k, v in group.named.items() if k != "sample"}
    out = []
    for metric in metrics.METRICS:
        curve = group.curves[metric.name]
        estimates = [curve.one(c).mean() for c in _range(group)]
        values = _columns("value", estimates, alpha, metric.link)
        if reference is not None:
            change = curve - reference.curves[metric.name]
            changes = [change.one(c).mean() for c in _range(group)]
            of_changes = _columns("change", changes, alpha)
            values = [a | b for a, b in zip(values, of_changes, strict=True)]
        worst = _worst([row["value_shrunken"] for row in values], metric)
        for c, row in enumerate(values):
            named_class = {"metric": metric.name, "class": group.classes[c]}
            out.append(named | named_class | row | {"is_worst": c == worst})
    return out


def _range(group: Group) -> range:
    return range(len(group.classes))


def _columns(
    name: str, estimates: Sequence[Estimate], alpha: float, link: str = "identity"
) -> list[dict[str, float]]:
    """Return value and interval of each class, and both drawn towards the mean."""
    shrunken = shrink(
        np.array([e.value for e in estimates]), np.array([e.se for e in estimates])
    )
    out = []
    for estimate, (value, se) in zip(estimates, np.transpose(shrunken), strict=True):
        drawn = Estimate(float(value), [(float(se) ** 2, estimate.df)])
        out.append(
            estimate.columns(name, alpha, link)
            | drawn.columns(f"{name}_shrunken", alpha, link)
        )
    return out


def shrink(values: Array, errors: Array) -> tuple[Array, Array]:
    """Draw values towards their mean.

    Parameters
    ----------
    values, errors : ndarray of shape (n_values,), float64
        Estimates and their standard errors; those not known stay.

    Returns
    -------
    values, errors : ndarray of shape (n_values,), float64
        As they were where there are fewer than three known ones. The error of the mean
        has a part in each.
    """
    known = np.isfinite(values) & np.isfinite(errors) & (errors > 0)
    if known.any():
        # What never varies, or is hardly known, as the slope of very few clips, tells
        # nothing of the others.
        usual = np.median(errors[known])
        known &= (errors < WORTH_NOTHING * usual) & (errors > usual / WORTH_NOTHING)
    if known.sum() < 3:
        return values, errors
    x, v = values[known], errors[known] ** 2
    w = 1 / v
    spread = float((w * (x - np.average(x, weights=w)) ** 2).sum())
    between = (spread - (len(x) - 1)) / (w.sum() - (w**2).sum() / w.sum())
    between = max(between, 0.0)
    weight = 1 / (v + between)
    mean, error = float(np.average(x, weights=weight)), 1 / weight.sum()
    own = between / (v + between)
    out, out_errors = values.copy(), errors.copy()
    out[known] = own * x + (1 - own) * mean
    out_errors[known] = np.sqrt(own * v + (1 - own) ** 2 * error)
    return out, out_errors


def _worst(values: Sequence[float], metric: metrics.Metric) -> int | None:
    """Return the number of the class of the worst value."""
    away = np.asarray(values)
    if metric.better == "higher":
        away = -away
    elif metric.better == "target":
        away = np.abs(away - metric.ideal)
    return int(np.nanargmax(away)) if np.isfinite(away).any() else None
