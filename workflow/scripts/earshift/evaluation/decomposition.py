"""What a classifier loses from one dataset to another, and which difference takes it.

One classifier scores held-out clips of its source and clips of a target. What it loses
between the two is the sum of what it loses when the source is turned into the target
step by step:

``label_shares``
    clips of the source weigh as the target has their kinds (classes);
``subgroups``
    then as it has the subgroups of each kind;
``x_source``
    then, only as far as the target has clips like them (DISDE);
``y_given_x``
    in place of these, clips of the target that the source has, too: in one place of the
    feature space, classes are others, or are scored otherwise;
``x_target``
    then all clips of the target.

The terms of a class add up to its loss, whatever the weights are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from earshift.errors import ConfigError, did_you_mean
from earshift.evaluation.domains import PRESENT
from earshift.numerics import metrics, overlap
from earshift.numerics.estimates import Curve, mean_known

Array = NDArray[np.float64]
Codes = NDArray[np.int64]

#: Share of the clips that have the class whose best class it is: not one of `METRICS`,
#: since it looks at the scores of all classes.
RECALL = metrics.Metric(
    "recall",
    "recall of the best class",
    "higher",
    float("nan"),
    1.0,
    "logit",
    depends_on_prevalence=False,
    sees_offsets=True,
    resampled=metrics.metric("balanced_accuracy").resampled,
)

#: The three terms of DISDE, and what takes their place where they cannot be told apart.
SPLIT = ("x_source", "y_given_x", "x_target")
UNSPLIT = "unsplit"
LABELS, SUBGROUPS = "label_shares", "subgroups"
TERMS = (LABELS, SUBGROUPS, *SPLIT, UNSPLIT)
LOSS = "loss"

#: A weighted mean is not trusted if its effective sample size is below this share of
#: the clips, or below so many clips.
MIN_SHARE, MIN_CLIPS = 0.1, 5.0


@dataclass(frozen=True)
class Side:
    """Clips of one dataset that one classifier scores, none of which it was trained on.

    Parameters
    ----------
    scores : ndarray of shape (n_clips, n_classes), float64
        Log-odds; NaN where there is none.
    labels : ndarray of shape (n_clips, n_classes), int8
        Codes of `domains`.
    folds : ndarray of shape (n_clips,), int
        Clips of one fold were scored by one classifier.
    draws : ndarray of shape (n_clips, 1 + n_resamples)
        How often each clip counts, as from `inference.bootstrap_weights`.
    """

    scores: Array
    labels: NDArray[np.int8]
    folds: Codes
    draws: NDArray[np.floating]

    def known(self, c: int) -> NDArray[np.bool_]:
        """Return which clips have a score and a label of class `c`."""
        known: NDArray[np.bool_] = np.isfinite(self.scores[:, c]) & (
            self.labels[:, c] >= 0
        )
        return known

    def value(self, c: int, metric: metrics.Metric, weights: Array) -> Array:
        """Return the metric of class `c` in each resample, shape (1 + n_resamples,).

        `weights` has shape (n_clips, 1 + n_resamples).
        """
        known = self.known(c)
        weights, present = weights[known], self.labels[known, c] == PRESENT
        if metric.name != RECALL.name:
            folds, none = self.folds[known], np.full(int(known.sum()), np.nan)
            return metric.resampled(
                self.scores[known, c], present, folds, none, weights
            )
        best = np.where(np.isfinite(self.scores), self.scores, -np.inf)[known]
        hit = best[present].argmax(axis=1) == c
        own = weights[present].astype(np.float64)
        total, found = own.sum(axis=0), np.full(weights.shape[1], np.nan)
        np.divide(hit @ own, total, out=found, where=total > 0)
        return found

    def complete(self, c: int) -> bool:
        """Return whether all clips have a score whose label of class `c` is known."""
        labelled = self.labels[:, c] >= 0
        return bool(np.isfinite(self.scores[labelled, c]).all())

    def effective(self, c: int, weights: Array, *, absent: bool) -> float:
        """Return the smallest effective sample size of clips with and without a class.

        Parameters
        ----------
        c : int
            The class.
        weights : ndarray of shape (n_clips,), float64
            Weights; NaN if there are none.
        absent : bool
            Whether clips without the class are looked at.

        Returns
        -------
        float
            As a share of the clips; 0 where it is below `MIN_CLIPS`.
        """
        known, shares = self.known(c), []
        for has in (True, False) if absent else (True,):
            own = weights[known & ((self.labels[:, c] == PRESENT) == has)]
            size = overlap.effective_size(own) if np.isfinite(own).all() else 0.0
            shares.append(size / max(len(own), 1) if size >= MIN_CLIPS else 0.0)
        return min(shares)


@dataclass(frozen=True)
class Pair:
    """One repeat: what one classifier per fold gives clips of source and target.

    Parameters
    ----------
    source, target : Side
        The clips.
    kind_weights : sequence of ndarray, shape (n_source, 1 + n_resamples), or None
        Weights of the source's clips by label shares, then also by subgroups, as from
        `cells.weights`; None where there is nothing to estimate.
    log_odds : ndarray of shape (n_source + n_target,), float64
        As of `overlap.DomainOdds`, where clips of the source have the last of these
        weights.
    """

    source: Side
    target: Side
    kind_weights: Sequence[Array | None]
    log_odds: Array

    def steps(self, c: int, metric: metrics.Metric) -> Array:
        """Return the metric of class `c` after each step.

        Returns
        -------
        ndarray of shape (6, 1 + n_resamples)
            Of source clips as they are, by label shares, by subgroups, as far as they
            are shared; of target clips as far as they are shared, and as they are.
        """
        whole = [side.draws.astype(np.float64) for side in (self.source, self.target)]
        n = len(self.source.folds)
        shared = self._shared()
        found = [self.source.value(c, metric, whole[0])]
        weights = whole[0]
        for own in self.kind_weights:
            if own is not None:
                weights = whole[0] * own
                found.append(self.source.value(c, metric, weights))
            else:
                found.append(found[-1])
        found += [
            self.source.value(c, metric, weights * shared[:n, None]),
            self.target.value(c, metric, whole[1] * shared[n:, None]),
            self.target.value(c, metric, whole[1]),
        ]
        values = np.stack(found)
        if not (self.source.complete(c) and self.target.complete(c)):
            values[:] = np.nan  # part of the folds alone would be another metric
        # A resample counts for all steps or for none, so that terms add up in each.
        values[:, ~np.isfinite(values).all(axis=0)] = np.nan
        return values

    @property
    def overlaps(self) -> bool:
        """Whether the log-odds are known."""
        return bool(np.isfinite(self.log_odds).all())

    def _shared(self) -> Array:
        """Return the weights of `overlap.shared_weights`; 1 where there are none."""
        is_target = np.arange(len(self.log_odds)) >= len(self.source.folds)
        log_odds = np.nan_to_num(self.log_odds, nan=0.0)
        return overlap.shared_weights(log_odds, is_target)

    def effective(self, c: int, metric: metrics.Metric) -> float:
        """Return the smallest share of clips that count for a class where they overlap.

        0 where the two do not overlap.
        """
        n = len(self.source.folds)
        shared = (
            self._shared() if self.overlaps else np.full(len(self.log_odds), np.nan)
        )
        by_kind = [own[:, 0] for own in self.kind_weights if own is not None]
        absent = metric.name != RECALL.name
        return min(
            self.source.effective(
                c, shared[:n] * (by_kind[-1] if by_kind else 1.0), absent=absent
            ),
            self.target.effective(c, shared[n:], absent=absent),
        )


@dataclass(frozen=True)
class Losses:
    """The terms of each class, of one method.

    Parameters
    ----------
    curves : dict of str to Curve
        `LOSS` and `TERMS` -> its value for each class; NaN where it is not known.
    effective : ndarray of shape (n_classes,), float64
        Mean over repeats of `Pair.effective`.
    """

    curves: dict[str, Curve]
    effective: Array

    def mean(self, term: str) -> Curve:
        """Return the mean over classes; a term counts as 0 where it is not known.

        So means of terms add up to the mean loss.
        """
        curve, loss = self.curves[term], self.curves[LOSS]

        def filled(part: Array, whole: Array) -> Array:
            return np.where(np.isnan(part) & np.isfinite(whole), 0.0, part)

        return Curve(
            filled(curve.drawn, loss.drawn),
            filled(curve.repeats, loss.repeats),
            filled(curve.refits, loss.refits),
            curve.n_recordings,
        ).averaged()


def losses(
    pairs: Sequence[Pair],
    again: Sequence[Sequence[Pair]],
    metric: metrics.Metric,
    n_recordings: int,
) -> Losses:
    """Return the terms that the loss of each class is made of.

    Parameters
    ----------
    pairs : sequence of Pair
        One for each repeat; all of the same draws.
    again : sequence of sequence of Pair
        For each repeat, those of training data that were drawn anew, of the clips as
        they are (one column of draws).
    metric : Metric
        What is lost. Of metrics with a target a loss is a higher value.
    n_recordings : int
        Recordings of the dataset that has fewer.

    Returns
    -------
    Losses
        Terms whose weights were None are NaN, and their part is in the next one. Where
        the effective sample size is too small (`MIN_SHARE`, `MIN_CLIPS`), the three
        terms of DISDE are NaN, and their sum is `UNSPLIT`, which is 0 elsewhere.
    """
    classes = range(pairs[0].source.labels.shape[1])
    effective = np.array(
        [np.mean([pair.effective(c, metric) for pair in pairs]) for c in classes]
    )
    lacking = [own is None for own in pairs[0].kind_weights]
    is_split = effective >= MIN_SHARE

    def terms_of(pair: Pair) -> dict[str, Array]:
        steps = np.stack([pair.steps(c, metric) for c in classes], axis=1)
        return _terms(metric.sign * (steps[:-1] - steps[1:]), is_split, lacking)

    def changes(k: int, name: str) -> list[Array]:
        """Return those of the refits of a repeat; NaN if only they do not overlap."""
        first = by_repeat[k]
        return [
            pair[name][:, 0] - first[name][:, 0]
            if overlaps or not pairs[k].overlaps
            else np.full(len(classes), np.nan)
            for overlaps, pair in refitted[k]
        ]

    by_repeat = [terms_of(pair) for pair in pairs]
    refitted = [[(p.overlaps, terms_of(p)) for p in others] for others in again]
    curves = {
        name: curve_of(
            np.stack([one[name] for one in by_repeat]),
            [changes(k, name) for k in range(len(pairs))],
            n_recordings,
        )
        for name in by_repeat[0]
    }
    return Losses(curves, effective)


def _terms(
    lost: Array, is_split: NDArray[np.bool_], lacking: Sequence[bool]
) -> dict[str, Array]:
    """Return the terms of what is lost in each step, each (n_classes, n_resamples)."""
    split = is_split[:, None]
    terms = dict(zip((LABELS, SUBGROUPS, *SPLIT), lost, strict=True))
    whole = lost.sum(axis=0)
    # The sum is NaN where a class is not known, as it is then in all terms.
    terms[UNSPLIT] = np.where(split, 0.0 * whole, lost[2:].sum(axis=0))
    for term in SPLIT:
        terms[term] = np.where(split, terms[term], np.nan)
    for term, is_lacking in zip((LABELS, SUBGROUPS), lacking, strict=True):
        if is_lacking:
            terms[term] = np.full_like(whole, np.nan)
    return terms | {LOSS: whole}


def curve_of(
    values: Array, again: Sequence[Sequence[Array]], n_recordings: int
) -> Curve:
    """Return a curve.

    Parameters
    ----------
    values : ndarray of shape (n_repeats, n_classes, 1 + n_resamples), float64
        Of each repeat and resample.
    again : sequence of sequence of ndarray of shape (n_classes,)
        For each repeat, those of training data that were drawn anew, less its own.
    n_recordings : int
        Recordings that test.
    """
    n_classes = values.shape[1]
    drawn = np.stack([mean_known(values[:, c]) for c in range(n_classes)])
    # In the order of the refits, which are dealt to the repeats in turn.
    unknown = np.full(n_classes, np.nan)
    dealt = [one for row in zip_longest(*again, fillvalue=unknown) for one in row]
    refits = np.stack(dealt, axis=1) if dealt else np.empty((n_classes, 0))
    return Curve(drawn, values[:, :, 0].T, refits, n_recordings)


def metric_of(name: str) -> metrics.Metric:
    """Return the metric of a name, which may be `RECALL`.

    Raises
    ------
    ConfigError
        If there is none, or it needs a threshold that was chosen.
    """
    known = {m.name: m for m in (*metrics.METRICS, RECALL)}
    del known["balanced_accuracy_chosen"]
    if name not in known:
        raise ConfigError(
            f"nothing can be decomposed by the metric '{name}' "
            f"{did_you_mean(name, known)}"
        )
    return known[name]
