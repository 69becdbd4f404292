"""What stage 6 measured, as resampled values of each measure, pair and method."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift.numerics import inference
from earshift.numerics.auc import resampled_auc

#: Columns that say of what a curve is, besides the method.
KEYS = ("model", "condition", "a", "b", "measure")


@dataclass(frozen=True)
class Curve:
    """Values of a measure of one pair of datasets after one method.

    Parameters
    ----------
    values : ndarray of shape (n_rows, 1 + n_resamples)
        The measured value, then those of the resamples. A row is a repeat of the
        halving, the mean of its two halves, whose recordings are not the same. Repeats
        measure the same recordings again and tell little more: means over repeats are
        not taken within a resample, but of values and of ends of intervals. The AUC has
        a single row, since its resamples are drawn once for all repeats.
    null : ndarray of shape (n_draws,), optional
        Values of equal datasets, in ascending order, means over repeats alike.
    spread : float, default=1
        How much wider values spread where the datasets are equal than the resamples.
    """

    values: NDArray[np.float64]
    null: NDArray[np.float64] | None = None
    spread: float = 1.0

    @property
    def value(self) -> float:
        """The measured value, the mean over all halves."""
        return float(self.values[:, 0].mean())

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the interval of the value."""
        ends = [inference.interval(row[1:], confidence) for row in self.values]
        low, high = np.mean(ends, axis=0)
        return float(low), float(high)

    def minus(self, other: Curve) -> Curve:
        """Return the change from another method, measured with the same draws."""
        return Curve(self.values - other.values)

    def p_value(self, better: str, at_equality: float | None) -> float:
        """Return how often equal datasets look as different by chance, one-sided.

        Parameters
        ----------
        better : {"lower", "higher"}
            Which values mean that the datasets are more alike.
        at_equality : float or None
            The value of equal datasets; None where null values say it.

        Returns
        -------
        float
            As `inference.p_of_equality`, of means over repeats.
        """
        return inference.p_of_equality(
            self.value,
            better,
            null=self.null,
            resampled=np.sort(self.values[:, 1:], axis=1).mean(axis=0),
            at_equality=at_equality,
            spread=self.spread,
        )


def is_detected(p_value: float, confidence: float) -> bool:
    """Return True if two datasets are more different than chance explains.

    The one place where that is decided; on the other side of chance there is none: an
    AUC below 0.5 is what a classifier that learned nothing has in some samples.

    Parameters
    ----------
    p_value : float
        As `Curve.p_value` returns it.
    confidence : float
        Level of the one-sided bound.

    Returns
    -------
    bool
        False if there is no p-value.
    """
    return p_value <= 1 - confidence + 1e-9


def scoring(rows: pd.DataFrame) -> list[str]:
    """Return the measures that score clips, in the order of the rows."""
    if "quantity" in rows:
        rows = rows[rows["quantity"].isna()]
    return [str(name) for name in rows["measure"].unique()]


def curves(
    rows: pd.DataFrame, n_resamples: int, seed: int
) -> Iterator[tuple[tuple[str, ...], Curve]]:
    """Yield the curve of each measure, pair of datasets and method.

    Parameters
    ----------
    rows : DataFrame
        As `measure_discrepancy` writes them, of one model and condition.
    n_resamples : int
        Resamples of recordings, for measures that score clips; others bring theirs.
    seed : int
        Of these resamples.

    Yields
    ------
    key : tuple of str
        `KEYS` and the method.
    curve : Curve
        Those of all methods have the same draws.
    """
    for key, part in rows.groupby(list(KEYS), sort=False):
        names = tuple(map(str, key))
        if "quantity" in part and part["quantity"].notna().all():
            found = _of_values(part)
        else:
            found = _of_scores(part, n_resamples, seed)
        for method, curve in found:
            yield (*names, method), curve


def _of_values(rows: pd.DataFrame) -> Iterator[tuple[str, Curve]]:
    """Yield the curve of each method, of values that a measure returned."""
    for method, part in rows.groupby("method", sort=False):
        values, null, resampled = (
            _by_repeat(part[part["quantity"].eq(quantity)])
            for quantity in ("value", "null", "resampled")
        )
        chance = np.sort(null, axis=1).mean(axis=0) if len(null) else None
        yield str(method), Curve(np.hstack([values, resampled]), chance)


def _by_repeat(rows: pd.DataFrame) -> NDArray[np.float64]:
    """Return means over the halves of each repeat, shape (n_repeats, n_draws)."""
    table = rows.groupby(["repeat", "draw"])["value"].mean().unstack("draw")
    return np.asarray(table, float)


def _of_scores(
    rows: pd.DataFrame, n_resamples: int, seed: int
) -> Iterator[tuple[str, Curve]]:
    """Yield the AUC of each method, of scores of clips, per resample."""
    clips = rows[["dataset", "clip_id", "recording"]].drop_duplicates()
    clips = clips.sort_values(["dataset", "clip_id"])
    rng = np.random.default_rng(seed)
    weights = np.concatenate(
        [
            inference.bootstrap_weights(own.to_numpy(str), n_resamples, rng)
            for _, own in clips.groupby("dataset")["recording"]
        ]
    )
    place = pd.Series(
        np.arange(len(clips)),
        index=pd.MultiIndex.from_frame(clips[["dataset", "clip_id"]]),
    )
    for method, part in rows.groupby("method", sort=False):
        where = pd.MultiIndex.from_frame(part[["dataset", "clip_id"]])
        inner = part[["repeat", "fold", "inner_fold"]]
        auc = resampled_auc(
            part["score"].to_numpy(float),
            part["of_b"].to_numpy(bool),
            np.asarray(inner.groupby(list(inner.columns)).ngroup(), np.int64),
            weights[place.loc[where].to_numpy()],
        )
        yield str(method), Curve(auc[np.newaxis], spread=inference.AT_CHANCE)
