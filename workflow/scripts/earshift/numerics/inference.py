"""Stage 7, statistics: AUCs, intervals by resampling recordings, paired comparisons."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats


def bootstrap_weights(
    recordings: NDArray[np.str_],
    n_resamples: int,
    rng: np.random.Generator,
    strata: Mapping[str, str] | None = None,
) -> NDArray[np.float32]:
    """Draw recordings with replacement; return how often each clip counts.

    Parameters
    ----------
    recordings : ndarray of shape (n_clips,), str
        Clips of one recording are drawn together, since they are not independent.
    n_resamples : int
        How many draws.
    rng : Generator
        Draws.
    strata : mapping, optional
        Recording -> the stratum it is in. From each are drawn as many as it has, so
        that what tells strata apart keeps its share in every resample.

    Returns
    -------
    ndarray of shape (n_clips, 1 + n_resamples)
        The first column is all ones: the sample itself.
    """
    names, member = np.unique(recordings, return_inverse=True)
    stratum = np.asarray([strata[name] if strata else "" for name in names.tolist()])
    counts = np.ones((len(names), 1 + n_resamples), np.float32)
    for one in np.unique(stratum):
        own = np.flatnonzero(stratum == one)
        n = len(own)
        counts[own, 1:] = rng.multinomial(n, np.full(n, 1 / n), size=n_resamples).T
    return counts[member]


def strata_of(
    recordings: NDArray[np.str_], classes: NDArray[np.str_]
) -> dict[str, str]:
    """Say which stratum of a stratified bootstrap each recording is in.

    Each recording is put with those that share the rarest class it has. A class then
    has clips with it and clips without it in every resample, though all classes are
    scored on one draw.

    Parameters
    ----------
    recordings : ndarray of shape (n_rows,), str
        A row for each class that a recording has; an empty class for one with none.
    classes : ndarray of shape (n_rows,), str
        The class.

    Returns
    -------
    dict
        Recording -> class that names its stratum; empty for recordings that have no
        class. A stratum of a single recording would never vary, and joins these.
    """
    rows = pd.DataFrame({"recording": recordings, "class": classes}).drop_duplicates()
    n = rows["class"].map(rows["class"].value_counts())
    rows["n"] = n.where(rows["class"].ne(""), np.inf)
    rows = rows.sort_values(["n", "class"], kind="stable")
    rarest = rows.drop_duplicates("recording").set_index("recording")["class"]
    single = rarest.map(rarest.value_counts()).eq(1)
    return dict(rarest.mask(single, "").items())


def interval(values: NDArray[np.float64], confidence: float) -> tuple[float, float]:
    """Return the percentile interval of resampled `values`, shape (n_resamples,)."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return float("nan"), float("nan")
    tail = 50 * (1 - confidence)
    low, high = np.percentile(finite, [tail, 100 - tail])
    return float(low), float(high)


def p_value(changes: NDArray[np.float64]) -> float:
    """Return the two-sided bootstrap p-value that a change is zero.

    Parameters
    ----------
    changes : ndarray of shape (n_resamples,)
        The change in each resample, both sides of it computed on the same clips.

    Returns
    -------
    float
        Twice the smaller share of resamples on one side of zero, at most 1; never 0.
    """
    finite = changes[np.isfinite(changes)]
    n = len(finite)
    smaller = min(int(np.sum(finite <= 0)), int(np.sum(finite >= 0)))
    return min(1.0, 2 * (smaller + 1) / (n + 1))


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p-values corrected for their number by the method of Holm (1979).

    SciPy has no such function; statsmodels would be needed for this alone.

    Parameters
    ----------
    p_values : ndarray of shape (n_tests,)
        NaN stays NaN and does not count.

    Returns
    -------
    ndarray of shape (n_tests,)
        In [0, 1], not smaller than `p_values`.
    """
    corrected = np.full(len(p_values), np.nan)
    order = np.argsort(p_values)
    order = order[np.isfinite(p_values[order])]
    steps = p_values[order] * np.arange(len(order), 0, -1)
    corrected[order] = (
        np.minimum(1.0, np.maximum.accumulate(steps)) if len(order) else []
    )
    return corrected


def paired_t(changes: NDArray[np.float64]) -> tuple[float, float]:
    """Return Student's t and the two-sided p-value of the mean of paired changes.

    Parameters
    ----------
    changes : ndarray of shape (n_pairs,)
        One change per class; NaN is left out.

    Returns
    -------
    t, p : float
        0 and 1 where all changes are 0; NaN where there are fewer than two, or all are
        the same otherwise.
    """
    finite = changes[np.isfinite(changes)]
    n = len(finite)
    spread = float(finite.std(ddof=1)) if n > 1 else 0.0
    rounding = 1e-12
    if n > 1 and np.abs(finite).max() < rounding:
        return 0.0, 1.0
    if spread < rounding:
        return float("nan"), float("nan")
    found = stats.ttest_1samp(finite, 0.0)
    return float(found.statistic), float(found.pvalue)


#: What `verdict` may say.
WORTH_IT, HARMFUL = "worth it", "harmful"
UNSURE_GAIN, UNSURE_LOSS = "gain of unsure worth", "loss of unsure worth"
EQUIVALENT, NO_EFFECT = "practically equivalent", "no detectable effect"


def verdict(low: float, high: float, p_corrected: float, rope: float) -> str:
    """Say in words what a change amounts to.

    Parameters
    ----------
    low, high : float
        Interval of the change.
    p_corrected : float
        Its corrected p-value.
    rope : float
        Changes of less than this, either way, are of no practical importance (the
        region of practical equivalence).

    Returns
    -------
    str
        ``"practically equivalent"`` if the interval lies inside the region. Else
        ``"no detectable effect"`` if it holds 0, or the p-value is 0.05 or more. Else
        ``"worth it"`` or ``"harmful"`` if it lies outside of the region as a whole, and
        ``"gain of unsure worth"`` or ``"loss of unsure worth"`` if not.
    """
    if -rope <= low and high <= rope:
        return EQUIVALENT
    if low <= 0 <= high or p_corrected >= 0.05:
        return NO_EFFECT
    if low > 0:
        return WORTH_IT if low > rope else UNSURE_GAIN
    return HARMFUL if high < -rope else UNSURE_LOSS
