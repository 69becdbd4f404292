"""Whether what is measured before a correction tells how much it will gain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift.errors import DataError, did_you_mean
from earshift.numerics.estimates import Estimate
from earshift.stages.report.final_tables import of_one_protocol
from earshift.tables import DISCREPANCY, GAPS

Array = NDArray[np.float64]

#: What is left out in turn -> the column that says what a direction belongs to.
LEFT_OUT = {"pair": "pair", "model": "setting"}

#: A line through fewer directions says nothing.
MIN_ROWS = 4


@dataclass(frozen=True)
class Correctability:
    """How well gains are predicted, by each measure and by the mean gain.

    Parameters
    ----------
    method : str
        The correction.
    metric : str
        The metric that gains.
    directions : DataFrame
        A row for each direction of each model: ``pair``, ``setting`` (model and
        condition), ``train``, ``test``, ``gap``, ``across`` (the score before),
        ``gain``, ``recovered``, and each measure before the correction.
    table : DataFrame
        A row for each predictor and what is left out: ``left_out``, ``predictor``,
        ``n`` directions, ``n_groups`` left out in turn, ``slope`` over all directions,
        ``error`` and ``error_of_mean`` (root mean square errors of predicted gains, by
        a line and by the mean of the others), and ``better``, by how much the squared
        error of the mean is larger, with ``low`` and ``high``. Only if ``low`` is above
        0 does the predictor beat the mean.
    """

    method: str
    metric: str
    directions: pd.DataFrame
    table: pd.DataFrame

    def __str__(self) -> str:
        """Return the table, and what it says, as text."""
        known = self.directions["gain"].dropna()
        lines = [
            f"Gain of {self.method} ({self.metric}) in {len(known)} directions: "
            f"{known.mean():+.3f} in the mean, from {known.min():+.3f} to "
            f"{known.max():+.3f}."
        ]
        for left_out, rows in self.table.groupby("left_out", sort=False):
            better = rows.loc[rows["low"] > 0, "predictor"].tolist()
            said = (
                f"{', '.join(better)}: better" if better else "nothing is shown better"
            )
            lines.append(
                f"Leaving out one {left_out} at a time, {said} than the mean gain."
            )
        return "\n".join([*lines, self.table.round(4).to_string(index=False)])


def correctability(
    folders: Sequence[str | Path],
    *,
    method: str = "adapt",
    metric: str = "roc_auc",
    confidence: float = 0.95,
) -> Correctability:
    """Ask results at hand whether measures predict what a correction gains.

    For each predictor (the gap, the score before, each measure of discrepancy, all
    without correction) a line is fitted to the gains of all directions but those of one
    pair of datasets, or of one model, and predicts theirs. Its rival is the mean gain
    of the same directions.

    Parameters
    ----------
    folders : sequence of path
        Results of finished runs; those of one pair of datasets may be in several.
    method : str, default="adapt"
        Name of the correction in their configurations.
    metric : str, default="roc_auc"
        Whose gains, with training sets of equal size, are predicted.
    confidence : float, default=0.95
        Level of the intervals.

    Returns
    -------
    Correctability
        Intervals are Student's t over what was left out, so with two groups they are
        wide: two pairs of datasets cannot say how pairs differ.

    Raises
    ------
    DataError
        If a folder has no such tables, or there are fewer than `MIN_ROWS` directions.
    """
    directions = pd.concat(
        [_directions(Path(folder), method, metric) for folder in folders],
        ignore_index=True,
    ).drop_duplicates(["pair", "setting", "train", "test"])
    if len(directions) < MIN_ROWS:
        raise DataError(
            f"to predict gains of '{method}' takes {MIN_ROWS} directions or more, and "
            f"these results have {len(directions)}: add models or pairs of datasets."
        )
    about = ["pair", "setting", "train", "test", "gain", "recovered"]
    predictors = [name for name in directions if name not in about]
    rows = [
        _judged(directions, left_out, predictor, 1 - confidence)
        for left_out in LEFT_OUT
        for predictor in predictors
    ]
    return Correctability(method, metric, directions, pd.DataFrame(rows))


def _directions(folder: Path, method: str, metric: str) -> pd.DataFrame:
    """Return the directions of one experiment, of the protocol that its page shows."""
    files = [folder / table.file for table in (GAPS, DISCREPANCY)]
    if missing := [file for file in files if not file.is_file()]:
        raise DataError(
            f"'{folder}' lacks '{missing[0].relative_to(folder)}': is it a folder of "
            "results, and the run finished?"
        )
    gaps = GAPS.read(files[0])
    if method not in set(gaps["method"]):
        raise DataError(
            f"'{folder}' has no method '{method}' "
            f"{did_you_mean(method, set(gaps['method']))}"
        )
    gaps = of_one_protocol(gaps[gaps["metric"].eq(metric)])
    cell = ["model", "condition", "train", "test"]
    before = gaps[gaps["method"].eq("none")].set_index(cell)
    after = gaps[gaps["method"].eq(method)].drop_duplicates(cell).set_index(cell)
    out = before[["gap", "across"]].join(after[["gain", "recovered"]], how="inner")
    measured = DISCREPANCY.read(files[1])
    measured = measured[measured["method"].eq("none")].assign(
        pair=lambda t: [_pair(a, b) for a, b in zip(t["a"], t["b"], strict=True)]
    )
    values = measured.pivot_table("value", ["model", "condition", "pair"], "measure")
    out = out.reset_index()
    out["pair"] = [_pair(a, b) for a, b in zip(out["train"], out["test"], strict=True)]
    out = out.join(values, on=["model", "condition", "pair"])
    out["setting"] = out.pop("model") + " / " + out.pop("condition")
    return out


def _pair(a: str, b: str) -> str:
    return ", ".join(sorted((a, b)))


def _judged(
    directions: pd.DataFrame, left_out: str, predictor: str, alpha: float
) -> dict[str, Any]:
    """Return how well a line and the mean predict the gains of what is left out."""
    known = directions.dropna(subset=["gain", predictor])
    x, y = (known[name].to_numpy(float) for name in (predictor, "gain"))
    groups = known[LEFT_OUT[left_out]].to_numpy(str)
    names = np.unique(groups)
    row: dict[str, Any] = {"left_out": left_out, "predictor": predictor}
    row |= {"n": len(known), "n_groups": len(names)}
    unknown = dict.fromkeys(("slope", "error", "error_of_mean", "better"), np.nan)
    if len(names) < 2 or len(known) < MIN_ROWS:
        return row | unknown | {"low": np.nan, "high": np.nan}
    errors = np.empty((2, len(known)))
    for name in names:
        out = groups == name
        slope, height = _line(x[~out], y[~out])
        errors[:, out] = y[out] - [height + slope * x[out], 0 * x[out] + y[~out].mean()]
    squares = errors**2
    better = [float((squares[1] - squares[0])[groups == name].mean()) for name in names]
    spread = float(np.var(better, ddof=1) / len(better))
    estimate = Estimate(float(np.mean(better)), [(spread, len(better) - 1)])
    row |= {"slope": _line(x, y)[0]}
    row |= dict(
        zip(("error", "error_of_mean"), np.sqrt(squares.mean(axis=1)), strict=True)
    )
    low, high = estimate.interval(alpha)
    return row | {"better": estimate.value, "low": low, "high": high}


def _line(x: Array, y: Array) -> tuple[float, float]:
    """Return slope and height at 0 of the least-squares line; flat if x is constant."""
    spread = float(np.square(x - x.mean()).sum())
    slope = float((x - x.mean()) @ y) / spread if spread > 0 else 0.0
    return slope, float(y.mean() - slope * x.mean())
