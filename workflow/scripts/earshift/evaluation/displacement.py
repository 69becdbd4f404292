"""How the embeddings of clips move when the audio of the same clips is changed.

A displacement is the features of a changed clip less those of the clip as it was. Clips
of one recording are not independent, so what is compared are clips of different
recordings, what is drawn are recordings, and means over pairs are over such pairs alone
(U-statistics): they are not biased by the number of clips.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from math import factorial

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from earshift.errors import DataError
from earshift.numerics import inference
from earshift.numerics.estimates import Estimate

Array = NDArray[np.float64]

#: Draws of signs and of orders, for p-values, unless there are fewer in all.
N_DRAWS = 999

#: Parts of the recordings; the direction of each is that of the others.
N_FOLDS = 5

#: Least spread of a feature, as a share of the root mean square of all.
FLOOR = 0.1

#: Displacements below this, as a share of the distance between recordings, are none.
ROUNDING = 1e-5

#: Share of the squared displacement below which it is rounding of float32.
_NOTHING = 1e-6

#: Fewest recordings and strengths of which anything is said.
MIN_RECORDINGS, MIN_STRENGTHS = 3, 3


@dataclass(frozen=True)
class Value:
    """A measure of how clips move.

    Parameters
    ----------
    value : float
        NaN where it is not defined, as of directions where nothing moves, or of the
        spread about the mean where all move alike.
    low, high : float
        Ends of its interval, for other recordings.
    reference : float
        What the value is read against; NaN if nothing.
    p_value : float
        How often chance alone gives as high a value, one-sided; NaN if not tested.
    """

    value: float
    low: float = float("nan")
    high: float = float("nan")
    reference: float = float("nan")
    p_value: float = float("nan")


class Movement:
    """Clips as they are, which changed ones are compared with.

    Parameters
    ----------
    clean : ndarray of shape (n_clips, n_features), float64
        Features, finite, in embedding units.
    recordings : ndarray of shape (n_clips,), str
        Recording of each clip.
    n_resamples : int
        Draws of the recordings.
    alpha : float
        Intervals are of level 1 - alpha.
    seed : int
        Of all draws.

    Raises
    ------
    DataError
        If there are fewer recordings than `MIN_RECORDINGS`.
    """

    def __init__(
        self,
        clean: Array,
        recordings: NDArray[np.str_],
        *,
        n_resamples: int,
        alpha: float,
        seed: int,
    ) -> None:
        names, self.member = np.unique(recordings, return_inverse=True)
        if len(names) < MIN_RECORDINGS:
            raise DataError(
                f"how embeddings move is compared between recordings: {MIN_RECORDINGS} "
                f"or more are needed, got {len(names)}."
            )
        self.n_recordings, self.alpha, self.seed = len(names), alpha, seed
        rng = np.random.default_rng(seed)
        self.weights = inference.bootstrap_weights(recordings, n_resamples, rng).astype(
            np.float64
        )
        self.apart = (self.member[:, None] != self.member).astype(np.float64)
        spread = clean.std(axis=0)
        # A feature that hardly varies would be all there is to see once it does.
        spread = np.maximum(spread, FLOOR * np.sqrt(np.mean(spread**2)))
        self._scale = np.divide(1, spread, out=np.zeros_like(spread), where=spread > 0)
        self._mean = clean.mean(axis=0)
        self._raw, self.clean = _unit(clean), self.scaled(clean)
        self._units = _unit(self.clean)
        G = self.clean @ self.clean.T
        own, ones = np.diag(G), np.ones_like(G)
        #: Mean squared distance of clips of different recordings, in each draw.
        self._between = self._pairs(own[:, None] + own - 2 * G, self.weights)
        self._between /= self._pairs(ones, self.weights)
        alike = self._pairs(self._raw @ self._raw.T, self._ones)
        #: The same of their cosine distance, and the dimension that they have.
        self._cosine_between = float((1 - alike / self._pairs(ones, self._ones))[0])
        self._dimension = float(self._ratio(self.clean, self._ones)[0])

    def scaled(self, X: Array) -> Array:
        """Return clips with the means and spreads of the unchanged ones taken out."""
        scaled: Array = (X - self._mean) * self._scale
        return scaled

    def measures(self, changed: Array) -> dict[str, Value]:
        """Return every measure of one strength.

        Parameters
        ----------
        changed : ndarray of shape (n_clips, n_features), float64
            Features of the same clips, in the same order, after the change.

        Returns
        -------
        dict of str to Value
            ``cosine_distance``
                1 less the cosine of the features of a clip before and after, mean over
                clips; reference: the same of two unchanged clips of different
                recordings.
            ``relative_distance``
                Root mean square of the displacements, over that of the differences of
                two unchanged clips of different recordings; 1 is as far as that.
            ``retrieval``
                Share of the changed clips that are nearest (by the cosine) to their own
                original, among it and the unchanged clips of other recordings;
                reference: chance.
            ``direction_consistency``
                Mean cosine of the displacements of two clips of different recordings: 1
                if all move alike; 0, the reference, if each moves its own way. The
                p-value is that of random signs of the displacements, drawn for each
                recording.
            ``common_share``
                Share of the squared displacement that is the same for all clips, which
                a constant subtracted from all would take out; 0 if there is none.
            ``effective_dimension``, ``effective_dimension_centred``
                Participation ratio of the displacements, about 0 and about their mean:
                how many directions of equal size would spread as they do; reference:
                that of the unchanged clips, about their mean.

            All but the first are of features in units of their spread among the
            unchanged clips, which counts as `FLOOR` of the root mean square of all
            spreads at least.
        """
        with np.errstate(invalid="ignore", divide="ignore"):  # draws of one recording
            return self._measures(changed)

    def _moved(self, changed: Array) -> Array:
        """Return the displacements; 0 of clips that only rounding has changed."""
        moved = self.scaled(changed) - self.clean
        size = np.einsum("if,if->i", moved, moved)
        moved[size < ROUNDING**2 * self._between[0]] = 0
        return moved

    def _measures(self, changed: Array) -> dict[str, Value]:
        moved = self._moved(changed)
        size = np.einsum("if,if->i", moved, moved)
        values = {
            "cosine_distance": self._cosine(changed),
            "relative_distance": self._distance(size),
            "retrieval": self._retrieval(_unit(self.scaled(changed))),
        }
        if not size.any():
            nothing = Value(float("nan"))
            return values | dict.fromkeys(_OF_DIRECTIONS, nothing)
        values["direction_consistency"] = self._consistency(_unit(moved), size > 0)
        values["common_share"] = self._common(moved, size)
        for name, X in (
            ("effective_dimension", moved),
            ("effective_dimension_centred", moved - moved.mean(axis=0)),
        ):
            if np.sum(X**2) < _NOTHING * size.sum():
                # All move alike: what is left is noise.
                values[name] = Value(float("nan"))
                continue
            drawn = self._ratio(X, self.weights)
            values[name] = self._value(drawn, "log", reference=self._dimension)
        return values

    @property
    def _ones(self) -> Array:
        return self.weights[:, :1]

    def _pairs(self, K: Array, weights: Array) -> Array:
        """Return the sum over pairs of clips of different recordings, for each draw."""
        total: Array = np.einsum("ib,ib->b", weights, (self.apart * K) @ weights)
        return total

    def _ratio(self, X: Array, weights: Array) -> Array:
        """Return the participation ratio ``tr(C)^2 / tr(C^2)`` of rows, for each draw.

        Both are means over pairs of rows of different recordings: of ``|x|^2 |y|^2``,
        and of ``(x . y)^2``.
        """
        G = X @ X.T
        size = np.diag(G)
        return self._pairs(np.outer(size, size), weights) / self._pairs(G**2, weights)

    def _mean_of(self, values: Array) -> Array:
        mean: Array = values @ self.weights / self.weights.sum(axis=0)
        return mean

    def _value(
        self,
        drawn: Array,
        link: str = "identity",
        *,
        reference: float = float("nan"),
        p_value: float = float("nan"),
    ) -> Value:
        """Return the first of the draws, with the interval that the others say."""
        known = drawn[1:][np.isfinite(drawn[1:])]
        variance = float(known.var(ddof=1)) if len(known) > 1 else float("nan")
        estimate = Estimate(float(drawn[0]), [(variance, self.n_recordings - 1)])
        low, high = estimate.interval(self.alpha, link)
        return Value(estimate.value, low, high, reference, p_value)

    def _cosine(self, changed: Array) -> Value:
        apart = 1 - np.einsum("if,if->i", self._raw, _unit(changed))
        return self._value(
            self._mean_of(np.maximum(apart, 0)), reference=self._cosine_between
        )

    def _distance(self, size: Array) -> Value:
        return self._value(np.sqrt(self._mean_of(size) / self._between))

    def _retrieval(self, changed: Array) -> Value:
        alike = changed @ self._units.T
        others = np.where(self.apart > 0, alike, -np.inf)
        found = (np.diag(alike) > others.max(axis=1)).astype(np.float64)
        chance = float(np.mean(1 / (1 + self.apart.sum(axis=1))))
        drawn = self._mean_of(found)
        value = self._value(drawn, "logit", reference=chance)
        if value.value not in (0.0, 1.0):
            if np.ptp(drawn) > 1e-9:
                return value
            # Alike in every recording: as sure as so many recordings can be.
            variance = value.value * (1 - value.value) / self.n_recordings
            estimate = Estimate(value.value, [(variance, self.n_recordings - 1)])
            ends = estimate.interval(self.alpha, "logit")
            return Value(value.value, *ends, chance)
        # All or none: as sure as so many recordings alone can be (Clopper, Pearson).
        end = float((self.alpha / 2) ** (1 / self.n_recordings))
        low, high = (end, 1.0) if value.value else (0.0, 1 - end)
        return Value(value.value, low, high, chance)

    def _consistency(self, units: Array, moves: NDArray[np.bool_]) -> Value:
        K = units @ units.T
        both = np.outer(moves, moves).astype(np.float64)
        drawn = self._pairs(K, self.weights) / self._pairs(both, self.weights)
        # Signs leave the number of pairs as it is, so that sums can be compared.
        of_recordings = np.zeros((self.n_recordings, units.shape[1]))
        np.add.at(of_recordings, self.member, units)
        A = of_recordings @ of_recordings.T
        np.fill_diagonal(A, 0)
        rng = np.random.default_rng([self.seed, 1])
        signs = rng.choice([-1.0, 1.0], (self.n_recordings, N_DRAWS))
        null = np.einsum("rb,rb->b", signs, A @ signs)
        p = (1 + np.sum(null >= A.sum() - 1e-9 * np.abs(A).sum())) / (1 + N_DRAWS)
        return self._value(drawn, reference=0.0, p_value=float(p))

    def _common(self, moved: Array, size: Array) -> Value:
        common = self._pairs(moved @ moved.T, self.weights)
        common /= self._pairs(np.ones_like(self.apart), self.weights)
        return self._value(common / self._mean_of(size), reference=0.0)

    def monotonicity(self, changed: Sequence[Array]) -> Value:
        """Return how well the strength can be told along the direction of movement.

        For each of `N_FOLDS` parts of the recordings, the direction in which the clips
        of the others move most (the first right singular vector of their displacements
        in all strengths) orders the strengths of each clip; the value is the mean over
        clips of Spearman's correlation of this order with that of the strengths. The
        direction points where it rises with strength in the other recordings.

        Parameters
        ----------
        changed : sequence of ndarray of shape (n_clips, n_features), float64
            Features of the clips in each strength, from the lowest strength on.

        Returns
        -------
        Value
            Its p-value is that of all orders of the strengths, or of `N_DRAWS` of them
            if they are more, the same for all clips. The value is NaN with fewer
            strengths than `MIN_STRENGTHS`, or if no clip moves.
        """
        n = len(changed)
        if n < MIN_STRENGTHS:
            return Value(float("nan"))
        moved = np.stack([self._moved(X) for X in changed])
        rng = np.random.default_rng([self.seed, 2])
        n_folds = min(N_FOLDS, self.n_recordings)
        fold = rng.permutation(self.n_recordings)[self.member] % n_folds
        orders = _orders(n, rng)
        rho = np.full((len(orders), len(self.member)), np.nan)
        for one in range(n_folds):
            test = fold == one
            if not moved[:, ~test].any():
                continue
            direction = _leading(moved[:, ~test].reshape(-1, moved.shape[2]))
            ranks = _ranks(moved @ direction)
            signs = np.sign(orders @ ranks[:, ~test].mean(axis=1))
            rho[:, test] = signs[:, None] * (orders @ ranks[:, test])
        known = np.isfinite(rho[0])
        if not known.any():
            return Value(float("nan"))
        weights = self.weights[known]
        drawn = rho[0, known] @ weights / weights.sum(axis=0)
        null = rho[:, known].mean(axis=1)
        p = float(np.mean(null >= null[0] - 1e-9))
        return self._value(drawn, reference=0.0, p_value=p)


#: Measures that there are only where something moves.
_OF_DIRECTIONS = (
    "direction_consistency",
    "common_share",
    "effective_dimension",
    "effective_dimension_centred",
)


def _unit(X: Array) -> Array:
    """Return rows of length 1; a row of zeros stays."""
    length = np.linalg.norm(X, axis=1, keepdims=True)
    units: Array = np.divide(X, length, out=np.zeros_like(X), where=length > 0)
    return units


def _leading(rows: Array) -> Array:
    """Return the first right singular vector of rows, not centred."""
    vector: Array
    if len(rows) > rows.shape[1]:
        vector = np.linalg.eigh(rows.T @ rows)[1][:, -1]
    else:
        vector = rows.T @ np.linalg.eigh(rows @ rows.T)[1][:, -1]
        vector /= np.linalg.norm(vector)
    return vector


def _orders(n: int, rng: np.random.Generator) -> Array:
    """Return orders of n strengths, the true one first, centred and of length 1."""
    orders: Array
    if factorial(n) <= N_DRAWS:
        orders = np.array(list(permutations(range(n))), np.float64)
    else:
        drawn = [rng.permutation(n) for _ in range(N_DRAWS)]
        orders = np.array([np.arange(n), *drawn], np.float64)
    orders -= orders.mean(axis=1, keepdims=True)
    orders /= np.linalg.norm(orders, axis=1, keepdims=True)
    return orders


def _ranks(values: Array) -> Array:
    """Return ranks along the first axis, centred and of length 1.

    Equal values share a rank; where all are equal, the ranks are 0: no correlation.
    """
    ranks: Array = rankdata(values, axis=0)
    ranks -= ranks.mean(axis=0)
    length = np.linalg.norm(ranks, axis=0)
    ranks /= np.where(length > 0, length, 1)
    return ranks


def in_order(strengths: Mapping[str, float | str | None]) -> list[str]:
    """Return the names of those strengths that are numbers, from the lowest on."""
    numbers = {n: s for n, s in strengths.items() if isinstance(s, int | float)}
    return sorted(numbers, key=lambda name: numbers[name])
