"""How sure an estimate is: what test clips, training clips and draws have a part in.

An estimate of cross-validation varies with the recordings that test, with those that
train, and with how folds and seeds were drawn. The first part is the variance over
resamples of the test recordings, the second that over classifiers whose training
recordings were drawn anew, the third the variance between repeats over their number.
Each draw of training recordings is looked at in two repeats: what the two have in
common (their covariance) is due to the draw, the rest to folds and seeds, which the
third part holds. Interval and p-value come from the same sum and the same t
distribution, so that they never disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]


def mean_known(values: Array, weights: Array | None = None) -> Array:
    """Return the mean of the rows of `values` where they are known.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
        NaN is left out: a resample may lack one kind of clip of a class.
    weights : ndarray of shape (n_rows, n_columns), optional
        How often each value counts.

    Returns
    -------
    ndarray of shape (n_columns,)
        NaN where no row is known.
    """
    known = np.isfinite(values).astype(float)
    if weights is not None:
        known *= weights
    total = (np.where(known > 0, values, 0) * known).sum(axis=0)
    mean = np.full(values.shape[1], np.nan)
    np.divide(total, known.sum(axis=0), out=mean, where=known.any(axis=0))
    return mean


@dataclass(frozen=True)
class Estimate:
    """A value with the variances that it is known by.

    Parameters
    ----------
    value : float
        The value.
    variances : sequence of (float, float)
        Parts of its variance, each with its degrees of freedom.
    """

    value: float
    variances: Sequence[tuple[float, float]]

    @property
    def se(self) -> float:
        """Standard error; NaN if no part is known."""
        known = [v for v, _ in self.variances if np.isfinite(v)]
        return float(np.sqrt(sum(known))) if known else float("nan")

    @property
    def df(self) -> float:
        """Degrees of freedom of the standard error (Satterthwaite, 1946)."""
        known = [(v, df) for v, df in self.variances if np.isfinite(v) and v > 0]
        if not known:
            return float("inf")
        total = sum(v for v, _ in known)
        return float(total**2 / sum(v**2 / df for v, df in known))

    def quantile(self, alpha: float) -> float:
        """Return how many standard errors a two-sided interval of 1 - alpha spans."""
        return float(scipy.stats.t.isf(alpha / 2, self.df))

    def interval(self, alpha: float, link: str = "identity") -> tuple[float, float]:
        """Return the two-sided interval of level 1 - alpha.

        Parameters
        ----------
        alpha : float
            In (0, 1).
        link : {"identity", "logit", "log"}
            Scale on which it is symmetric: that of values between 0 and 1, or above 0,
            keeps within these.

        Returns
        -------
        low, high : float
            NaN where value or standard error are unknown.
        """
        if not np.isfinite(self.value) or not np.isfinite(self.se):
            return float("nan"), float("nan")
        half = self.quantile(alpha) * self.se
        if self.se == 0:
            return self.value, self.value
        to, back, slope = _LINKS[link]
        steep = slope(self.value)
        if not np.isfinite(steep):
            return float("nan"), float("nan")
        middle = to(self.value)
        return float(back(middle - steep * half)), float(back(middle + steep * half))

    def columns(
        self, name: str, alpha: float, link: str = "identity"
    ) -> dict[str, float]:
        """Return the value, called `name`, and the ends of its `interval`."""
        low, high = self.interval(alpha, link)
        return {name: self.value, f"{name}_low": low, f"{name}_high": high}

    def p_value(self, at: float = 0.0) -> float:
        """Return the two-sided p-value that the true value is `at`."""
        return _both_sides(self.p_above(at), self.p_below(at))

    def p_above(self, at: float) -> float:
        """Return the one-sided p-value of the claim that the value is above `at`."""
        return self._tail(self.value - at)

    def p_below(self, at: float) -> float:
        """Return the one-sided p-value of the claim that the value is below `at`."""
        return self._tail(at - self.value)

    def p_equivalent(self, region: float) -> float:
        """Return the p-value of the claim that the value is closer to 0 than `region`.

        It is that of two one-sided tests (Schuirmann, 1987).
        """
        return float(np.maximum(self.p_above(-region), self.p_below(region)))

    def p_beyond(self, region: float) -> float:
        """Return the p-value of the claim that it is further from 0 than `region`.

        Two-sided: it may be so in either direction.
        """
        return _both_sides(self.p_above(region), self.p_below(-region))

    def _tail(self, distance: float) -> float:
        if not np.isfinite(distance) or not np.isfinite(self.se):
            return float("nan")
        if self.se == 0:
            return 0.0 if distance > 0 else 1.0
        return float(scipy.stats.t.sf(distance / self.se, self.df))


def _both_sides(above: float, below: float) -> float:
    """Return the p-value of either of two claims; NaN where they are unknown."""
    return float(np.minimum(1.0, 2 * np.minimum(above, below)))


def _logit_slope(value: float) -> float:
    return 1 / (value * (1 - value)) if 0 < value < 1 else float("nan")


#: Scale -> to it, back from it, and its slope.
_LINKS: dict[
    str,
    tuple[Callable[[float], float], Callable[[float], float], Callable[[float], float]],
] = {
    "identity": (lambda v: v, lambda v: v, lambda _: 1.0),
    "logit": (special.logit, special.expit, _logit_slope),
    "log": (np.log, np.exp, lambda v: 1 / v if v > 0 else float("nan")),
}


@dataclass(frozen=True)
class Curve:
    """A metric of each class: by test resample, by repeat, and by drawn training data.

    Parameters
    ----------
    drawn : ndarray of shape (n_classes, 1 + n_resamples), float64
        Mean over repeats in each resample of the test recordings; the first is that of
        the sample itself.
    repeats : ndarray of shape (n_classes, n_repeats), float64
        Of each repeat.
    refits : ndarray of shape (n_classes, n_refits), float64
        Of classifiers whose training data were drawn anew, less that of the repeat. If
        there are repeats, numbers 2k and 2k + 1 are of one draw, in two of them.
    n_recordings : int
        Recordings that test.
    """

    drawn: Array
    repeats: Array
    refits: Array
    n_recordings: int

    def __add__(self, other: Curve) -> Curve:
        """Return the sum: both are of the same draws."""
        return Curve(
            self.drawn + other.drawn,
            self.repeats + other.repeats,
            self.refits + other.refits,
            min(self.n_recordings, other.n_recordings),
        )

    def __sub__(self, other: Curve) -> Curve:
        """Return the difference: both are of the same draws."""
        return self + other.times(-1)

    def times(self, factor: float) -> Curve:
        """Return it with every value multiplied."""
        return self._each(lambda part: factor * part)

    def one(self, c: int) -> Curve:
        """Return that of one class."""
        return self._each(lambda part: part[c : c + 1])

    def averaged(self) -> Curve:
        """Return the mean over classes as if it were one class."""
        return self._each(lambda part: mean_known(part)[None])

    def _each(self, change: Callable[[Array], Array]) -> Curve:
        return Curve(
            change(self.drawn),
            change(self.repeats),
            change(self.refits),
            self.n_recordings,
        )

    def mean(self, weights: Array | None = None) -> Estimate:
        """Return the estimate of the mean over classes.

        Parameters
        ----------
        weights : ndarray of shape (n_classes, 1 + n_resamples), optional
            How often each class counts in each resample; without, once.

        Returns
        -------
        Estimate
            Its parts are of test recordings, of training recordings, and of repeats; a
            part that was not drawn is left out.
        """
        drawn = mean_known(self.drawn, weights)
        parts = [(_variance(drawn[1:]), max(self.n_recordings - 1, 1))]
        n_refits, n_repeats = self.refits.shape[1], self.repeats.shape[1]
        if n_refits > 1:
            deviations = mean_known(self.refits)
            parts.append((_of_pairs if n_repeats > 1 else _of_draws)(deviations))
        if n_repeats > 1:
            of_repeats = _variance(mean_known(self.repeats))
            parts.append((of_repeats / n_repeats, n_repeats - 1))
        return Estimate(float(drawn[0]), parts)


def _of_draws(deviations: Array) -> tuple[float, int]:
    """Return the variance over draws of training data, with its degrees of freedom."""
    return _variance(deviations), max(int(np.isfinite(deviations).sum()) - 1, 1)


def _of_pairs(deviations: Array) -> tuple[float, int]:
    """Return the same of draws that each were looked at in two repeats.

    It is the covariance of the two, but not below 0: the variance of half their sum,
    less the mean square of half their difference.
    """
    n_draws = len(deviations) // 2
    first, second = deviations[: 2 * n_draws].reshape(n_draws, 2).T
    whole, df = _of_draws((first + second) / 2)
    apart = mean_known(((first - second) ** 2)[:, None])[0] / 4
    return float(np.maximum(whole - apart, 0)), df


def ratio(part: Curve, whole: Curve, alpha: float) -> tuple[float, float, float]:
    """Return the ratio of two means over classes, with its interval.

    Parameters
    ----------
    part, whole : Curve
        Of the same draws. The means are over the classes that both are known of.
    alpha : float
        In (0, 1).

    Returns
    -------
    value, low, high : float
        The ratio and the interval of level 1 - alpha: the numbers r for which the
        two-sided p-value that ``part - r * whole`` is 0 is not below alpha (Fieller,
        1954). All are NaN where that of `whole` is not below alpha either, or is
        unknown: its interval holds 0, and no interval of the ratio has two ends.
    """
    nothing = (part - whole).times(0)  # NaN where either is unknown
    part, whole = ((curve - nothing).averaged() for curve in (part, whole))
    bottom = whole.mean()
    if not bottom.p_value() < alpha:
        return float("nan"), float("nan"), float("nan")
    value = part.mean().value / bottom.value

    def excess(r: float) -> float:
        return (part - whole.times(r)).mean().p_value() - alpha

    step = (part - whole.times(value)).mean().se / abs(bottom.value)
    if not step > 0:
        return value, value, value
    low, high = (_crossing(excess, value, side * step) for side in (-1, 1))
    return value, low, high


def _crossing(excess: Callable[[float], float], start: float, step: float) -> float:
    """Return where a function that is above 0 at `start` falls below it, that way."""
    while excess(start + step) > 0:
        step *= 2
    return float(scipy.optimize.brentq(excess, start, start + step, rtol=1e-6))


def crossing(
    differences: Mapping[int, Estimate] | Mapping[float, Estimate], alpha: float
) -> tuple[float, float, float]:
    """Return where a difference that is looked at in several places reaches 0.

    Parameters
    ----------
    differences : mapping of float to Estimate
        Place, in their order, which may fall -> the difference there.
    alpha : float
        The interval is of level 1 - alpha.

    Returns
    -------
    value, low, high : float
        Between the places it is drawn straight; the first place where it has reached 0
        there already. The interval is from where it may first have reached 0 to where
        it has for certain, in all later places, too. Infinite where that is in none,
        NaN where a difference is unknown.
    """
    places = np.array(list(differences), float)
    values = np.array([one.value for one in differences.values()])
    ends = np.array([one.interval(alpha) for one in differences.values()])
    if not (np.isfinite(values).all() and np.isfinite(ends).all()):
        return (float("nan"),) * 3
    low, high = ends.T
    certain = np.minimum.accumulate(low[::-1])[::-1]
    return tuple(_reaches(places, own) for own in (values, high, certain))  # type: ignore[return-value]


def _reaches(places: Array, values: Array) -> float:
    """Return where values first reach 0, drawn straight between the places."""
    over = np.flatnonzero(values >= 0)
    if not len(over):
        return float("inf")
    k = int(over[0])
    if k == 0:
        return float(places[0])
    part = -values[k - 1] / (values[k] - values[k - 1])
    return float(places[k - 1] + part * (places[k] - places[k - 1]))


def _variance(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.var(ddof=1)) if len(known) > 1 else float("nan")
