"""Stage 2, embeddings: lists of clips that are embedded in several strengths.

A store of a family of conditions has rows for each clip *and strength*; the strengths
of a clip follow each other. A list of such rows has the column `strength` beside
`clip_id`. A list of unchanged clips has no such column.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

#: Column of the strength of each row, as text.
COLUMN = "strength"


def expand(rows: pd.DataFrame, condition: Mapping[str, Any] | None) -> pd.DataFrame:
    """Return a list of clips with a row for each strength.

    Parameters
    ----------
    rows : DataFrame
        One row per clip.
    condition : mapping or None
        As `conditions.stored_as` returns it.

    Returns
    -------
    DataFrame
        The list itself for None. Else one row per clip and strength, the strengths of a
        clip one after the other, in the order of the condition.
    """
    if condition is None:
        return rows
    texts = condition["strengths"]
    out = rows.loc[rows.index.repeat(len(texts))].reset_index(drop=True)
    return out.assign(**{COLUMN: texts * len(rows)})


def columns(rows: pd.DataFrame) -> list[str]:
    """Return the name of the column of strengths, if a list has it."""
    return [COLUMN] if COLUMN in rows.columns else []


def names_of(rows: pd.DataFrame) -> pd.Series[str]:
    """Return what markers call each row of a list, such as ``"a.wav@-6"``.

    Parameters
    ----------
    rows : DataFrame
        With `clip_id`, and `strength` if there are several.

    Returns
    -------
    Series of str
        Ids of the clips, followed by the strength where there is one.
    """
    ids = rows["clip_id"].astype(object)
    return ids + "@" + rows[COLUMN] if COLUMN in rows.columns else ids


def first_rows(rows: pd.DataFrame) -> NDArray[np.int64]:
    """Return where each clip of a list begins, and at the end the number of rows."""
    new = rows["clip_id"].ne(rows["clip_id"].shift()).to_numpy(bool)
    return np.append(np.flatnonzero(new), len(rows))
