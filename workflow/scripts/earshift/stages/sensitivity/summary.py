"""Stage 6, sensitivity: tables of how embeddings move and what that costs."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from earshift import conditions
from earshift.names import text_of
from earshift.numerics import inference, metrics
from earshift.numerics.estimates import Curve
from earshift.numerics.inference import holm
from earshift.stages.sensitivity import (
    BACK,
    CLEAN,
    KNOWN,
    RANDOM,
    UNCHANGED,
    UNSEEN,
    robustness,
)
from earshift.stages.statistics import resampling
from earshift.stages.statistics.gap_tables import loss
from earshift.stages.statistics.resampling import Group
from earshift.stages.statistics.summary import CLAIMS, Options
from earshift.tables import ROBUSTNESS, SENSITIVITY, SENSITIVITY_SCORES

log = logging.getLogger(__name__)

#: What distinguishes the curves over the strengths of one family.
LINE = ("dataset", "model", "family", "method")

#: Losses that are tested together: those in all strengths.
FAMILY = (*LINE, "setting", "metric")


def summarise_sensitivity(
    measures: Sequence[Path],
    clip_scores: Sequence[Path],
    families: Mapping[str, Mapping[str, Any]],
    *,
    n_resamples: int,
    confidence: float,
    rope: float,
    seed: int,
    out: Path,
    out_scores: Path,
    out_robustness: Path,
) -> None:
    """Write the tables of the stage.

    Parameters
    ----------
    measures, clip_scores : sequence of Path
        From `movement.measure_sensitivity` and `scoring.score_sensitivity`, of each
        dataset, model and family.
    families : mapping
        Config entry of each family.
    n_resamples, confidence, rope, seed
        As in `summary.summarise` of the stage of statistics.
    out, out_scores, out_robustness : Path
        CSV files to write: `tables.SENSITIVITY`, `tables.SENSITIVITY_SCORES` and
        `tables.ROBUSTNESS`.
    """
    options = Options(confidence, rope)
    moved = pd.concat([pd.read_parquet(path) for path in measures], ignore_index=True)
    SENSITIVITY.write(moved[SENSITIVITY.names], out)
    rows: list[dict[str, Any]] = []
    falls: list[dict[str, Any]] = []
    for path in clip_scores:
        scores = resampling.read(path)
        dataset, family = (str(scores[k].iloc[0]) for k in ("dataset", "condition"))
        log.info("%s / %s: resampling", dataset, family)
        entry = families[family]
        names = {
            one.name: text_of(one.strength)
            for one in conditions.conditions_of({family: entry}).values()
            if one.strength is not None
        }
        with threadpool_limits(1):
            groups = [
                group.of_means()
                for group in resampling.groups(_paired(scores), n_resamples, seed)
            ]
        lines = _lines(groups)
        for method, line in lines.items():
            named = {"dataset": dataset, "family": family, "method": method}
            plain = lines["none"] if method != "none" else None
            rows += _rows(line, plain, named, names, options)
            falls += robustness.rows(line, named, entry, options.alpha)
    table = corrected(pd.DataFrame(rows), options)
    SENSITIVITY_SCORES.write(table, out_scores)
    made = pd.DataFrame(falls).reindex(columns=ROBUSTNESS.names)
    ROBUSTNESS.write(made, out_robustness)


def _paired(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of clips that there are in all conditions."""
    tested = scores[["test", "clip_id"]].drop_duplicates()
    n = tested["clip_id"].value_counts()
    everywhere = n.index[n == tested["test"].nunique()]
    kept = scores[scores["clip_id"].isin(everywhere)]
    if len(kept) < len(scores):
        log.warning(
            "%d clips are compared, which all conditions have; %d others are not",
            *(len(everywhere), int((n > 0).sum()) - len(everywhere)),
        )
    return kept


#: Condition -> setting -> group.
_Line = dict[str, dict[str, Group]]


def _lines(groups: Sequence[Group]) -> dict[str, _Line]:
    """Return the means over classes of each method and condition, by setting."""
    lines: dict[str, _Line] = {}
    for group in groups:
        named = group.named
        pair = (named["train"], named["test"])
        changed = next(name for name in (*pair, named["partner"]) if name != CLEAN)
        setting = {
            (CLEAN, CLEAN): UNCHANGED,
            (CLEAN, changed): UNSEEN,
            (changed, changed): KNOWN,
            (changed, CLEAN): BACK,
        }[pair]
        line = lines.setdefault(named["method"], {})
        line.setdefault(changed, {})[setting] = group
    # A method may not serve all directions.
    return {
        method: {
            name: own for name, own in line.items() if {UNCHANGED, UNSEEN} <= {*own}
        }
        for method, line in lines.items()
    }


def _rows(
    line: _Line,
    plain: _Line | None,
    named: Mapping[str, str],
    names: Mapping[str, str],
    options: Options,
) -> Iterator[dict[str, Any]]:
    """Yield a row for each condition, setting and metric of a method."""
    for condition, settings in line.items():
        unchanged = settings[UNCHANGED]
        for setting, group in settings.items():
            facts: dict[str, Any] = {
                **named,
                "model": group.named["model"],
                "condition": condition,
                "strength": names.get(condition, RANDOM),
                "setting": setting,
                "n_classes": group.n_classes,
                **group.sizes,
            }
            for metric in metrics.METRICS:
                curve = group.curves[metric.name]
                estimate = curve.mean()
                low, high = estimate.interval(options.alpha, metric.link)
                row = facts | {"metric": metric.name, "value": estimate.value}
                row |= {"low": low, "high": high}
                if setting != UNCHANGED:
                    lost = loss(unchanged.curves[metric.name], curve, metric)
                    row |= _lost(lost, metric, options)
                if plain is not None and setting in plain.get(condition, {}):
                    before = plain[condition][setting].curves[metric.name]
                    change = (curve - before).mean()
                    row |= change.columns("change", options.alpha)
                    row["p_change"] = change.p_value()
                yield row


def _lost(curve: Curve, metric: metrics.Metric, options: Options) -> dict[str, float]:
    """Return by how much a metric is worse than that of unchanged clips."""
    lost = curve.mean()
    row = lost.columns("loss", options.alpha) | {"p_value": lost.p_value()}
    if metric.better != "target":
        region = options.region(metric)
        row["p_equivalent"] = lost.p_equivalent(region)
        row["p_beyond"] = lost.p_beyond(region)
    return row


def corrected(table: pd.DataFrame, options: Options) -> pd.DataFrame:
    """Add p-values that allow for the number of strengths, and verdicts on these.

    Parameters
    ----------
    table : DataFrame
        Rows of `summarise_sensitivity`.
    options : Options
        How sure statements have to be.

    Returns
    -------
    DataFrame
        Columns of `tables.SENSITIVITY_SCORES`.
    """
    names = SENSITIVITY_SCORES.names
    table = table.reindex(columns=[*names, "p_beyond"])
    words = pd.Series("", index=table.index, dtype=object)
    for key, rows in table[table["setting"].ne(UNCHANGED)].groupby(list(FAMILY)):
        claims = (rows[name].to_numpy(float) for name in CLAIMS)
        held = inference.holm_of_claims(*claims)
        table.loc[rows.index, ["p_holm", "p_equivalent_holm"]] = held[:2].T
        change = holm(rows["p_change"].to_numpy(float))
        table.loc[rows.index, "p_change_holm"] = change
        metric = metrics.metric(str(key[-1]))
        if metric.better == "target":
            continue
        words[rows.index] = [
            inference.verdict(-lost, p, equivalent, beyond, options.alpha)
            if np.isfinite(p)
            else ""
            for lost, (p, equivalent, beyond) in zip(rows["loss"], held.T, strict=True)
        ]
    return table.assign(verdict=words)[names]
