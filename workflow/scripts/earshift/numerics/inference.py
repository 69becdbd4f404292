"""Stage 7, statistics: AUCs, intervals by resampling recordings, paired comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray


def redrawn(
    recordings: NDArray[np.str_],
    n_resamples: int,
    rng: np.random.Generator,
    strata: Mapping[str, str] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Draw recordings with replacement; return how often each clip was drawn.

    Parameters
    ----------
    recordings : ndarray of shape (n_clips,), str
        Clips of one recording are drawn together, since they are not independent.
    n_resamples : int
        How many draws.
    rng : Generator
        Draws.
    strata : mapping, optional
        Recording -> the stratum it is in. Each is drawn from on its own, so that what
        tells strata apart keeps its share in every resample.

    Returns
    -------
    counts : ndarray of shape (n_clips, n_resamples), int64
        Of the n recordings of a stratum, n - 1 are drawn; a single one is always there
        once.
    scale : ndarray of shape (n_clips,), float64
        ``n / (n - 1)``, 1 for a single one: what a clip that is drawn once counts.

    Notes
    -----
    Draws of n out of n give a variance of a mean that is too small by ``(n - 1) / n``,
    which matters where strata are small (Rao and Wu, 1988, with n - 1 draws).
    """
    names, member = np.unique(recordings, return_inverse=True)
    stratum = np.asarray([strata[name] if strata else "" for name in names.tolist()])
    counts = np.ones((len(names), n_resamples), np.int64)
    scale = np.ones(len(names))
    for one in np.unique(stratum):
        own = np.flatnonzero(stratum == one)
        n = len(own)
        if n > 1:
            drawn = rng.multinomial(n - 1, np.full(n, 1 / n), size=n_resamples)
            counts[own], scale[own] = drawn.T, n / (n - 1)
    return counts[member], scale[member]


def bootstrap_weights(
    recordings: NDArray[np.str_],
    n_resamples: int,
    rng: np.random.Generator,
    strata: Mapping[str, str] | None = None,
) -> NDArray[np.float32]:
    """Return how much each clip counts in each resample of the recordings.

    Parameters
    ----------
    recordings, n_resamples, rng, strata
        As in `redrawn`.

    Returns
    -------
    ndarray of shape (n_clips, 1 + n_resamples)
        The first column is all ones: the sample itself. In the others the counts of
        `redrawn` are multiplied by its scale, so that a stratum keeps its weight on
        average.
    """
    counts, scale = redrawn(recordings, n_resamples, rng, strata)
    weights = np.ones((len(counts), 1 + n_resamples), np.float32)
    weights[:, 1:] = counts * scale[:, None]
    return weights


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


#: How much wider an AUC spreads about chance than its resamples, which keep the
#: classifiers. Where there is nothing to learn, what one clip teaches of another is
#: what the other teaches of it: each pair counts twice in the AUC, once as test and
#: once as training clip, and resampled test clips show half of that variance.
AT_CHANCE = 2**0.5


def p_of_equality(
    value: float,
    better: str,
    *,
    null: NDArray[np.float64] | None = None,
    resampled: NDArray[np.float64] | None = None,
    at_equality: float | None = None,
    spread: float = 1.0,
) -> float:
    """Return how often equal datasets look as different by chance, one-sided.

    Of null values, the share that is as different as the value; without them, the share
    of resamples that is no more different than equal datasets are, so that it is at
    most one minus a level just if the one-sided bound of the value at that level lies
    beyond what equal datasets give.

    Parameters
    ----------
    value : float
        The measured value.
    better : {"lower", "higher"}
        Which values mean that the datasets are more alike.
    null : ndarray of shape (n_draws,), optional
        Values of equal datasets.
    resampled : ndarray of shape (n_resamples,), optional
        Values of resamples; needed without `null`. Those that are not finite do not
        count.
    at_equality : float, optional
        The value of equal datasets; needed without `null`.
    spread : float, default=1
        How much wider values spread where the datasets are equal than the resamples.

    Returns
    -------
    float
        Never 0. NaN where there is no value.
    """
    sign = 1 if better == "lower" else -1
    if null is not None:
        chance = sign * null >= sign * value
    elif at_equality is None or resampled is None or not np.isfinite(value):
        return float("nan")
    else:
        draws = resampled[np.isfinite(resampled)]
        wider = value + spread * (draws - value)
        chance = sign * wider <= sign * at_equality
    return (int(chance.sum()) + 1) / (len(chance) + 1)


def holm(
    p_values: NDArray[np.float64], most_true: int | None = None
) -> NDArray[np.float64]:
    """Return p-values corrected for their number by the method of Holm (1979).

    Parameters
    ----------
    p_values : ndarray of shape (n_tests,)
        NaN stays NaN and does not count.
    most_true : int, optional
        How many of the hypotheses can be true at once, where they exclude each other
        (Shaffer, 1986); without, all.

    Returns
    -------
    ndarray of shape (n_tests,)
        In [0, 1], not smaller than `p_values`.
    """
    corrected = np.full(len(p_values), np.nan)
    order = np.argsort(p_values)
    order = order[np.isfinite(p_values[order])]
    left = np.arange(len(order), 0, -1)
    if most_true is not None:
        left = np.minimum(left, most_true)
    steps = p_values[order] * left
    if len(order):
        corrected[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return corrected


def holm_within(
    table: pd.DataFrame, families: Sequence[str], column: str = "p_value"
) -> pd.Series[float]:
    """Return the p-values of a table, corrected by `holm` within each family.

    Parameters
    ----------
    table : DataFrame
        With the column of p-values.
    families : sequence of str
        Columns that a family of tests has in common.
    column : str, default="p_value"
        The p-values.

    Returns
    -------
    Series
        Of the index of the table.
    """
    return table.groupby(list(families))[column].transform(
        lambda p: pd.Series(holm(p.to_numpy(float)), index=p.index)
    )


def holm_of_claims(
    p_changed: NDArray[np.float64],
    p_equivalent: NDArray[np.float64],
    p_beyond: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the p-values of three claims on each comparison, corrected by Holm.

    Parameters
    ----------
    p_changed, p_equivalent, p_beyond : ndarray of shape (n_comparisons,), float64
        Of the claims that a change is not zero, too small to matter, and too large not
        to.

    Returns
    -------
    ndarray of shape (3, n_comparisons), float64
        A comparison tests whether the change is zero and whether it is of no
        importance. Only one of the two can be true, so that Holm's method over both
        counts as many as there are comparisons. Whether it is of importance is asked
        where it is not zero.
    """
    both = np.concatenate([p_changed, p_equivalent])
    held = holm(both, len(p_changed)).reshape(2, -1)
    beyond = np.maximum(holm(p_beyond), held[0])
    return np.stack([*held, beyond])


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
    found = scipy.stats.ttest_1samp(finite, 0.0)
    return float(found.statistic), float(found.pvalue)


#: What `verdict` may say.
WORTH_IT, HARMFUL = "worth it", "harmful"
UNSURE_GAIN, UNSURE_LOSS = "gain of unsure worth", "loss of unsure worth"
EQUIVALENT, NO_EFFECT = "practically equivalent", "no detectable effect"


def verdict(
    gain: float, p_changed: float, p_equivalent: float, p_beyond: float, alpha: float
) -> str:
    """Say in words what a change amounts to.

    Parameters
    ----------
    gain : float
        The change; above 0 where it is for the better.
    p_changed, p_equivalent, p_beyond : float
        Corrected p-values of the claims that the change is not zero, that it is too
        small to matter (the region of practical equivalence), and that it is too large
        not to.
    alpha : float
        Below which a p-value makes a claim.

    Returns
    -------
    str
        ``"practically equivalent"`` if this is claimed. Else ``"no detectable effect"``
        if not even a change is. Else ``"worth it"`` or ``"harmful"`` if it is claimed
        to matter, and ``"gain of unsure worth"`` or ``"loss of unsure worth"`` if not.
    """
    if p_equivalent < alpha:
        return EQUIVALENT
    if p_changed >= alpha:
        return NO_EFFECT
    if gain > 0:
        return WORTH_IT if p_beyond < alpha else UNSURE_GAIN
    return HARMFUL if p_beyond < alpha else UNSURE_LOSS
