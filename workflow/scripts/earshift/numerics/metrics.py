"""Metrics that the scores of one class are judged by, of many resamples at once.

A clip has the class or has not. Its score is the log-odds that it has, given by a
classifier to which both classes weighed the same: its prior is 1/2. Metrics of
probabilities and of thresholds are therefore taken at that prior: clips that have the
class weigh half of all, whatever their number. The mean of a quantity over such clips
is its balanced mean: half of its mean over the clips that have the class, plus half of
its mean over the others.

Ranks are compared within a fold only, since scores of different folds come from
different classifiers. All else is pooled over folds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from earshift.errors import ConfigError, did_you_mean
from earshift.numerics import recalibration
from earshift.numerics.ranks import RANKED, Clips, resampled_ranks

Array = NDArray[np.float64]

#: Bins of the calibration error.
N_BINS = 10


@dataclass(frozen=True)
class Metric:
    """What a metric is called, what its values mean, and how it is computed.

    Attributes
    ----------
    name : str
        In tables.
    label : str
        In sentences.
    better : {"higher", "lower", "target"}
        Which values are good: ``"target"`` are those closest to `ideal`.
    chance : float
        Value of a classifier that gives all clips the score 0; NaN where that depends
        on the clips or is not defined. Such a classifier is well calibrated.
    ideal : float
        The best value.
    link : {"logit", "log", "identity"}
        Scale on which intervals are symmetric: ``"logit"`` for values in [0, 1],
        ``"log"`` for values of 0 or more.
    depends_on_prevalence : bool
        Whether it changes if all clips that have the class are repeated.
    sees_offsets : bool
        Whether it changes if one number is added to all scores.
    resampled : callable
        Maps scores, present, folds, threshold and weights, as `all_resampled` takes
        them, to values of shape (n_resamples,).
    """

    name: str
    label: str
    better: str
    chance: float
    ideal: float
    link: str
    depends_on_prevalence: bool
    sees_offsets: bool
    resampled: Callable[
        [Array, NDArray[np.bool_], NDArray[np.int64], Array, NDArray[np.floating]],
        Array,
    ]

    @property
    def sign(self) -> int:
        """1 where higher is better, else -1: a change times it is a gain."""
        return 1 if self.better == "higher" else -1


def all_resampled(
    scores: Array,
    present: NDArray[np.bool_],
    folds: NDArray[np.int64],
    threshold: Array,
    weights: NDArray[np.floating],
    names: Iterable[str] | None = None,
) -> dict[str, Array]:
    """Return several metrics of each resample, with the work that they share done once.

    Parameters
    ----------
    scores : ndarray of shape (n_clips,), float64
        Log-odds at a prior of 1/2. NaN leaves a clip out.
    present : ndarray of shape (n_clips,), bool
        The truth.
    folds : ndarray of shape (n_clips,), int
        Fold of each clip.
    threshold : ndarray of shape (n_clips,), float64
        The score above which a clip's classifier calls it present, as chosen on the
        source; NaN if it chose none.
    weights : ndarray of shape (n_clips, n_resamples), float32 or float64
        How often each clip counts in each resample. The first column is the sample
        itself.
    names : iterable of str, optional
        Which metrics; without, all of `METRICS`.

    Returns
    -------
    dict
        Name -> values of shape (n_resamples,), in the order of `names`. They are NaN
        where a resample lacks clips that have the class, and, but for
        ``"average_precision"``, where it lacks clips that have not. Beyond that:
        ``"roc_auc"`` and ``"average_precision_balanced"`` are NaN where no fold has
        both kinds of clip; ``"balanced_accuracy_chosen"`` where any clip has no
        threshold; ``"calibration_slope"`` where a threshold separates the two kinds of
        clip, so that the slope has no bound, and in all resamples if it does in the
        sample.

    Raises
    ------
    ConfigError
        If there is no metric of such a name.

    Notes
    -----
    ``"roc_auc"`` is that of `auc.resampled_auc`, and ``"average_precision"`` with equal
    weights that of `auc.fold_average_precision`: a fold without absent clips has 1. In
    ``"average_precision_balanced"`` absent clips weigh as much as present ones in each
    fold, and folds without either are left out.

    The calibration intercept is the intercept of a logistic regression of the truth on
    the score whose slope is 1, and the slope is that of a regression where both are
    free (Van Calster et al. 2016). Both are exact in the first column. In others the
    intercept is one Newton step away from it, and the slope one step that also follows
    how the curvature changes (Chebyshev's): refitting to first and to second order. The
    intercept of a resample is rough where nearly all probabilities are 0 or 1.

    The calibration error has ten bins of equal width of the probability.

    References
    ----------
    Van Calster et al. (2016), "A calibration hierarchy for risk models was defined:
    from utopia to empirical data", Journal of Clinical Epidemiology 74, for intercept
    and slope. Naeini et al. (2015), "Obtaining well calibrated probabilities using
    Bayesian binning", AAAI, for the calibration error.
    """
    wanted = [metric(name).name for name in names] if names is not None else [*_BY_NAME]
    clips = Clips.of(scores, present, folds, threshold, weights)
    found: dict[str, Array] = {}
    if not set(RANKED).isdisjoint(wanted):
        precision = not set(RANKED[1:]).isdisjoint(wanted)
        found |= resampled_ranks(clips, precision=precision)
    terms = {name: _AVERAGED[name](clips) for name in wanted if name in _AVERAGED}
    found |= _averaged(clips, terms)
    return {name: found[name] for name in wanted}


@dataclass(frozen=True)
class _Term:
    """Values of clips, shape (n_values, n_clips), and what their means amount to.

    `combine` maps balanced means of shape (n_values, n_resamples) to a metric.
    """

    values: Array
    combine: Callable[[Array], Array]


def _averaged(clips: Clips, terms: Mapping[str, _Term]) -> dict[str, Array]:
    """Return the metrics that balanced means of clips give."""
    n = clips.n_present
    ones = np.ones((1, len(clips.scores)))
    values = np.concatenate([ones, *(term.values for term in terms.values())])
    means = np.zeros((len(values), clips.weights.shape[1]))
    for kind in (slice(n), slice(n, None)):
        own = clips.weights[kind]
        sums = (values[:, kind].astype(own.dtype) @ own).astype(np.float64)
        # The sample itself is exact, also if weights are of single precision.
        sums[:, 0] = values[:, kind] @ own[:, 0].astype(np.float64)
        total = sums[0]
        half = np.divide(0.5, total, out=np.full(len(total), np.nan), where=total > 0)
        means += sums * half
    edges = np.cumsum([len(term.values) for term in terms.values()])[:-1]
    parts = np.split(means[1:], edges) if terms else []
    return {
        name: term.combine(part)
        for (name, term), part in zip(terms.items(), parts, strict=True)
    }


def _only(means: Array) -> Array:
    only: Array = means[0]
    return only


def _unknown(means: Array) -> Array:
    return np.full(means.shape[1], np.nan)


def _mean(values: NDArray[np.generic]) -> _Term:
    return _Term(values[None].astype(np.float64), _only)


def _balanced_accuracy(clips: Clips) -> _Term:
    return _mean((clips.scores > 0) == clips.present)


def _balanced_accuracy_chosen(clips: Clips) -> _Term:
    found = _mean((clips.scores > clips.threshold) == clips.present)
    chosen = not np.isnan(clips.threshold).any()
    return found if chosen else _Term(found.values, _unknown)


def _brier(clips: Clips) -> _Term:
    return _mean(recalibration.residual(clips.scores, clips.present) ** 2)


def _log_loss(clips: Clips) -> _Term:
    return _mean(np.logaddexp(0.0, np.where(clips.present, -1, 1) * clips.scores))


def _expected_calibration_error(clips: Clips) -> _Term:
    p = recalibration.probability(clips.scores)
    bins = np.minimum((N_BINS * p).astype(int), N_BINS - 1)
    off = (bins == np.arange(N_BINS)[:, None]) * (clips.present - p)
    # The share of a bin, times how far its probabilities are off on average.
    return _Term(off, lambda means: np.abs(means).sum(axis=0))


def _calibration_intercept(clips: Clips) -> _Term:
    sample = recalibration.balanced(clips.present, clips.weights[:, 0])
    if not np.isfinite(sample).all() or not len(sample):
        return _Term(np.empty((0, len(sample))), _unknown)
    a = recalibration.intercept(clips.scores, clips.present, sample)
    missed = recalibration.residual(a + clips.scores, clips.present)
    bounds = -clips.scores.max(), -clips.scores.min()

    def combine(means: Array) -> Array:
        pull, curvature = means
        # Where all probabilities are as good as 0 or 1, a step could go anywhere.
        moved: Array = np.clip(a + pull / np.maximum(curvature, 1e-300), *bounds)
        return moved

    return _Term(np.stack([missed, np.abs(missed) * (1 - np.abs(missed))]), combine)


def _calibration_slope(clips: Clips) -> _Term:
    bounded = recalibration.overlapping(clips.scores, clips.present, clips.weights)
    sample = recalibration.balanced(clips.present, clips.weights[:, 0])
    a = b = float("nan")
    if bounded[0]:
        a, b = recalibration.line(clips.scores, clips.present, sample)
    if math.isnan(b):
        return _Term(np.empty((0, len(sample))), _unknown)
    pull = recalibration.residual(a + b * clips.scores, clips.present)
    curvature = np.abs(pull) * (1 - np.abs(pull))
    # Centred where the curvature is, intercept and slope hardly depend on each other.
    x = clips.scores - np.average(clips.scores, weights=sample * curvature)
    turn = curvature * (1 - 2 * (clips.present - pull))
    powers = np.vander(x, 4, increasing=True).T
    values = np.concatenate([pull * powers[:2], curvature * powers[:3], turn * powers])

    def combine(means: Array) -> Array:
        change = recalibration.slope_change(means)
        return np.where(bounded, b + change, np.nan)

    return _Term(values, combine)


_AVERAGED: Mapping[str, Callable[[Clips], _Term]] = {
    "balanced_accuracy": _balanced_accuracy,
    "balanced_accuracy_chosen": _balanced_accuracy_chosen,
    "brier": _brier,
    "log_loss": _log_loss,
    "calibration_intercept": _calibration_intercept,
    "calibration_slope": _calibration_slope,
    "expected_calibration_error": _expected_calibration_error,
}


def _one(
    scores: Array,
    present: NDArray[np.bool_],
    folds: NDArray[np.int64],
    threshold: Array,
    weights: NDArray[np.floating],
    *,
    name: str,
) -> Array:
    return all_resampled(scores, present, folds, threshold, weights, [name])[name]


def _metric(
    name: str,
    label: str,
    better: str = "higher",
    chance: float = 0.5,
    ideal: float = 1.0,
    link: str = "logit",
    *,
    depends_on_prevalence: bool = False,
    sees_offsets: bool = True,
) -> Metric:
    return Metric(
        name,
        label,
        better,
        chance,
        ideal,
        link,
        depends_on_prevalence,
        sees_offsets,
        partial(_one, name=name),
    )


#: All metrics, in the order of tables.
METRICS: tuple[Metric, ...] = (
    _metric("roc_auc", "ROC-AUC", sees_offsets=False),
    _metric(
        "average_precision",
        "average precision",
        chance=math.nan,
        depends_on_prevalence=True,
        sees_offsets=False,
    ),
    _metric(
        "average_precision_balanced",
        "average precision at equal prevalence",
        sees_offsets=False,
    ),
    _metric("balanced_accuracy", "balanced accuracy"),
    _metric("balanced_accuracy_chosen", "balanced accuracy at the chosen threshold"),
    _metric("brier", "Brier score", "lower", 0.25, 0.0),
    _metric("log_loss", "log loss", "lower", math.log(2), 0.0, "log"),
    _metric(
        "calibration_intercept", "calibration intercept", "target", 0.0, 0.0, "identity"
    ),
    _metric(
        "calibration_slope",
        "calibration slope",
        "target",
        math.nan,
        1.0,
        "identity",
        sees_offsets=False,
    ),
    _metric(
        "expected_calibration_error", "expected calibration error", "lower", 0.0, 0.0
    ),
)

_BY_NAME = {one.name: one for one in METRICS}


def metric(name: str) -> Metric:
    """Return the metric of a name.

    Parameters
    ----------
    name : str
        As in tables.

    Returns
    -------
    Metric
        One of `METRICS`.

    Raises
    ------
    ConfigError
        If there is none of this name.
    """
    if name not in _BY_NAME:
        raise ConfigError(f"there is no metric '{name}' {did_you_mean(name, _BY_NAME)}")
    return _BY_NAME[name]
