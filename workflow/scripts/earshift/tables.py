"""Read the tables that stages write. No other module reads a CSV file of ours.

A class may be called ``NA``, ``01`` or ``1e5``, and a dataset ``001``: what a table
names stays the text that was written, whatever it looks like.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

#: Columns that hold words even where all of them look like numbers, or are empty.
WORDS = (
    # What an experiment names.
    *("dataset", "dataset_a", "dataset_b", "train", "test"),
    *("a", "b", "model", "condition", "method", "class", "subgroup", "name"),
    *("clip_id", "clip_a", "clip_b", "recording", "label", "split", "path"),
    # What the stages say of it.
    *("protocol", "scope", "access", "measure", "verdict", "reference", "fault"),
    *("region", "check", "item", "detail", "reason", "status", "kind"),
    *("stage", "made", "address", "short", "near"),
)


def read_table(file: Path) -> pd.DataFrame:
    """Read one of our tables.

    Parameters
    ----------
    file : Path
        CSV file.

    Returns
    -------
    DataFrame
        Columns of `WORDS` as text, empty where nothing was written; of all others what
        pandas makes of them, NaN where nothing was written.
    """
    table = pd.read_csv(
        file,
        keep_default_na=False,
        na_values=[""],
        dtype=dict.fromkeys(WORDS, str),
    )
    words = table.columns.intersection(WORDS)
    return table.fillna(dict.fromkeys(words, ""))


def read_text(file: Path) -> pd.DataFrame:
    """Read one of our tables with every column as text, empty where nothing is."""
    return pd.read_csv(file, dtype=str, keep_default_na=False)
