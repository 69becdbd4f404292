"""Stage 5, decomposition: the tables of all models and conditions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from earshift.tables import DECOMPOSITION, DECOMPOSITION_CHECKS


def gather_decompositions(
    gaps: Sequence[Path], checks: Sequence[Path], *, out: Path, out_checks: Path
) -> None:
    """Write the terms of all models and conditions in one table, and so their checks.

    Parameters
    ----------
    gaps, checks : sequence of Path
        From `gaps.decompose_gaps`, one of each for each model and condition.
    out, out_checks : Path
        CSV files to write, `tables.DECOMPOSITION` and `tables.DECOMPOSITION_CHECKS`.
    """
    for table, made, file in (
        (DECOMPOSITION, gaps, out),
        (DECOMPOSITION_CHECKS, checks, out_checks),
    ):
        rows = pd.concat([pd.read_parquet(path) for path in made], ignore_index=True)
        table.write(rows[table.names], file)
