"""What readers must know of a measure of discrepancy, beside each of its values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from earshift import registry

#: Columns of null values, which only tables of some measures have.
NULL = ("null", "null_low", "null_high")

#: Columns of the numbers of clips and recordings of both datasets.
COUNTS = ("n_a", "n_b", "n_recordings_a", "n_recordings_b")

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
    return table.assign(digits=_digits(table))


def with_facts_of(table: pd.DataFrame, measured: pd.DataFrame) -> pd.DataFrame:
    """Add to the rows of another table what that of discrepancies says of a measure.

    Parameters
    ----------
    table : DataFrame
        Of ``discrepancy_curve.csv`` or ``discrepancy_null.csv``, with `setting`.
    measured : DataFrame
        As from `with_facts`.

    Returns
    -------
    DataFrame
        With the columns label, better, bounds, expected and digits.
    """
    keys = ["setting", "measure"]
    facts = measured.groupby(keys, sort=False)[
        ["label", "better", "bounds", "expected", "digits"]
    ].first()
    return table.join(facts, on=keys)


def domain_auc(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the first measure that says how well datasets are told apart.

    Parameters
    ----------
    table : DataFrame
        Discrepancies, with what `with_facts` adds.

    Returns
    -------
    DataFrame
        Of a measure that is .5 for equal datasets and 1 at most; of none, no rows.
    """
    rows = table[table["bounds"].eq("0 to 1") & table["expected"].eq(0.5)]
    return rows[rows["measure"].eq(rows["measure"].iloc[0])] if len(rows) else rows


def counted(row: Any) -> str:  # noqa: ANN401
    """Return how many clips and recordings of its datasets a value is of, in words.

    Parameters
    ----------
    row : named tuple
        Of the table of discrepancies.

    Returns
    -------
    str
        Such as ``"70 clips of each (35 and 34 recordings)"``.
    """
    clips = f"{row.n_a} clips of each"
    if row.n_a != row.n_b:
        clips = f"{row.n_a} and {row.n_b} clips"
    return f"{clips} ({row.n_recordings_a} and {row.n_recordings_b} recordings)"


def _bounds(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:g} to {high:g}"


def _digits(table: pd.DataFrame) -> pd.Series[int]:
    """Return decimals: `DIGITS`, or three figures of the largest value of a model."""
    keys = [table["setting"], table["measure"]]
    largest = table[["value", "expected"]].abs().max(axis=1).groupby(keys)
    size = largest.transform("max").clip(lower=1e-6)
    figures = (2 - np.floor(np.log10(size))).clip(0, 6)
    return figures.where(table["bounds"].eq(""), DIGITS).astype(int)
