"""What readers must know of a measure of discrepancy, beside each of its values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from earshift import registry

#: Columns of null values, which only tables of some measures have.
NULL = ("null", "null_low", "null_high", "p_value")

#: Decimals of a value between 0 and 1.
DIGITS = 3


def with_facts(
    table: pd.DataFrame, measures: Mapping[str, Mapping[str, Any]]
) -> pd.DataFrame:
    """Add to each row of the table of discrepancies what its measure says of itself.

    Parameters
    ----------
    table : DataFrame
        Of ``discrepancy.csv``, with the column `setting`.
    measures : mapping
        Config entries of the measures.

    Returns
    -------
    DataFrame
        With the columns `NULL` also where the file has none, and

        * `label`: the name of the measure, and `better`, as its plugin says;
        * `bounds`: its range, such as ``0 to 1``, if it has both ends, else empty;
        * `expected`: the value of equal datasets;
    * `tested`: whether that has an interval;
        * `detected`: whether the datasets are more different than chance explains;
        * `digits`: decimals that tell values of this measure and model apart.
    """
    from earshift import discrepancy  # which takes long

    table = table.reindex(
        columns=[*table.columns, *(c for c in NULL if c not in table)]
    )
    plugins = {
        name: registry.load("discrepancy", measures[name]["plugin"])
        for name in table["measure"].unique()
    }
    named = table["measure"]
    labels = {name: discrepancy.label_of(name, measures[name]) for name in plugins}
    bounds = {name: _bounds(*plugin.range) for name, plugin in plugins.items()}
    fixed = {
        name: math.nan if plugin.at_equality is None else float(plugin.at_equality)
        for name, plugin in plugins.items()
    }
    table = table.assign(
        tested=table["null_low"].notna(),
        label=named.map(labels),
        better=named.map({name: plugin.better for name, plugin in plugins.items()}),
        bounds=named.map(bounds),
        expected=table["null"].fillna(named.map(fixed)),
    )
    return table.assign(detected=_detected(table), digits=_digits(table))


def _bounds(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:g} to {high:g}"


def _detected(table: pd.DataFrame) -> pd.Series[bool]:
    """Return where two datasets are more different than chance explains.

    With null values, where the value lies beyond their interval; else where the
    interval of the value lies beyond the one of equal datasets. On the other side of
    that there is no difference either: a domain AUC below 0.5 is what a classifier that
    learned nothing has in some samples.
    """
    tested = table["tested"]
    low, high = (table["value"].where(tested, table[end]) for end in ("low", "high"))
    most = table["null_high"].where(tested, table["expected"])
    least = table["null_low"].where(tested, table["expected"])
    return low.gt(most).where(table["better"].eq("lower"), high.lt(least))


def _digits(table: pd.DataFrame) -> pd.Series[int]:
    """Return decimals: `DIGITS`, or three figures of the largest value of a model."""
    keys = [table["setting"], table["measure"]]
    largest = table[["value", "expected"]].abs().max(axis=1).groupby(keys)
    size = largest.transform("max").clip(lower=1e-6)
    figures = (2 - np.floor(np.log10(size))).clip(0, 6)
    return figures.where(table["bounds"].eq(""), DIGITS).astype(int)
