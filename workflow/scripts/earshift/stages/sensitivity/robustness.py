"""Stage 6, sensitivity: from which strength on a metric has fallen by so much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from earshift import conditions, registry
from earshift.numerics import metrics
from earshift.numerics.estimates import Estimate, crossing
from earshift.stages.sensitivity import UNCHANGED, UNSEEN
from earshift.stages.statistics.resampling import Group

#: Falls that are looked for, as shares of the value of unchanged clips.
FALLS = (0.01, 0.05, 0.10)


def sides(family: str, entry: Mapping[str, Any]) -> dict[str, list[tuple[str, float]]]:
    """Return the conditions of a family from the weakest to the strongest.

    Parameters
    ----------
    family : str
        Its name.
    entry : mapping
        Its config entry.

    Returns
    -------
    dict of str to list of (str, float)
        ``"lower"`` and ``"higher"`` -> names and strengths, on that side of what
        changes nothing. Words are left out, and so is what changes nothing.
    """
    plugin = registry.load("conditions", entry["plugin"])
    named = conditions.conditions_of({family: entry})
    numbers = {
        name: float(one.strength)
        for name, one in named.items()
        if isinstance(one.strength, int | float)
    }
    identity = plugin.identity
    if isinstance(identity, int | float):
        lower = {n: s for n, s in numbers.items() if s < identity}
        higher = {n: s for n, s in numbers.items() if s > identity}
    elif numbers and plugin.stronger == "lower":
        lower, higher = numbers, {}
    else:
        lower, higher = {}, numbers
    found = {
        "lower": sorted(lower.items(), key=lambda item: -item[1]),
        "higher": sorted(higher.items(), key=lambda item: item[1]),
    }
    return {side: items for side, items in found.items() if items}


def rows(
    line: Mapping[str, Mapping[str, Group]],
    named: Mapping[str, str],
    entry: Mapping[str, Any],
    alpha: float,
) -> list[dict[str, Any]]:
    """Return the strengths from which metrics have fallen, of clean classifiers.

    Parameters
    ----------
    line : mapping
        Condition -> setting -> group, of means over classes.
    named : mapping of str to str
        Values of `dataset`, `family` and `method`.
    entry : mapping
        Config entry of the family.
    alpha : float
        Intervals are of level 1 - alpha.

    Returns
    -------
    list of dict
        Columns of `tables.ROBUSTNESS`, of metrics of which more is better.
    """
    out = []
    identity = registry.load("conditions", entry["plugin"]).identity
    start = float(identity) if isinstance(identity, int | float) else float("nan")
    for side, conditions_there in sides(named["family"], entry).items():
        there = [(line[name], s) for name, s in conditions_there if name in line]
        for metric in metrics.METRICS:
            if metric.better != "higher" or not there:
                continue
            first = there[0][0][UNCHANGED]
            row: dict[str, Any] = {
                **named,
                "model": first.named["model"],
                "side": side,
                "metric": metric.name,
                "weakest": there[0][1],
                "strongest": there[-1][1],
            }
            for fall in FALLS:
                left = {
                    strength: (
                        own[UNCHANGED].curves[metric.name].times(1 - fall)
                        - own[UNSEEN].curves[metric.name]
                    ).mean()
                    for own, strength in there
                }
                if np.isfinite(start):  # what changes nothing has not fallen
                    value = first.curves[metric.name].mean().value
                    left = {start: Estimate(-fall * value, [(0.0, 1)])} | left
                found = crossing(left, alpha)
                ends = dict(zip(("strength", "low", "high"), found, strict=True))
                out.append(row | {"fall": fall, **ends})
    return out
