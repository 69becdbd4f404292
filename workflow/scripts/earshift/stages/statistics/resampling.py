"""Stage 7, statistics: from scores of clips to metrics with what they vary by."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift.numerics import inference, metrics
from earshift.numerics.estimates import Curve, mean_known
from earshift.stages.scores.score_tables import REFIT, SIZES

log = logging.getLogger(__name__)

Array = NDArray[np.float64]

#: What identifies a mean over classes.
GROUP = (
    "protocol",
    "model",
    "condition",
    "method",
    "scope",
    "train",
    "test",
    "sample",
    "partner",
)


@dataclass(frozen=True)
class Group:
    """All metrics of one group of rows.

    Parameters
    ----------
    named : dict of str to str
        Values of `GROUP`.
    classes : sequence of str
        All classes, also those that this group has no row of: they are unknown.
    curves : dict of str to Curve
        Name of a metric -> its curve.
    sizes : dict of str to float
        `SIZES`, mean over classes, folds and repeats; `n_test` and `n_recordings`, the
        tested clips and recordings.
    clips : int
        Hash of the tested clips: groups of one hash can be compared.
    n_classes : int
        Classes that the ROC-AUC is known of.
    """

    named: dict[str, str]
    classes: Sequence[str]
    curves: dict[str, Curve]
    sizes: dict[str, float]
    clips: int
    n_classes: int

    def of_means(self) -> Group:
        """Return it with means over classes in place of the classes.

        They take less memory.
        """
        curves = {name: curve.averaged() for name, curve in self.curves.items()}
        return replace(self, curves=curves)


def read(path: Path) -> pd.DataFrame:
    """Read the scores of clips of a model and condition.

    Rows of methods that are the same in all scopes are there once for each.
    """
    rows = pd.read_parquet(path)
    words = [*GROUP, "class", "clip_id", "recording"]
    return rows.astype(dict.fromkeys(words, "category"))


def groups(rows: pd.DataFrame, n_resamples: int, seed: int) -> Iterator[Group]:
    """Yield the metrics of each group of rows.

    Parameters
    ----------
    rows : DataFrame
        Scores of clips, as stage 5 writes them, of one model and condition.
    n_resamples : int
        Draws of the recordings of each test dataset, which are the same for all groups.
    seed : int
        Of the draws.

    Yields
    ------
    Group
        In the order of the rows.
    """
    classes = sorted(map(str, rows["class"].unique()))
    repeats = np.unique(rows["repeat"].to_numpy())
    for _, tested in rows.groupby("test", observed=True, sort=False):
        clips = tested[["clip_id", "recording"]].drop_duplicates()
        clips = clips.astype(str).sort_values("clip_id")
        weights = inference.bootstrap_weights(
            clips["recording"].to_numpy(str),
            n_resamples,
            np.random.default_rng(seed),
            _strata(tested),
        )
        place = pd.Index(clips["clip_id"]).get_indexer(tested["clip_id"].astype(str))
        placed = tested.assign(place=place)
        for group, part in placed.groupby(list(GROUP), observed=True, sort=False):
            named = dict(zip(GROUP, map(str, group), strict=True))
            yield _group(named, part, weights, classes, repeats)


def _strata(rows: pd.DataFrame) -> dict[str, str]:
    known = rows[["recording", "class", "present"]].drop_duplicates().astype(str)
    classes = known["class"].where(known["present"].eq("True"), "")
    return inference.strata_of(known["recording"].to_numpy(str), classes.to_numpy(str))


def _group(
    named: dict[str, str],
    rows: pd.DataFrame,
    weights: NDArray[np.float32],
    classes: Sequence[str],
    repeats: NDArray[np.int64],
) -> Group:
    """Return the metrics of one group."""
    refits = [column for column in rows if str(column).startswith(REFIT)]
    n_recordings = int(rows["recording"].nunique())
    by_class = {
        str(name): _class(own, weights, repeats, refits, n_recordings)
        for name, own in rows.groupby("class", observed=True)
    }
    if missing := [name for name in classes if name not in by_class]:
        log.warning(
            "%s, trained on %s (%s), tested on %s: too few clips to train %s, which "
            "needs recordings with and without the class in each fold",
            *(named[word] for word in ("model", "train", "sample", "test")),
            ", ".join(missing),
        )
    unknown = {
        metric: curve.times(np.nan)
        for metric, curve in next(iter(by_class.values())).items()
    }
    parts = [by_class.get(name, unknown) for name in classes]
    curves = {
        metric: Curve(
            np.concatenate([part[metric].drawn for part in parts]),
            np.concatenate([part[metric].repeats for part in parts]),
            np.concatenate([part[metric].refits for part in parts]),
            n_recordings,
        )
        for metric in parts[0]
    }
    sizes = {name: float(rows[name].mean()) for name in SIZES}
    places = np.unique(rows["place"].to_numpy())
    sizes |= {"n_test": len(places), "n_recordings": n_recordings}
    n_classes = int(np.isfinite(curves["roc_auc"].drawn[:, 0]).sum())
    return Group(named, classes, curves, sizes, hash(places.tobytes()), n_classes)


def _class(
    rows: pd.DataFrame,
    weights: NDArray[np.float32],
    repeats: NDArray[np.int64],
    refits: Sequence[str],
    n_recordings: int,
) -> dict[str, Curve]:
    """Return the metrics of one class; NaN in repeats that could not train it."""
    drawn: dict[str, list[Array]] = {}
    again: dict[str, list[float]] = {}
    once = np.ones((len(rows), 1), np.float32)
    unknown = np.full(weights.shape[1], np.nan)
    of_repeat, place = rows["repeat"].to_numpy(), rows["place"].to_numpy()
    facts = {
        "present": rows["present"].to_numpy(bool),
        "folds": rows["fold"].to_numpy(np.int64),
        "threshold": rows["threshold"].to_numpy(float),
    }
    first, others = rows["score"].to_numpy(float), rows[list(refits)].to_numpy(float)
    for repeat in repeats:
        one = np.flatnonzero(of_repeat == repeat)
        if not len(one):
            for metric in metrics.METRICS:
                drawn.setdefault(metric.name, []).append(unknown)
                again.setdefault(metric.name, []).extend([np.nan] * len(refits))
            continue
        arguments = {name: values[one] for name, values in facts.items()}
        own = weights[place[one]]
        values = metrics.all_resampled(first[one], **arguments, weights=own)
        for name, value in values.items():
            drawn.setdefault(name, []).append(value)
        for scores in others[one].T:
            # Part of the folds alone would be another metric.
            known = bool(np.isfinite(scores).all())
            other = (
                metrics.all_resampled(scores, **arguments, weights=once[: len(one)])
                if known
                else {}
            )
            for name, value in values.items():
                change = other[name][0] - value[0] if known else np.nan
                again.setdefault(name, []).append(float(change))
    # Refits are dealt to the repeats in turn, and are in this order.
    dealt = {
        name: np.reshape(again.get(name, []), (len(repeats), -1)).T.ravel()
        for name in drawn
    }
    return {
        name: Curve(
            mean_known(np.stack(values))[None],
            np.stack(values)[:, 0][None],
            dealt[name][None],
            n_recordings,
        )
        for name, values in drawn.items()
    }
