"""What a table is: columns that are declared once, and checked whenever it is written.

No other module reads or writes a CSV file of ours. A class may be called ``NA``, ``01``
or ``1e5``, and a dataset ``001``: what a table names stays the text that was written,
whatever it looks like.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd

from earshift import files
from earshift.errors import DataError, did_you_mean

#: What the cells of a column hold.
Type = Literal["text", "number", "count", "flag"]

#: Type -> what it is in words, as in "needs whole numbers from 0 on".
TYPES: Mapping[Type, str] = MappingProxyType(
    {
        "text": "text",
        "number": "numbers",
        "count": "whole numbers from 0 on",
        "flag": "True or False",
    }
)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


_HOLDS: Mapping[Type, Callable[[Any], bool]] = MappingProxyType(
    {
        "text": lambda value: isinstance(value, str),
        "number": _is_number,
        "count": lambda v: _is_number(v) and v >= 0 and float(v).is_integer(),
        "flag": lambda value: isinstance(value, bool | np.bool_),
    }
)


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    name : str
        Its name. A part in braces stands for any text, so that ``roc_auc_{protocol}``
        is one column or several.
    type : {"text", "number", "count", "flag"}
        What its cells hold; a count is a whole number from 0 on.
    meaning : str
        What that is, in plain English, as docs/tables.md prints it.
    unit : str, optional
        Of its numbers.
    empty : str, optional
        When a cell is empty, as in "Empty <without an official split>". Without it no
        cell may be.
    only : str, optional
        When a table has the column, as in "Only <if ...>". Without it all have it.
    """

    name: str
    type: Type
    meaning: str
    unit: str = ""
    empty: str = ""
    only: str = ""

    def is_called(self, name: str) -> bool:
        """Return True if `name` is the name of this column, or fits its pattern."""
        fixed = map(re.escape, re.split(r"\{\w+\}", self.name))
        return re.fullmatch(".+".join(fixed), name) is not None


@dataclass(frozen=True)
class Table:
    """A kind of CSV file.

    Parameters
    ----------
    file : str
        Its path in the folder of the results; parts in braces stand for names.
    rows : str
        What it has a row for.
    columns : tuple of Column
        In their order.
    float_format : str, optional
        How numbers that are not whole are written; without it, to their last digit.
    """

    file: str
    rows: str
    columns: tuple[Column, ...]
    float_format: str | None = None

    @property
    def names(self) -> list[str]:
        """Names of the columns that every such table has."""
        return [column.name for column in self.columns if not column.only]

    def write(
        self, rows: pd.DataFrame, path: Path, *, float_format: str | None = None
    ) -> None:
        """Write a table, whole or not at all.

        Parameters
        ----------
        rows : DataFrame
            With the declared columns in their order; the index is not written.
        path : Path
            CSV file to write.
        float_format : str, optional
            In place of that of the table.

        Raises
        ------
        DataError
            If a column is missing, not declared or out of order, or if a cell is not
            what is declared. Nothing is written.
        """
        for column, name in zip(self._columns_of(rows), rows.columns, strict=True):
            self._check_cells(column, name, rows[name])
        with files.whole_file(path) as file:
            rows.to_csv(
                file, index=False, float_format=float_format or self.float_format
            )

    def read(self, path: Path) -> pd.DataFrame:
        """Read a table.

        Parameters
        ----------
        path : Path
            CSV file. An earlier version may have written it: columns that it lacks are
            not missed.

        Returns
        -------
        DataFrame
            Columns of text as they were written, and ``""`` where nothing was; of all
            others what pandas makes of them, NaN where nothing was written.
        """
        words = [column.name for column in self.columns if column.type == "text"]
        rows = pd.read_csv(
            path,
            keep_default_na=False,
            na_values=[""],
            dtype=dict.fromkeys(words, str),
        )
        return rows.fillna(dict.fromkeys(rows.columns.intersection(words), ""))

    def _columns_of(self, rows: pd.DataFrame) -> list[Column]:
        """Return what is declared of each column of `rows`; refuse any other columns.

        Raises
        ------
        DataError
            If a column is missing, not declared, there twice or out of order.
        """
        names = list(rows.columns)
        declared = {
            name: column
            for column in self.columns
            for name in names
            if column.is_called(name)
        }
        for name in names:
            if name not in declared:
                known = [column.name for column in self.columns]
                self._refuse(f"has no column '{name}' {did_you_mean(name, known)}")
            if names.count(name) > 1:
                self._refuse(f"has the column '{name}' once, got it twice.")
        given = ", ".join(names) or "no column"
        for column in self.columns:
            if not column.only and column not in declared.values():
                self._refuse(f"needs the column '{column.name}', got {given}.")
        if list(declared) != names:
            order = ", ".join(declared)
            self._refuse(f"needs its columns in the order {order}; got {given}.")
        return list(declared.values())

    def _check_cells(self, column: Column, name: str, cells: pd.Series[Any]) -> None:
        """Refuse cells that are not of the type, or are empty where none may be.

        Raises
        ------
        DataError
            With the first of them.
        """
        empty = (cells.isna() | cells.eq("")).to_numpy(bool)
        if empty.any() and not column.empty:
            row = int(empty.argmax()) + 1
            self._refuse(
                f"needs a value in every cell of the column '{name}', got none in row "
                f"{row} of {len(cells)}."
            )
        some = cells[~empty]
        right = some.map(_HOLDS[column.type]).to_numpy(bool)
        if not right.all():
            place = int(right.argmin())
            row = int(np.flatnonzero(~empty)[place]) + 1
            self._refuse(
                f"needs {TYPES[column.type]} in the column '{name}', got "
                f"{some.iloc[place]!r} in row {row} of {len(cells)}."
            )

    def _refuse(self, what: str) -> None:
        raise DataError(f"the table {self.file} {what} Nothing was written.")
