"""Stage 7, statistics: which correction to take where the target has no labels.

The gate looks at the results of pairs of the other datasets, whose labels are known: a
correction is taken that gained there, else none. What scores without any labels would
have chosen is reported beside it, and for both what that costs, which only the labels
of the target tell.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from earshift.debias import Method
from earshift.evaluation.samples import ALL
from earshift.numerics import metrics
from earshift.numerics.estimates import Curve, Estimate
from earshift.stages.statistics.resampling import Group

Array = NDArray[np.float64]

#: Metrics that a correction is chosen by, each for itself.
METRICS = ("roc_auc", "balanced_accuracy")

#: The rule that decides, and what it falls back to.
LEAVE_ONE_OUT, NONE = "leave one dataset out", "none"

#: Corrections that see a label of the target, or choose by one, are no candidates.
_ACCESS = ("none", "target_unlabelled")

#: Temperature of the soft neighbourhood density (Saito et al., 2021).
_TEMPERATURE = 0.05

#: Clips of a fold at most that the density compares, all with all: evenly of more.
MAX_CLIPS = 2000

#: Source and target.
Direction = tuple[str, str]


def rows(
    groups: Sequence[Group],
    clips: pd.DataFrame,
    methods: Mapping[str, Method],
    alpha: float,
) -> list[dict[str, Any]]:
    """Return what is chosen for each direction, by each rule, and what that costs.

    Parameters
    ----------
    groups : sequence of Group
        Of one model and condition.
    clips : DataFrame
        The scores of clips that they are of.
    methods : mapping
        The methods by name.
    alpha : float
        A correction is taken if the interval of level 1 - alpha, corrected for the
        number of candidates (Bonferroni), of what it gained elsewhere is above 0.

    Returns
    -------
    list of dict
        Columns of `tables.GATE`. Empty with fewer than three datasets, of which the
        other two tell nothing of the target.
    """
    out = []
    for protocol in dict.fromkeys(group.named["protocol"] for group in groups):
        own = [
            group
            for group in groups
            if (group.named["protocol"], group.named["sample"]) == (protocol, ALL)
            and group.named["scope"] == "global"
            and group.named["train"] != group.named["test"]
            and _is_candidate(methods[group.named["method"]])
        ]
        if len({group.named["test"] for group in own}) < 3:
            continue
        scores = clips[clips["protocol"].eq(protocol) & clips["sample"].eq(ALL)]
        unlabelled = _without_labels(scores[scores["scope"].eq("global")])
        for metric in METRICS:
            out += _of_metric(own, metric, unlabelled, alpha)
    return out


def _is_candidate(method: Method) -> bool:
    return not method.is_control and method.access in _ACCESS


def _of_metric(
    groups: Sequence[Group],
    name: str,
    unlabelled: Mapping[str, Mapping[tuple[str, Direction], float]],
    alpha: float,
) -> list[dict[str, Any]]:
    """Return the rows of one metric."""
    metric = metrics.metric(name)
    curves = {
        (g.named["method"], (g.named["train"], g.named["test"])): g.curves[name]
        for g in groups
    }
    changes = {
        (method, direction): (curve - curves[NONE, direction]).times(metric.sign)
        for (method, direction), curve in curves.items()
        if method != NONE and (NONE, direction) in curves
    }
    named = {k: groups[0].named[k] for k in ("protocol", "model", "condition")}
    out = []
    for train, test in dict.fromkeys(direction for _, direction in changes):
        measured = {
            method: curve.mean()
            for (method, direction), curve in changes.items()
            if direction == (train, test)
        }
        known = {m: e.value for m, e in measured.items() if np.isfinite(e.value)}
        if not known:
            continue
        best = max({NONE: 0.0, **known}.items(), key=lambda item: item[1])
        where: dict[str, Any] = {**named, "train": train, "test": test}
        where |= {"metric": name, "best": best[0], "best_change": best[1]}
        chosen, expected = _from_others(changes, list(known), test, alpha)
        told: dict[str, Any] = {"rule": LEAVE_ONE_OUT, "decides": True}
        told |= expected
        out.append(where | told | _cost(chosen, measured, best[1], alpha))
        for rule, values in unlabelled.items():
            asked = {m: values.get((m, (train, test)), np.nan) for m in [NONE, *known]}
            asked = {m: v for m, v in asked.items() if np.isfinite(v)}
            if not asked:
                continue
            chosen = max(asked, key=lambda m: asked[m])
            told = {"rule": rule, "decides": False}
            out.append(where | told | _cost(chosen, measured, best[1], alpha))
    return out


def _cost(
    chosen: str, measured: Mapping[str, Estimate], best: float, alpha: float
) -> dict[str, Any]:
    """Return what a choice gains on the target, and how much less than the best."""
    if chosen == NONE:
        return {"chosen": NONE, "change": 0.0, "regret": best}
    found = measured[chosen].columns("change", alpha)
    return {"chosen": chosen, **found, "regret": best - found["change"]}


def _from_others(
    changes: Mapping[tuple[str, Direction], Curve],
    candidates: Sequence[str],
    target: str,
    alpha: float,
) -> tuple[str, dict[str, Any]]:
    """Return what pairs without the target choose, and what it gained there."""
    level = alpha / len(candidates)
    gains = {}
    for method in candidates:
        by_test: dict[str, list[Curve]] = {}
        for (name, (train, test)), curve in changes.items():
            if name == method and target not in (train, test):
                by_test.setdefault(test, []).append(curve)
        if by_test:
            gains[method] = _pooled(list(by_test.values()))
    known = {m: gain for m, gain in gains.items() if np.isfinite(gain.value)}
    if not known:
        return NONE, {"n_directions": 0}
    best = max(known, key=lambda method: known[method].value)
    n = sum(method == best and target not in direction for method, direction in changes)
    low, high = known[best].interval(level)
    told = {"candidate": best, "expected": known[best].value, "n_directions": n}
    told |= {"expected_low": low, "expected_high": high}
    return (best if low > 0 else NONE), told


def _pooled(by_test: Sequence[Sequence[Curve]]) -> Estimate:
    """Return the mean over test datasets of the mean over their directions.

    Directions of one test dataset are of the same resamples; datasets are independent.
    """
    means = [
        reduce(operator.add, curves).times(1 / len(curves)).mean() for curves in by_test
    ]
    k = len(means)
    parts = [(v / k**2, df) for mean in means for v, df in mean.variances]
    return Estimate(float(np.mean([mean.value for mean in means])), parts)


def _without_labels(
    rows: pd.DataFrame,
) -> dict[str, dict[tuple[str, Direction], float]]:
    """Return the values of each of `SCORES`."""
    out: dict[str, dict[tuple[str, Direction], float]] = {rule: {} for rule in SCORES}
    for (method, train), own in rows.groupby(["method", "train"], observed=True):
        within = own[own["test"] == train]
        for test, across in own.groupby("test", observed=True):
            if test == train:
                continue
            # As fitted to this pair, where methods are.
            source = within[within["partner"].isin([test, ""])]
            key = (str(method), (str(train), str(test)))
            for rule, score in SCORES.items():
                out[rule][key] = score(source, across)
    return out


def _entropy(source: pd.DataFrame, target: pd.DataFrame) -> float:
    """Return how certain classifiers are: minus the mean entropy of their decisions."""
    del source
    p = special.expit(target["score"].to_numpy(float))
    return float(-(special.entr(p) + special.entr(1 - p)).mean())


def _confidence(source: pd.DataFrame, target: pd.DataFrame) -> float:
    """Return the average thresholded confidence (Garg et al., 2022), over classes.

    The threshold is such that on the source as many decisions are below it as are
    wrong.
    """
    found = []
    for c, own in target.groupby("class", observed=True):
        of_source = source[source["class"] == c]
        if of_source.empty:
            continue
        scores = of_source["score"].to_numpy(float)
        wrong = np.mean((scores > 0) != of_source["present"].to_numpy(bool))
        threshold = np.quantile(np.abs(scores), wrong)
        found.append(np.mean(np.abs(own["score"].to_numpy(float)) >= threshold))
    return float(np.mean(found)) if found else float("nan")


def _density(source: pd.DataFrame, target: pd.DataFrame) -> float:
    """Return the soft neighbourhood density (Saito et al., 2021), over folds."""
    del source
    found = []
    for _, own in target.groupby(["repeat", "fold"]):
        scores = own.pivot_table("score", "clip_id", "class", observed=True).to_numpy(
            float
        )
        scores = scores[np.isfinite(scores).all(axis=1)]
        scores = scores[:: -(-len(scores) // MAX_CLIPS) or 1]
        if scores.shape[0] < 2 or scores.shape[1] < 2:
            continue
        unit = special.softmax(scores, axis=1)
        unit /= np.linalg.norm(unit, axis=1, keepdims=True)
        alike = unit @ unit.T / _TEMPERATURE
        np.fill_diagonal(alike, -np.inf)
        found.append(special.entr(special.softmax(alike, axis=1)).sum(axis=1).mean())
    return float(np.mean(found)) if found else float("nan")


#: Scores that need no label of the target: name -> the higher, the better it deems.
SCORES: Mapping[str, Callable[[pd.DataFrame, pd.DataFrame], float]] = MappingProxyType(
    {
        "entropy": _entropy,
        "average thresholded confidence": _confidence,
        "soft neighbourhood density": _density,
    }
)
