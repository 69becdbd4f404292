"""Stage 7, statistics: the tables of measures of discrepancy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from earshift import registry
from earshift.debias import Method
from earshift.evaluation.protocol import FIXED
from earshift.numerics import inference
from earshift.stages.discrepancy.curves import (
    KEYS,
    Curve,
    curves,
    is_detected,
    scoring,
)
from earshift.stages.discrepancy.pair import COUNTS
from earshift.stages.statistics.access import access_of
from earshift.tables import DISCREPANCY, DISCREPANCY_CURVE, DISCREPANCY_NULL

#: Columns of the table of discrepancies where measures return null values.
NULL_COLUMNS = ("null", "null_low", "null_high")

#: What a curve is of: `KEYS` and the method.
Group = tuple[str, ...]


def summarise_discrepancy(
    measured: Sequence[Path],
    sizes: Sequence[Path],
    methods: Mapping[str, Mapping[str, Any]],
    measures: Mapping[str, Mapping[str, Any]],
    *,
    n_resamples: int,
    confidence: float,
    seed: int,
    out: Path,
    curve: Path,
    null: Path,
) -> None:
    """Write each discrepancy measure with its interval, before and after each method.

    Parameters
    ----------
    measured, sizes : sequence of Path
        What `measure_discrepancy` wrote of each model and condition, in one order.
    methods, n_resamples, confidence, seed
        As in `summary.summarise`; recordings of both datasets are drawn.
    measures : mapping
        Config entries of the measures.
    out : Path
        CSV file to write, `tables.DISCREPANCY`. If a measure returns null values there
        are also `NULL_COLUMNS`: the value expected of equal datasets and its interval.
        Methods are fitted to all classes at once and to no draw, whatever the protocol.
    curve : Path
        CSV file to write, `tables.DISCREPANCY_CURVE`.
    null : Path
        CSV file to write, `tables.DISCREPANCY_NULL`.
    """
    found: dict[Group, Curve] = {}
    counts: dict[Group, dict[str, int]] = {}
    by_size: list[dict[str, Any]] = []
    halves: list[dict[str, Any]] = []
    for file, more in zip(measured, sizes, strict=True):
        rows, few = pd.read_parquet(file), pd.read_parquet(more)
        found |= curves(rows, n_resamples, seed)
        counts |= _counts(rows)
        is_half = few["a"].eq(few["b"])
        plain = rows[rows["method"].eq("none") & rows["measure"].isin(scoring(rows))]
        points = pd.concat([few[~is_half], plain], ignore_index=True)
        by_size += _by_size(points, n_resamples, seed, confidence)
        halves += _by_size(few[is_half], n_resamples, seed, confidence)
    by_name = Method.of_all(methods)
    with_null = any(each.null is not None for each in found.values())
    # Distances, which come with null values, may be of any size.
    digits = "%.6g" if with_null else None
    lines = _lines(found, counts, by_name, measures, confidence, with_null=with_null)
    columns = [*DISCREPANCY.names, *(NULL_COLUMNS if with_null else ())]
    table = pd.DataFrame(lines).reindex(columns=columns)
    DISCREPANCY.write(table, out, float_format=digits)
    order = ["model", "condition", "measure", "a", "b"]
    table = pd.DataFrame(by_size, columns=DISCREPANCY_CURVE.names)
    first = table.groupby(order, sort=False).ngroup()
    table = table.assign(first=first).sort_values(["first", "n"], kind="stable")
    DISCREPANCY_CURVE.write(table.drop(columns="first"), curve)
    table = pd.DataFrame(halves).rename(columns={"a": "dataset"})
    table = table.reindex(columns=DISCREPANCY_NULL.names)
    DISCREPANCY_NULL.write(table, null, float_format=digits)


def _counts(rows: pd.DataFrame) -> dict[Group, dict[str, int]]:
    """Return how many clips and recordings each value is of, the means over halves."""
    means = rows.groupby([*KEYS, "method"], sort=False)[list(COUNTS)].mean()
    return {
        tuple(map(str, group)): {str(name): round(n) for name, n in numbers.items()}
        for group, numbers in means.to_dict("index").items()
    }


def _by_size(
    rows: pd.DataFrame, n_resamples: int, seed: int, confidence: float
) -> Iterator[dict[str, Any]]:
    """Yield a row of a table for each number of clips and each of `KEYS`."""
    for n, part in rows.groupby("n_a", sort=False):
        for group, curve in curves(part, n_resamples, seed):
            low, high = curve.interval(confidence)
            named = dict(zip([*KEYS, "method"], group, strict=True))
            yield named | {"n": n, "value": curve.value, "low": low, "high": high}


def _lines(
    found: Mapping[Group, Curve],
    counts: Mapping[Group, Mapping[str, int]],
    methods: Mapping[str, Method],
    measures: Mapping[str, Mapping[str, Any]],
    confidence: float,
    *,
    with_null: bool,
) -> Iterator[dict[str, Any]]:
    """Yield the rows of the table of discrepancies."""
    for group, curve in found.items():
        named = dict(zip([*KEYS, "method"], group, strict=True))
        method = methods[named["method"]]
        plugin = registry.load("discrepancy", measures[named["measure"]]["plugin"])
        low, high = curve.interval(confidence)
        p = curve.p_value(plugin.better, plugin.at_equality)
        row: dict[str, Any] = {
            **named,
            **counts[group],
            "access": access_of(method, "global", protocol=FIXED, balance="none"),
            "value": curve.value,
            "low": low,
            "high": high,
            "p_value": p,
            "detected": is_detected(p, confidence),
        }
        if named["method"] != "none":
            change = curve.minus(found[(*group[:-1], "none")])
            low, high = change.interval(confidence)
            row |= {"change": change.value, "change_low": low, "change_high": high}
        if with_null and curve.null is None:
            row["null"] = plugin.at_equality
        elif curve.null is not None:
            ends = inference.interval(curve.null, confidence)
            row |= dict(zip(NULL_COLUMNS, (curve.null.mean(), *ends), strict=True))
        yield row
