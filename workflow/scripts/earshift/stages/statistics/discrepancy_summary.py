"""Stage 7, statistics: the table of measures of discrepancy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from earshift import registry
from earshift.debias import Method
from earshift.evaluation.protocol import FIXED
from earshift.numerics import inference
from earshift.stages.discrepancy.curves import KEYS, Curve
from earshift.stages.discrepancy.curves import curves as discrepancy_curves
from earshift.stages.statistics.access import access_of
from earshift.tables import DISCREPANCY

#: Columns of the table of discrepancies where measures return null values.
NULL_COLUMNS = ("null", "null_low", "null_high", "p_value")


def summarise_discrepancy(
    measured: Sequence[Path],
    methods: Mapping[str, Mapping[str, Any]],
    measures: Mapping[str, Mapping[str, Any]],
    *,
    n_resamples: int,
    confidence: float,
    seed: int,
    out: Path,
) -> None:
    """Write each discrepancy measure with its interval, before and after each method.

    Parameters
    ----------
    measured : sequence of Path
        What `measure_discrepancy` wrote of each model and condition.
    methods, n_resamples, confidence, seed
        As in `summary.summarise`; recordings of both datasets are drawn.
    measures : mapping
        Config entries of the measures.
    out : Path
        CSV file to write: columns model, condition, method, access, measure, a, b,
        value, low, high, change (against ``none``), change_low, change_high. If a
        measure returns null values there are also `NULL_COLUMNS`: the value expected of
        equal datasets, its interval, and how often chance makes those look as
        different. Methods are fitted to all classes at once and to no draw, whatever
        the protocol.
    """
    curves: dict[tuple[str, ...], Curve] = {}
    for path in measured:
        curves |= discrepancy_curves(pd.read_parquet(path), n_resamples, seed)
    with_null = any(curve.null is not None for curve in curves.values())
    rows = []
    by_name = Method.of_all(methods)
    for group, curve in curves.items():
        named = dict(zip([*KEYS, "method"], group, strict=True))
        low, high = curve.interval(confidence)
        method = by_name[named["method"]]
        row: dict[str, Any] = named | {
            "access": access_of(method, "global", protocol=FIXED, balance="none"),
            "value": curve.value,
            "low": low,
            "high": high,
        }
        if named["method"] != "none":
            change = curve.minus(curves[(*group[:-1], "none")])
            low, high = change.interval(confidence)
            row |= {"change": change.value, "change_low": low, "change_high": high}
        if with_null:
            row |= _null(curve, measures[named["measure"]], confidence)
        rows.append(row)
    columns = [*DISCREPANCY.names, *(NULL_COLUMNS if with_null else ())]
    table = pd.DataFrame(rows).reindex(columns=columns)
    # Distances, which come with null values, may be of any size.
    DISCREPANCY.write(table, out, float_format="%.6g" if with_null else None)


def _null(
    curve: Curve, entry: Mapping[str, Any], confidence: float
) -> dict[str, float | None]:
    """Return what a measure gives for equal datasets, and the p-value of its value."""
    plugin = registry.load("discrepancy", entry["plugin"])
    if curve.null is None:
        return {"null": plugin.at_equality}
    ends = inference.interval(curve.null, confidence)
    values = (curve.null.mean(), *ends, curve.p_value(plugin.better))
    return dict(zip(NULL_COLUMNS, values, strict=True))
