"""Stage 5, few labels: curves, and what a correction is worth in labels.

A correction without labels is worth as many labelled clips per class as the source
needs, without a correction, to do as well on the target. Its interval holds the numbers
for which the two do not differ: those of which the interval of the difference holds 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

from earshift.numerics import metrics
from earshift.numerics.estimates import crossing
from earshift.stages.few_labels.scoring import SOURCE
from earshift.stages.statistics import resampling
from earshift.stages.statistics.resampling import Group
from earshift.tables import LABEL_CURVES, LABEL_VALUES

#: What is equal on a curve.
_LINE = ("protocol", "model", "condition", "train", "test")


def summarise_few_labels(
    clip_scores: Sequence[Path],
    *,
    n_resamples: int,
    confidence: float,
    seed: int,
    curves: Path,
    values: Path,
) -> None:
    """Write the tables of few labels.

    Parameters
    ----------
    clip_scores : sequence of Path
        From `scoring.score_few_labels`, one for each model and condition.
    n_resamples, confidence, seed
        As in `summary.summarise` of the stage of statistics.
    curves, values : Path
        CSV files to write, `tables.LABEL_CURVES` and `tables.LABEL_VALUES`.
    """
    alpha = 1 - confidence
    rows: list[dict[str, Any]] = []
    worth: list[dict[str, Any]] = []
    for path in clip_scores:
        scores = resampling.read(path)
        with threadpool_limits(1):
            groups = [
                group.of_means()
                for group in resampling.groups(scores, n_resamples, seed)
            ]
        rows += curve_rows(groups, alpha)
        worth += value_rows(groups, alpha)
    for table, made, file in (
        (LABEL_CURVES, rows, curves),
        (LABEL_VALUES, worth, values),
    ):
        table.write(pd.DataFrame(made).reindex(columns=table.names), file)


def _parts(sample: str) -> tuple[str, str, int]:
    """Return way, choice and number of a sample; of the source alone ("", "", 0)."""
    if sample == SOURCE:
        return "", "", 0
    way, choice, n = sample.split()
    return way, choice, int(n)


def _lines(groups: Sequence[Group]) -> dict[tuple[str, ...], dict[int, Group]]:
    """Return the groups of each curve by the number of labelled clips per class.

    Curves are called by `_LINE`, method, way and choice; each begins with the source.
    """
    lines: dict[tuple[str, ...], dict[int, Group]] = {}
    alone: dict[tuple[str, ...], Group] = {}
    for group in groups:
        way, choice, n = _parts(group.named["sample"])
        line = (*(group.named[k] for k in _LINE), group.named["method"])
        if n == 0:
            alone[line] = group
        else:
            lines.setdefault((*line, way, choice), {})[n] = group
    return {
        key: {0: alone[key[:-2]], **dict(sorted(line.items()))}
        for key, line in lines.items()
    }


def curve_rows(groups: Sequence[Group], alpha: float) -> list[dict[str, Any]]:
    """Return the rows of the table of curves.

    Parameters
    ----------
    groups : sequence of Group
        Means over classes, of one model and condition.
    alpha : float
        Intervals are of level 1 - alpha.

    Returns
    -------
    list of dict
        Columns of `tables.LABEL_CURVES`.
    """
    rows = []
    names = (*_LINE, "method", "way", "choice")
    for key, line in _lines(groups).items():
        for metric in metrics.METRICS:
            alone = line[0].curves[metric.name]
            for n, group in line.items():
                curve = group.curves[metric.name]
                estimate = curve.mean()
                low, high = estimate.interval(alpha, metric.link)
                row: dict[str, Any] = dict(zip(names, key, strict=True))
                row["metric"] = metric.name
                row |= {"n_labels": n, "n_classes": group.n_classes} | group.sizes
                row |= {"value": estimate.value, "low": low, "high": high}
                if n:
                    row |= (curve - alone).mean().columns("change", alpha)
                rows.append(row)
    return rows


def value_rows(groups: Sequence[Group], alpha: float) -> list[dict[str, Any]]:
    """Return the rows of the table of values in labels.

    Parameters
    ----------
    groups, alpha
        As in `curve_rows`.

    Returns
    -------
    list of dict
        Columns of `tables.LABEL_VALUES`, of every method but ``none``; none without the
        curve of that.
    """
    lines = _lines(groups)
    alone = {key[:-2]: line[0] for key, line in lines.items()}
    rows = []
    for key, plain in lines.items():
        *where, method, way, choice = key
        if method != "none":
            continue
        for (*there, name), corrected in alone.items():
            if there != where or name == "none":
                continue
            row = dict(zip(_LINE, where, strict=True))
            row |= {"method": name, "way": way, "choice": choice}
            for metric in metrics.METRICS:
                if metric.better == "target":
                    continue
                own = corrected.curves[metric.name]
                ahead = {
                    n: (group.curves[metric.name] - own).times(metric.sign).mean()
                    for n, group in plain.items()
                }
                value, low, high = crossing(ahead, alpha)
                found = {"value": value, "value_low": low, "value_high": high}
                rows.append(
                    row | {"metric": metric.name} | found | {"most": max(plain)}
                )
    return rows
