"""Stage 7, statistics: the tables that answer the experiment's questions.

All comparisons are paired: in each bootstrap resample the recordings of a test dataset
are drawn once, and every method, class and training dataset is scored on that draw.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift.debias import Method
from earshift.evaluation.protocol import NO_STUDY, Study
from earshift.numerics import auc, inference
from earshift.stages.statistics.access import access_of, references
from earshift.tables import GAPS, SCORES, SUMMARY

log = logging.getLogger(__name__)

#: What identifies a mean over classes.
GROUP = ("protocol", "model", "condition", "method", "scope", "train", "test")

#: Curves of resampled values by what they are of.
Curves = dict[tuple[str, ...], NDArray[np.float64]]

#: The same by group, for each class: arrays of shape (n_classes, 1 + n_resamples).
ClassCurves = dict[tuple[str, ...], NDArray[np.float64]]


def summarise(
    clip_scores: Sequence[Path],
    methods: Mapping[str, Mapping[str, Any]],
    *,
    n_resamples: int,
    confidence: float,
    rope: float = 0.01,
    balance: str = "none",
    seed: int,
    summary: Path,
    gaps: Path,
    study: Study = NO_STUDY,
) -> None:
    """Write mean scores over classes, their change by each method, and the gaps.

    Parameters
    ----------
    clip_scores : sequence of Path
        Per-clip scores of each protocol, model and condition, from
        `evaluate.cross_validate`.
    methods : mapping
        Config entries of the methods.
    n_resamples : int
        Bootstrap resamples of recordings.
    confidence : float
        Level of the intervals.
    rope : float
        Changes of mean ROC-AUC below this are of no practical importance.
    balance : str, default="none"
        How training clips are drawn where the protocol leaves it to the config, which
        decides what methods see.
    seed : int
        Of the resamples.
    summary : Path
        CSV file to write: per `GROUP`, mean ROC-AUC over classes with its interval, the
        change against the method ``none`` with interval and p-value (paired; Holm over
        the methods of a model and direction), and a verdict in words; then the interval
        where classes are drawn too, and a paired t-test over the classes. A method with
        several `references` has a row for each; one that is the same in all scopes has
        rows of the first alone, and counts once.
    gaps : Path
        CSV file to write: how much worse clips of `test` are told apart by classifiers
        trained on `train` than by classifiers trained on `test` itself. Both are
        corrected for `gap`; for `remaining` the latter are not, so that a method which
        harms them cannot make it small.
    study : Study, optional
        That of the experiment, which has its protocols.
    """
    curves: ClassCurves = {}
    for path in clip_scores:
        rows = pd.read_parquet(path)
        for (_, condition, test), part in rows.groupby(["model", "condition", "test"]):
            log.info("resampling %s, %s, %s", path.parent.name, condition, test)
            curves |= resample(part, n_resamples, seed)
    rng = np.random.default_rng(seed)
    by_name = Method.of_all(methods)
    table = _summary(curves, by_name, balance, study, confidence, rope, rng)
    SUMMARY.write(table, summary)
    means = {group: _mean(curves[group]) for group in _shown(curves, by_name)}
    GAPS.write(_gaps(means, confidence), gaps)


def resample(rows: pd.DataFrame, n_resamples: int, seed: int) -> ClassCurves:
    """Return the AUC of each class of each group, per resample, means over repeats.

    All rows are of one test dataset, so that every group sees the same draws: clips are
    numbered by id, and the generator depends on the seed alone.

    Parameters
    ----------
    rows : DataFrame
        Scores of clips, as stage 5 writes them.
    n_resamples : int
        Draws of the recordings.
    seed : int
        Of the draws.

    Returns
    -------
    dict
        Values of `GROUP` -> AUCs of shape (n_classes, 1 + n_resamples), the first of
        the sample itself, NaN where a class has no clip in a resample.
    """
    clips = rows[["clip_id", "recording"]].drop_duplicates().sort_values("clip_id")
    weights = inference.bootstrap_weights(
        clips["recording"].to_numpy(str),
        n_resamples,
        np.random.default_rng(seed),
        _strata(rows),
    )
    place = pd.Series(np.arange(len(clips)), index=clips["clip_id"].to_numpy())
    rows = rows.assign(place=place.loc[rows["clip_id"]].to_numpy())
    return {
        tuple(map(str, group)): np.stack(
            [_mean(_repeats(own, weights)) for _, own in part.groupby("class")]
        )
        for group, part in rows.groupby(list(GROUP), sort=False)
    }


def _strata(rows: pd.DataFrame) -> dict[str, str]:
    known = rows[["recording", "class", "present"]].drop_duplicates()
    classes = known["class"].where(known["present"], "")
    return inference.strata_of(known["recording"].to_numpy(str), classes.to_numpy(str))


def _repeats(rows: pd.DataFrame, weights: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the AUC of one class in each repeat, (n_repeats, 1 + n_resamples)."""
    return np.stack(
        [
            auc.resampled_auc(
                one["score"].to_numpy(float),
                one["present"].to_numpy(bool),
                one["fold"].to_numpy(np.int64),
                weights[one["place"].to_numpy()],
            )
            for _, one in rows.groupby("repeat")
        ]
    )


def _mean(
    values: NDArray[np.float64], weights: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Return the mean of the rows of `values`, shape (n_rows, n_resamples).

    A resample may all the same lack one kind of clip of a class: the mean is over the
    others. `weights`, of the same shape, says how often each value counts.
    """
    known = np.isfinite(values).astype(float)
    if weights is not None:
        known *= weights
    total = (np.where(known > 0, values, 0) * known).sum(axis=0)
    mean = np.full(values.shape[1], np.nan)
    np.divide(total, known.sum(axis=0), out=mean, where=known.any(axis=0))
    return mean


def _shown(
    curves: ClassCurves, methods: Mapping[str, Method]
) -> Iterator[tuple[str, ...]]:
    """Yield all groups, but one scope alone of methods that are the same in all."""
    scope = GROUP.index("scope")
    first = next(iter(curves))[scope]
    for group in curves:
        method = methods[group[GROUP.index("method")]]
        if group[scope] == first or method.looks_at_domains:
            yield group


def _summary(
    curves: ClassCurves,
    methods: Mapping[str, Method],
    balance: str,
    study: Study,
    confidence: float,
    rope: float,
    rng: np.random.Generator,
) -> pd.DataFrame:
    drawn = _drawn_classes(curves, rng)
    rows = []
    for group in _shown(curves, methods):
        named, curve = dict(zip(GROUP, group, strict=True)), curves[group]
        mean = _mean(curve)
        low, high = inference.interval(mean[1:], confidence)
        entry, protocol = methods[named["method"]], study.protocol(named["protocol"])
        seen = access_of(entry, named["scope"], protocol=protocol, balance=balance)
        row = named | {
            "access": seen,
            "n_classes": len(curve),
            "roc_auc": mean[0],
            "roc_auc_low": low,
            "roc_auc_high": high,
        }
        rows += [row] if named["method"] == "none" else []
        for reference in references(named["method"], methods):
            plain = curves.get(tuple((named | {"method": reference}).values()))
            if plain is not None:
                found = _compared(curve - plain, confidence, drawn[len(curve)])
                rows.append(row | {"reference": reference} | found)
    table = pd.DataFrame(rows).reindex(columns=SUMMARY.names)
    return _correct(table, rope)


def _drawn_classes(
    curves: ClassCurves, rng: np.random.Generator
) -> dict[int, NDArray[np.float64]]:
    """Draw classes with replacement; number of classes -> how often each counts."""
    shapes = sorted({curve.shape for curve in curves.values()})
    out = {}
    for n, n_draws in shapes:
        counts = rng.multinomial(n, np.full(n, 1 / n), size=n_draws - 1).T
        out[n] = np.hstack([np.ones((n, 1)), counts])
    return out


def _compared(
    changes: NDArray[np.float64], confidence: float, drawn: NDArray[np.float64]
) -> dict[str, float]:
    """Return what the summary says of the changes of each class, per resample."""
    mean, wide = _mean(changes), _mean(changes, drawn)
    low, high = inference.interval(mean[1:], confidence)
    low_classes, high_classes = inference.interval(wide[1:], confidence)
    t, p_t = inference.paired_t(changes[:, 0])
    return {
        "change": mean[0],
        "change_low": low,
        "change_high": high,
        "p_value": inference.p_value(mean[1:]),
        "change_low_classes": low_classes,
        "change_high_classes": high_classes,
        "t": t,
        "p_t": p_t,
    }


def _correct(table: pd.DataFrame, rope: float) -> pd.DataFrame:
    """Add Holm's correction over the methods of a model and direction; a verdict."""
    family = [column for column in GROUP if column not in ("method", "scope")]
    grouped = table.groupby([*family, "reference"])
    for values, corrected in (("p_value", "p_holm"), ("p_t", "p_t_holm")):
        table[corrected] = grouped[values].transform(
            lambda p: pd.Series(inference.holm(p.to_numpy(float)), index=p.index)
        )
    table["verdict"] = [
        "" if np.isnan(p) else inference.verdict(low, high, p, rope)
        for low, high, p in zip(
            table["change_low"], table["change_high"], table["p_holm"], strict=True
        )
    ]
    return table


def _gaps(curves: Curves, confidence: float) -> pd.DataFrame:
    rows = []
    scope = next(iter(curves))[GROUP.index("scope")]
    plain = {"method": "none", "scope": scope}
    for group, across in curves.items():
        named = dict(zip(GROUP, group, strict=True))
        within = named | {"train": named["test"]}
        corrected = curves.get(tuple(within.values()))
        if named["train"] == named["test"] or corrected is None:
            continue  # a method may not serve all directions
        gap = corrected - across
        remaining = curves[tuple((within | plain).values())] - across
        row = named | {"within": gap[0] + across[0], "across": across[0]}
        for name, curve in (("gap", gap), ("remaining", remaining)):
            low, high = inference.interval(curve[1:], confidence)
            row |= {name: curve[0], f"{name}_low": low, f"{name}_high": high}
        rows.append(row | {"p_value": inference.p_value(gap[1:])})
    return pd.DataFrame(rows, columns=GAPS.names)


def collect_scores(tables: Sequence[Path], out: Path) -> None:
    """Write the score tables of all models and conditions as one."""
    SCORES.write(pd.concat([SCORES.read(t) for t in tables]), out)
