"""Call a measure on the clips of two datasets; check and tabulate what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift import discrepancy, registry
from earshift.discrepancy import ClipScores, Result
from earshift.errors import DataError
from earshift.evaluation.domains import Domain

#: Columns that say how many clips and recordings of each dataset were measured.
COUNTS = ("n_a", "n_b", "n_recordings_a", "n_recordings_b")

#: Null or resampled values at least, if there are any.
MIN_DRAWS = 20

#: Differences of values that are rounding, as a share of them.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Side:
    """Clips of one dataset.

    Parameters
    ----------
    X : ndarray of shape (n_clips, n_features)
        Features, as a method leaves them.
    labels : ndarray of shape (n_clips, n_classes), int8
        1 present, 0 absent, -1 unknown.
    clips : DataFrame
        Columns dataset, clip_id and recording.
    """

    X: NDArray[np.float64]
    labels: NDArray[np.int8]
    clips: pd.DataFrame

    @classmethod
    def of(
        cls, domain: Domain, chosen: NDArray[np.bool_], X: NDArray[np.float64]
    ) -> Side:
        """Return the chosen clips of a dataset, with their features `X`."""
        names = {"clip_id": domain.clip_id, "recording": domain.recording}
        clips = pd.DataFrame({key: all_of[chosen] for key, all_of in names.items()})
        clips.insert(0, "dataset", domain.name)
        return cls(X, domain.labels[chosen], clips)

    @property
    def counts(self) -> tuple[int, int]:
        """Numbers of clips and of recordings."""
        return len(self.clips), int(self.clips["recording"].nunique())


def measure_pair(
    entry: Mapping[str, Any],
    a: Side,
    b: Side,
    rng: np.random.Generator,
    key: Mapping[str, str],
) -> pd.DataFrame:
    """Measure how far apart the clips of two datasets are.

    Parameters
    ----------
    entry : mapping
        Config entry of the measure.
    a, b : Side
        The clips. They are copied: a measure may change what it is given.
    rng : Generator
        Draws.
    key : mapping
        Columns that all rows have: measure, a, b.

    Returns
    -------
    DataFrame
        As `measure_discrepancy` writes it: a row per clip, or per value, and in all of
        them the `COUNTS`.

    Raises
    ------
    DataError
        If the measure returns what none may.
    """
    plugin = registry.load("discrepancy", entry["plugin"])
    result: Result = plugin.measure(
        a.X.copy(),
        b.X.copy(),
        recordings_a=a.clips["recording"].to_numpy(str),
        recordings_b=b.clips["recording"].to_numpy(str),
        y_a=a.labels.copy(),
        y_b=b.labels.copy(),
        rng=rng,
        **registry.own_options(entry),
    )
    who = f"the measure '{key['measure']}'"
    numbers = [n for both in zip(a.counts, b.counts, strict=True) for n in both]
    counts = dict(zip(COUNTS, numbers, strict=True))
    if not isinstance(result, Result):
        raise DataError(
            f"{who} must return a discrepancy.Result, got a {type(result).__name__}."
        )
    if result.scores is not None:
        clips = pd.concat([a.clips, b.clips], ignore_index=True)
        _check_scores(result.scores, clips, who)
        _check_auc(result, len(a.X), who)
        found = {"score": result.scores.scores, "inner_fold": result.scores.folds}
        of_b = np.arange(len(clips)) >= len(a.X)
        return clips.assign(of_b=of_b, **key, **found, **counts)
    values = _values(result, who)
    _check_values(values, plugin, who)
    rows = [
        pd.DataFrame(
            {"quantity": quantity, "draw": np.arange(len(each)), "value": each}
        )
        for quantity, each in values.items()
    ]
    return pd.concat(rows, ignore_index=True).assign(**key, **counts)


def _check_scores(found: ClipScores, clips: pd.DataFrame, who: str) -> None:
    """Refuse scores that are not one finite number for each clip in a fold."""
    scores, folds = np.asarray(found.scores, float), np.asarray(found.folds)
    if scores.shape != (len(clips),) or folds.shape != (len(clips),):
        raise DataError(
            f"{who} must give a score and a fold for each of {len(clips)} clips, got "
            f"{scores.shape} and {folds.shape}."
        )
    if folds.dtype.kind not in "iu":
        raise DataError(
            f"{who} must give a whole number as the fold of each clip, -1 for those "
            f"that it leaves out, got {folds.dtype}."
        )
    bad = ~np.isfinite(scores) & (folds >= 0)
    if bad.any():
        clip = clips.iloc[int(bad.argmax())]
        raise DataError(
            f"{who} gives the score {scores[bad.argmax()]} for clip "
            f"'{clip['clip_id']}' of dataset '{clip['dataset']}' ({bad.sum()} of "
            f"{len(bad)} clips). Clips that it leaves out must have the fold -1."
        )


def _check_auc(result: Result, n_a: int, who: str) -> None:
    """Refuse scores of a measure that is not their AUC, which is what is tabulated."""
    assert result.scores is not None
    auc = result.scores.auc(n_a)
    # With too few recordings, there is none.
    if not np.isclose(result.value, auc, rtol=0, atol=ROUNDING, equal_nan=True):
        raise DataError(
            f"{who} gives the value {result.value:g} with scores whose AUC is "
            f"{auc:g}: only a measure that is the AUC of its scores may give them. "
            "Others give null and resampled values; discrepancy.resample makes these."
        )


def _values(result: Result, who: str) -> dict[str, NDArray[np.float64]]:
    """Return the values of each quantity, all of them finite numbers."""
    if result.resampled is None or not np.size(result.resampled):
        raise DataError(
            f"{who} gives neither scores of clips nor resampled values; "
            "discrepancy.resample makes these."
        )
    given = {
        "value": [result.value],
        "null": [] if result.null is None else result.null,
        "resampled": result.resampled,
    }
    out = {}
    for quantity, each in given.items():
        values = np.asarray(each)
        is_real = values.dtype.kind in "fiu" and values.ndim == 1
        if not is_real or not np.isfinite(values).all():
            bad = f", {np.sum(~np.isfinite(values))} not finite" if is_real else ""
            raise DataError(
                f"{who} must give finite numbers as '{quantity}', one per draw, got "
                f"shape {values.shape} of type {values.dtype}{bad}."
            )
        out[quantity] = values.astype(np.float64)
    return out


def _check_values(
    values: Mapping[str, NDArray[np.float64]], plugin: ModuleType, who: str
) -> None:
    """Refuse values that there cannot be, and draws that say nothing of the value."""
    value, null, resampled = (values[q] for q in ("value", "null", "resampled"))
    for what, some in (("value", value), ("null value", null)):
        for each in some:
            if not discrepancy.is_within(each, plugin.range):
                raise DataError(
                    f"{who} gives the {what} {each:g}, outside its range "
                    f"{plugin.range}."
                )
    if plugin.at_equality is None and not len(null):
        raise DataError(
            f"{who} has at_equality = None, and must therefore return null values."
        )
    for quantity in ("null", "resampled"):
        if 0 < len(values[quantity]) < MIN_DRAWS:
            raise DataError(
                f"{who} gives {len(values[quantity])} {quantity} values: fewer than "
                f"{MIN_DRAWS} say nothing of what chance does."
            )
    low, high = resampled.min(), resampled.max()
    if not low - ROUNDING * abs(low) <= value[0] <= high + ROUNDING * abs(high):
        raise DataError(
            f"{who} gives the value {value[0]:g} and resampled values from {low:g} to "
            f"{high:g}: these must lie about it, for they become its interval. A "
            "bootstrap of a distance does not; discrepancy.resample does."
        )
