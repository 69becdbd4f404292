"""How many recordings a claim needs, and how small a change a result can show."""

from __future__ import annotations

import math

import scipy

from earshift.errors import ConfigError


def _span(alpha: float, power: float, df: float) -> float:
    """Return how many standard errors a change has to be to be found."""
    for name, value in (("alpha", alpha), ("power", power)):
        if not 0 < value < 1:
            raise ConfigError(f"{name} must lie between 0 and 1, got {value}.")
    return float(scipy.stats.t.isf(alpha / 2, df) + scipy.stats.t.ppf(power, df))


def smallest_detectable(
    se: float,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    df: float = math.inf,
) -> float:
    """Return the smallest change that a result is likely to show.

    Parameters
    ----------
    se : float
        Standard error of the change.
    alpha : float, default=0.05
        Level of the two-sided test; divide it by the number of comparisons to allow for
        them.
    power : float, default=0.8
        How likely a test must be to find it.
    df : float, optional
        Degrees of freedom of the standard error.

    Returns
    -------
    float
        2.8 standard errors by default.
    """
    return _span(alpha, power, df) * se


def recordings_needed(
    se: float,
    n_recordings: int,
    change: float,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    df: float = math.inf,
) -> int:
    """Return how many test recordings are needed to find a change of a given size.

    Parameters
    ----------
    se : float
        Standard error of the change in a pilot, such as `change_se` in
        ``tables/summary.csv``, or `gap_se` in ``tables/gaps.csv``.
    n_recordings : int
        Recordings that tested in the pilot (`n_recordings` there).
    change : float
        The change to be found, in the unit of the metric.
    alpha, power
        As in `smallest_detectable`.
    df : float, optional
        Degrees of freedom of the standard error (`change_df`, `gap_df`), taken to stay
        as they are. Where more recordings give more, the number is somewhat too large.

    Returns
    -------
    int
        The standard error is taken to fall with the square root of their number: more
        recordings of the same kind, with as many more that train.

    Raises
    ------
    ConfigError
        If a number is not above 0.

    Examples
    --------
    >>> recordings_needed(0.01, 140, 0.02)
    275
    """
    for name, value in (("se", se), ("n_recordings", n_recordings), ("change", change)):
        if not value > 0:
            raise ConfigError(f"{name} must be above 0, got {value}.")
    return math.ceil(n_recordings * (_span(alpha, power, df) * se / change) ** 2)
