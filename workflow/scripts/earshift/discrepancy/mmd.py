"""Squared maximum mean discrepancy, with a Gaussian kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics.pairwise import euclidean_distances

from earshift.discrepancy import Result
from earshift.discrepancy._pairs import BLOCK, Floats, PairSums, both, pair_sums
from earshift.discrepancy._resampling import Draws
from earshift.errors import ConfigError
from earshift.numerics.kernels import MAX_CLIPS, median_distance

version = 1
label = "squared MMD"
better = "lower"
range = (None, 2.0)  # never below -2; in practice below 0 by chance alone
at_equality = 0.0


def measure(
    X_a: NDArray[np.floating],
    X_b: NDArray[np.floating],
    *,
    recordings_a: NDArray[np.str_],
    recordings_b: NDArray[np.str_],
    rng: np.random.Generator,
    n_frequencies: int | None = None,
    **_: Any,
) -> Result:
    """Compare how alike clips of one dataset are, and clips of different datasets.

    The value is ``E k(x, x') + E k(y, y') - 2 E k(x, y)`` with the kernel
    ``k(x, y) = exp(-|x - y|^2 / (2 sigma^2))``. Within a dataset, pairs of clips of
    different recordings count: the value is not biased, also where clips of one
    recording are alike. A dataset of a single recording has no such pairs, and all of
    them count.

    sigma is the median distance of the clips of both datasets, of `MAX_CLIPS` clips
    drawn from them where there are more. A measure is given the clips as a method
    leaves them, so each method has its own sigma. Therefore a method that shrinks both
    datasets alike changes nothing. The draws and the halves keep the sigma of the
    whole.

    All pairs of clips take time in proportion to the square of their number. With
    `n_frequencies`, the kernel is replaced by the mean of so many cosines of random
    frequencies, and time grows with the number of clips. The value then is right up to
    a share of about ``1 / sqrt(n_frequencies)``; the p-value is exact as before, since
    all draws have the same frequencies.

    Parameters
    ----------
    X_a, X_b : ndarray of shape (n_clips, n_features)
        Features of the two datasets.
    recordings_a, recordings_b : ndarray of shape (n_clips,), str
        Recording of each clip.
    rng : Generator
        Draws the clips that decide sigma, then recordings, then frequencies.
    n_frequencies : int, optional
        Random frequencies; without, the kernel is exact.

    Returns
    -------
    Result
        Its value has no unit. Expected of equal datasets is 0, so that it is as often
        negative; 2 is the most.

    Raises
    ------
    ConfigError
        If `n_frequencies` is less than 1.

    References
    ----------
    Gretton, Borgwardt, Rasch, Schoelkopf, Smola (2012), "A kernel two-sample test",
    JMLR 13, pp. 723-773, lemma 6. Rahimi, Recht (2007), "Random features for
    large-scale kernel machines", NIPS, for the frequencies.
    """
    if n_frequencies is not None and n_frequencies < 1:
        raise ConfigError(
            f"the measure 'mmd' needs n_frequencies of 1 or more, got {n_frequencies}; "
            "leave it out for the exact kernel."
        )
    X = both(X_a, X_b)
    drawn = np.sort(rng.permutation(len(X))[:MAX_CLIPS])
    # Clips that are all alike have no width; any does.
    sigma = median_distance(X[drawn]) or 1.0
    draws = Draws.of(recordings_a, recordings_b, rng)

    def kernel(x: Floats, y: Floats) -> Floats:
        values: Floats = euclidean_distances(x, y, squared=True)
        values *= -0.5 / sigma**2
        np.exp(values, out=values)
        return values

    if n_frequencies is None:
        sums = pair_sums(kernel, X, draws)
    else:
        frequencies = rng.standard_normal((X.shape[1], n_frequencies)) / sigma
        sums = _sums_of_cosines(X, draws, frequencies)
    within = [
        _within(total, side, sums.own, draws.recording)
        for total, side in ((sums.a, draws.in_a), (sums.b, draws.in_b))
    ]
    n_pairs = draws.in_a.sum(axis=1) * draws.in_b.sum(axis=1)
    return draws.result(within[0] + within[1] - 2 * sums.between / n_pairs)


def _within(
    total: Floats, side: NDArray[np.bool_], own: Floats, recording: NDArray[np.int64]
) -> Floats:
    """Return the mean over pairs of clips of different recordings, per draw."""
    n_pairs = side.sum(axis=1) ** 2
    n_own = side @ np.bincount(recording)[recording]
    single = n_own == n_pairs
    apart = (total - side @ own) / np.where(single, 1, n_pairs - n_own)
    return np.where(single, total / n_pairs, apart)


def _sums_of_cosines(X: Floats, draws: Draws, frequencies: Floats) -> PairSums:
    """Return sums over pairs of the mean cosine of their differences.

    ``cos (u - v) = cos u cos v + sin u sin v``: a sum over all pairs of clips is a
    product of sums over clips. Blocks hold whole recordings.
    """
    n = frequencies.shape[1]
    sum_a, sum_b = np.zeros((2, len(draws.in_a), 2 * n))
    own = np.empty(len(X))
    order = np.argsort(draws.recording, kind="stable")
    starts = np.flatnonzero(np.diff(draws.recording[order], prepend=-1))
    _, first = np.unique(starts // BLOCK, return_index=True)
    for clips in np.split(order, starts[first][1:]):
        angles = X[clips] @ frequencies
        waves = np.hstack([np.cos(angles), np.sin(angles)]) / np.sqrt(n)
        sum_a += draws.in_a[:, clips] @ waves
        sum_b += draws.in_b[:, clips] @ waves
        begins = np.diff(draws.recording[clips], prepend=-1) != 0
        of_recording = np.add.reduceat(waves, np.flatnonzero(begins))
        own[clips] = np.einsum("if,if->i", waves, of_recording[np.cumsum(begins) - 1])
    a, b, between = (
        np.einsum("mf,mf->m", x, y)
        for x, y in ((sum_a, sum_a), (sum_b, sum_b), (sum_a, sum_b))
    )
    return PairSums(a, b, between, own)
