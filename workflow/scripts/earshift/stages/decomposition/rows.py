"""Rows of the terms of a gap and of a loss, with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earshift.evaluation import cells
from earshift.evaluation import decomposition as terms
from earshift.evaluation.decomposition import Losses, Pair, Side
from earshift.evaluation.samples import ALL, EQUAL
from earshift.numerics import inference
from earshift.numerics.estimates import Curve
from earshift.numerics.metrics import Metric
from earshift.stages.decomposition.clips import Clips
from earshift.stages.decomposition.held_out import Run, Scores

Array = NDArray[np.float64]
Row = dict[str, Any]

#: Columns of a row.
COLUMNS = (
    "of",
    "method",
    "term",
    "class",
    "value",
    "low",
    "high",
    "n_source",
    "n_target",
    "n_classes",
    "effective",
    "reason",
)

#: Terms of a gap.
GAP, LESS_DATA, REMOVED, BY_LABELS, LEFT = (
    "gap",
    "less_data",
    "removed",
    "removed_by_labels",
    "left",
)

_NO_OVERLAP = (
    "the datasets hardly overlap: the effective sample size is below "
    f"{terms.MIN_SHARE:.0%} of the clips, or below {terms.MIN_CLIPS:.0f} clips"
)


class Rows:
    """Makes the rows.

    Parameters
    ----------
    clips : Clips
        Of both datasets.
    metric : Metric
        What is lost.
    n_resamples : int
        Draws of the recordings of each dataset.
    alpha : float
        Intervals are of level 1 - alpha.
    seed : int
        Of the draws.
    by_scores : bool
        Whether the domain classifier sees scores in place of features.
    """

    def __init__(
        self,
        clips: Clips,
        metric: Metric,
        n_resamples: int,
        alpha: float,
        seed: int,
        *,
        by_scores: bool,
    ) -> None:
        self.by_scores = by_scores
        self.clips, self.metric, self.alpha = clips, metric, alpha
        self.draws = tuple(
            inference.bootstrap_weights(
                domain.recording,
                n_resamples,
                np.random.default_rng([seed, k]),
                domain.strata,
            )
            for k, domain in enumerate(clips.pair)
        )
        self.n_recordings = [len(np.unique(d.recording)) for d in clips.pair]
        self.reasons = {
            terms.LABELS: cells.refused(clips.kinds, "kinds"),
            terms.SUBGROUPS: clips.no_subgroups
            or cells.refused(clips.cells, "kinds and subgroups"),
        }
        self.kind_weights = [
            None if self.reasons[term] else cells.weights(own, self.draws)
            for term, own in (
                (terms.LABELS, clips.kinds),
                (terms.SUBGROUPS, clips.cells),
            )
        ]

    def gap(
        self,
        scores: Mapping[str, Sequence[Sequence[Scores]]],
        few: Sequence[Sequence[Array]] | None,
    ) -> list[Row]:
        """Return the rows of the gap.

        Parameters
        ----------
        scores : mapping of str to sequence of sequence of Scores
            Of each method, for each repeat, as from `Run.scores`; the first is without
            a correction, and has classifiers of the target, too.
        few : sequence of sequence of ndarray of shape (n_target, n_classes), or None
            For each repeat, as from `few_labels`.
        """
        source, target = (domain.name for domain in self.clips.pair)
        name, *others = scores

        def curve(method: str, train: str, sample: str) -> Curve:
            key = (train, sample, target)
            return self._curve([[own[key] for own in r] for r in scores[method]])

        within = curve(name, target, EQUAL)
        across = curve(name, source, EQUAL)
        gap = self._lost(curve(name, target, ALL), curve(name, source, ALL))
        parts = [("", LESS_DATA, gap - self._lost(within, across))]
        for method in others:
            own = curve(method, source, EQUAL)
            parts.append((method, REMOVED, self._lost(own, across)))
            across = own
        if few is not None:
            own = self._curve(few)
            parts.append(
                (method if others else name, BY_LABELS, self._lost(own, across))
            )
            across = own
        parts = [("", GAP, gap), *parts, ("", LEFT, self._lost(within, across))]
        # A class counts for all terms or for none, so that they add up.
        nothing = (within - within).times(0)
        for _, _, part in parts:
            nothing = nothing - part.times(0)
        rows = []
        for method, term, part in parts:
            own = part - nothing
            row = {"of": "gap", "method": method, "term": term}
            rows += self._rows(row, own, own.averaged())
        return rows

    def loss(
        self, runs: Sequence[Run], scores: Sequence[Sequence[Scores]]
    ) -> tuple[Losses, Row]:
        """Return the terms of the loss of a method, and how they were weighed."""
        by_kind = [own[:, 0] for own in self.kind_weights if own is not None]
        n = len(self.clips.pair[0].clip_id)
        weights = by_kind[-1] if by_kind else np.ones(n)
        weights = weights.astype(np.float64)
        odds = [
            run.odds_by_scores(weights, own) if self.by_scores else run.odds(weights)
            for run, own in zip(runs, scores, strict=True)
        ]
        pairs, again = [], []
        for repeat, (all_scores, found) in enumerate(zip(scores, odds, strict=True)):
            first, *others = [
                self._pair(repeat, own, one.log_odds, anew=k > 0)
                for k, (own, one) in enumerate(zip(all_scores, found, strict=True))
            ]
            pairs.append(first)
            again.append(others)
        losses = terms.losses(pairs, again, self.metric, min(self.n_recordings))
        check = {
            "domain_auc": np.mean([found[0].auc for found in odds]),
            "slope": np.mean([found[0].slope for found in odds]),
            "calibration_error": np.mean([found[0].error for found in odds]),
            "effective": losses.effective.mean(),
        }
        return losses, {key: float(value) for key, value in check.items()}

    def _pair(
        self, repeat: int, scores: Scores, log_odds: Array, *, anew: bool
    ) -> Pair:
        """Return the clips of a repeat; of training data drawn anew without draws."""
        source, target = (domain.name for domain in self.clips.pair)
        kinds = self.kind_weights
        if anew:
            kinds = [None if own is None else own[:, :1] for own in kinds]
        return Pair(
            self._side(0, repeat, scores[source, ALL, source], anew=anew),
            self._side(1, repeat, scores[source, ALL, target], anew=anew),
            kinds,
            log_odds,
        )

    def rows_of_loss(self, method: str, losses: Losses) -> list[Row]:
        """Return the rows of the loss of a method."""
        rows = []
        for term in (terms.LOSS, *terms.TERMS):
            named: Row = {"of": "loss", "method": method, "term": term}
            own = self._rows(named, losses.curves[term], losses.mean(term))
            for row, effective in zip(own[1:], losses.effective, strict=True):
                row["effective"] = float(effective)
            own[0]["effective"] = float(losses.effective.mean())
            reason = self.reasons.get(term, _NO_OVERLAP)
            for row in own:
                if np.isnan(row["value"]):
                    row["reason"] = reason
            rows += own
        for name, reason in self.clips.left_out.items():
            named = {"of": "loss", "method": method, "term": terms.LOSS}
            rows.append({**named, "class": name, "reason": reason})
        return rows

    def _lost(self, before: Curve, after: Curve) -> Curve:
        return (before - after).times(self.metric.sign)

    def _side(self, k: int, repeat: int, scores: Array, *, anew: bool) -> Side:
        domain, draws = self.clips.pair[k], self.draws[k]
        own = draws[:, :1] if anew else draws
        return Side(scores, domain.labels, domain.folds[repeat], own)

    def _curve(self, scores: Sequence[Sequence[Array]]) -> Curve:
        """Return the metric of clips of the target, scored in each repeat."""
        values, again = [], []
        for repeat, (first, *others) in enumerate(scores):
            own = self._values(repeat, first, anew=False)
            values.append(own)
            again.append(
                [
                    self._values(repeat, other, anew=True)[:, 0] - own[:, 0]
                    for other in others
                ]
            )
        return terms.curve_of(np.stack(values), again, self.n_recordings[1])

    def _values(self, repeat: int, scores: Array, *, anew: bool) -> Array:
        """Return the metric of each class and resample."""
        side = self._side(1, repeat, scores, anew=anew)
        unknown = np.full(side.draws.shape[1], np.nan)
        return np.stack(
            [
                side.value(c, self.metric, side.draws.astype(np.float64))
                if side.complete(c)
                else unknown
                for c in range(len(self.clips.classes))
            ]
        )

    def _rows(self, named: Row, curve: Curve, mean: Curve) -> list[Row]:
        """Return the row of the mean, then one for each class."""
        labels = [domain.labels for domain in self.clips.pair]
        rows = []
        n_known = int(np.isfinite(curve.drawn[:, 0]).sum())
        whole = ("", mean if n_known else curve.one(0), n_known)
        each = [(name, curve.one(c), 1) for c, name in enumerate(self.clips.classes)]
        for c, (name, own, n) in enumerate([whole, *each]):
            estimate = own.mean()
            low, high = estimate.interval(self.alpha)
            known = [
                int(
                    (part >= 0).any(axis=1).sum()
                    if c == 0
                    else (part[:, c - 1] >= 0).sum()
                )
                for part in labels
            ]
            value = {"value": estimate.value, "low": low, "high": high}
            sizes = {"n_source": known[0], "n_target": known[1], "n_classes": n}
            rows.append(named | {"class": name} | value | sizes)
        return rows
