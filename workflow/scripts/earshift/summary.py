"""Stage 7, statistics: the tables that answer the experiment's questions.

All comparisons are paired: in each bootstrap resample the recordings of a test dataset
are drawn once, and every method, class and training dataset is scored on that draw.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift import jobs, registry, statistics

log = logging.getLogger(__name__)

#: What identifies a mean over classes.
GROUP = ("protocol", "model", "condition", "method", "scope", "train", "test")

#: Columns of the summary, but for the two that `_correct` adds.
COLUMNS = (
    *GROUP,
    "access",
    "n_classes",
    "roc_auc",
    "roc_auc_low",
    "roc_auc_high",
    "change",
    "change_low",
    "change_high",
    "p_value",
)

#: Curves of resampled values by what they are of.
Curves = dict[tuple[str, ...], NDArray[np.float64]]


def summarise(
    clip_scores: Sequence[Path],
    methods: Mapping[str, Mapping[str, Any]],
    *,
    n_resamples: int,
    confidence: float,
    seed: int,
    summary: Path,
    gaps: Path,
) -> None:
    """Write mean scores over classes, their change by each method, and the gaps.

    Parameters
    ----------
    clip_scores : sequence of Path
        Per-clip scores of each model and condition, from `evaluate.cross_validate`.
    methods : mapping
        Config entries of the methods, for their `access`.
    n_resamples : int
        Bootstrap resamples of recordings.
    confidence : float
        Level of the intervals.
    seed : int
        Of the resamples.
    summary : Path
        CSV file to write: per `GROUP`, mean ROC-AUC over classes with its interval, the
        change against the method ``none`` with interval and p-value (paired; Holm over
        the methods of a model and direction), and a verdict in words.
    gaps : Path
        CSV file to write: how much worse clips of `test` are told apart by classifiers
        trained on `train` than by classifiers trained on `test` itself.
    """
    curves: Curves = {}
    n_classes: dict[tuple[str, ...], int] = {}
    for path in clip_scores:
        rows = pd.read_parquet(path)
        for (_, condition, test), part in rows.groupby(["model", "condition", "test"]):
            log.info("resampling %s, %s, %s", path.parent.name, condition, test)
            found = _resample(part, n_resamples, seed)
            curves |= {group: mean for group, (mean, _) in found.items()}
            n_classes |= {group: n for group, (_, n) in found.items()}
    with jobs.whole_file(summary) as file:
        table = _summary(curves, n_classes, methods, confidence)
        table.to_csv(file, index=False, float_format="%.6f")
    with jobs.whole_file(gaps) as file:
        _gaps(curves, confidence).to_csv(file, index=False, float_format="%.6f")


def _resample(
    rows: pd.DataFrame, n_resamples: int, seed: int
) -> dict[tuple[str, ...], tuple[NDArray[np.float64], int]]:
    """Return the mean AUC over classes and repeats of each group, per resample.

    All rows are of one test dataset, so that every group sees the same draws: clips are
    numbered by id, and the generator depends on the seed alone.
    """
    clips = rows[["clip_id", "recording"]].drop_duplicates().sort_values("clip_id")
    weights = statistics.bootstrap_weights(
        clips["recording"].to_numpy(str), n_resamples, np.random.default_rng(seed)
    )
    place = pd.Series(np.arange(len(clips)), index=clips["clip_id"].to_numpy())
    out = {}
    for group, part in rows.groupby(list(GROUP), sort=False):
        values = [
            statistics.resampled_auc(
                one["score"].to_numpy(float),
                one["present"].to_numpy(bool),
                one["fold"].to_numpy(np.int64),
                weights[:, place.loc[one["clip_id"]].to_numpy()],
            )
            for _, one in part.groupby(["class", "repeat"])
        ]
        # A resample may hold no clip of some rare class: the mean is over the others.
        stack = np.stack(values)
        known = np.isfinite(stack)
        total = np.where(known, stack, 0).sum(axis=0)
        mean = np.full(stack.shape[1], np.nan)
        np.divide(total, known.sum(axis=0), out=mean, where=known.any(axis=0))
        out[tuple(map(str, group))] = (mean, part["class"].nunique())
    return out


def _summary(
    curves: Curves,
    n_classes: Mapping[tuple[str, ...], int],
    methods: Mapping[str, Mapping[str, Any]],
    confidence: float,
) -> pd.DataFrame:
    rows = []
    for group, curve in curves.items():
        named = dict(zip(GROUP, group, strict=True))
        low, high = statistics.interval(curve[1:], confidence)
        plugin = methods[named["method"]]["plugin"]
        access = registry.load("debias", plugin).access
        classwise = named["scope"] == "classwise" and access != "none"
        row = named | {
            "access": "target_labelled" if classwise else access,
            "n_classes": n_classes[group],
            "roc_auc": curve[0],
            "roc_auc_low": low,
            "roc_auc_high": high,
        }
        if named["method"] != "none":
            plain = tuple((named | {"method": "none"}).values())
            change = curve - curves[plain]
            low, high = statistics.interval(change[1:], confidence)
            row |= {
                "change": change[0],
                "change_low": low,
                "change_high": high,
                "p_value": statistics.p_value(change[1:]),
            }
        rows.append(row)
    return _correct(pd.DataFrame(rows).reindex(columns=list(COLUMNS)))


def _correct(table: pd.DataFrame) -> pd.DataFrame:
    """Add Holm's correction over the methods of a model and direction; a verdict."""
    family = [column for column in GROUP if column not in ("method", "scope")]
    corrected = table.groupby(family)["p_value"].transform(
        lambda p: pd.Series(statistics.holm(p.to_numpy(float)), index=p.index)
    )
    table = table.assign(p_holm=corrected)
    table["verdict"] = [
        "" if np.isnan(p) else statistics.verdict(low, high, p)
        for low, high, p in zip(
            table["change_low"], table["change_high"], corrected, strict=True
        )
    ]
    return table


def _gaps(curves: Curves, confidence: float) -> pd.DataFrame:
    rows = []
    for group, across in curves.items():
        named = dict(zip(GROUP, group, strict=True))
        if named["train"] == named["test"]:
            continue
        within = curves[tuple((named | {"train": named["test"]}).values())]
        gap = within - across
        low, high = statistics.interval(gap[1:], confidence)
        rows.append(
            named
            | {
                "within": within[0],
                "across": across[0],
                "gap": gap[0],
                "gap_low": low,
                "gap_high": high,
                "p_value": statistics.p_value(gap[1:]),
            }
        )
    return pd.DataFrame(rows)


def summarise_discrepancy(
    domain_scores: Sequence[Path],
    *,
    n_resamples: int,
    confidence: float,
    seed: int,
    out: Path,
) -> None:
    """Write each discrepancy measure with its interval, before and after each method.

    Parameters
    ----------
    domain_scores : sequence of Path
        Domain scores of each model and condition.
    n_resamples, confidence, seed
        As in `summarise`; recordings of both datasets are drawn.
    out : Path
        CSV file to write: columns model, condition, method, measure, a, b, value, low,
        high, change (against ``none``), change_low, change_high.
    """
    keys = ["model", "condition", "a", "b", "measure"]
    curves: Curves = {}
    for path in domain_scores:
        rows = pd.read_parquet(path)
        for key, part in rows.groupby(keys, sort=False):
            curves |= _resample_domains(tuple(map(str, key)), part, n_resamples, seed)
    found = []
    for group, curve in curves.items():
        named = dict(zip([*keys, "method"], group, strict=True))
        low, high = statistics.interval(curve[1:], confidence)
        row = named | {"value": curve[0], "low": low, "high": high}
        if named["method"] != "none":
            change = curve - curves[(*group[:-1], "none")]
            low, high = statistics.interval(change[1:], confidence)
            row |= {"change": change[0], "change_low": low, "change_high": high}
        found.append(row)
    order = ["model", "condition", "method", "measure", "a", "b"]
    values = ["value", "low", "high", "change", "change_low", "change_high"]
    table = pd.DataFrame(found).reindex(columns=[*order, *values])
    with jobs.whole_file(out) as file:
        table.to_csv(file, index=False, float_format="%.6f")


def _resample_domains(
    key: tuple[str, ...], rows: pd.DataFrame, n_resamples: int, seed: int
) -> Curves:
    """Return the AUC between two datasets per resample, for each method."""
    clips = rows[["dataset", "clip_id", "recording"]].drop_duplicates()
    clips = clips.sort_values(["dataset", "clip_id"])
    rng = np.random.default_rng(seed)
    weights = np.concatenate(
        [
            statistics.bootstrap_weights(own.to_numpy(str), n_resamples, rng)
            for _, own in clips.groupby("dataset")["recording"]
        ],
        axis=1,
    )
    place = pd.Series(
        np.arange(len(clips)),
        index=pd.MultiIndex.from_frame(clips[["dataset", "clip_id"]]),
    )
    b = key[3]
    out = {}
    for method, part in rows.groupby("method", sort=False):
        where = pd.MultiIndex.from_frame(part[["dataset", "clip_id"]])
        inner = part[["repeat", "fold", "inner_fold"]]
        out[(*key, str(method))] = statistics.resampled_auc(
            part["score"].to_numpy(float),
            part["dataset"].eq(b).to_numpy(bool),
            np.asarray(inner.groupby(list(inner.columns)).ngroup(), np.int64),
            weights[:, place.loc[where].to_numpy()],
        )
    return out


def collect_scores(tables: Sequence[Path], out: Path) -> None:
    """Write the score tables of all models and conditions as one."""
    with jobs.whole_file(out) as file:
        pd.concat([pd.read_csv(t) for t in tables]).to_csv(
            file, index=False, float_format="%.6f"
        )
