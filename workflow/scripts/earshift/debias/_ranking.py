"""Whether a method can change in which order a classifier puts the clips of a target.

A linear classifier that is trained on the source alone adds one number to the scores of
all clips of a target that is moved as a whole, which changes no order of them, and no
ROC-AUC, though what lies above the source's threshold changes. Which methods are of
this kind is found by trying them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.base import TransformerMixin

from earshift.debias import _calls, _fit_checks
from earshift.numerics.logistic import fit_path

Array = NDArray[np.float64]

#: Pairs of made-up datasets, clips of each that train and that are scored, features.
N_PAIRS, N_TRAIN, N_SCORED, N_FEATURES = 3, 80, 40, 12


@dataclass(frozen=True)
class _Pair:
    """A source `a` and a target `b`, with one class.

    Parameters
    ----------
    source, target : ndarray of shape (N_TRAIN, N_FEATURES), float64
        Clips that methods are fitted to.
    y : ndarray of shape (N_TRAIN,), bool
        Which clips of the source have the class.
    subgroup : ndarray of shape (N_TRAIN,), object
        Of each clip of either.
    scored : ndarray of shape (N_SCORED, N_FEATURES), float64
        Other clips of the target.
    """

    source: Array
    target: Array
    y: NDArray[np.bool_]
    subgroup: NDArray[np.object_]
    scored: Array

    @classmethod
    def made_up(cls, seed: int) -> _Pair:
        """Return a pair that differs in mean, spread, correlations and subgroups."""
        rng = np.random.default_rng(seed)
        with_class = rng.standard_normal(N_FEATURES)
        of_subgroup = rng.standard_normal((2, 2, N_FEATURES))
        shift = np.zeros(N_FEATURES), 2 * rng.standard_normal(N_FEATURES)
        mixing = rng.standard_normal((2, N_FEATURES, N_FEATURES)) / N_FEATURES**0.5

        def clips(i: int, n: int) -> tuple[Array, NDArray[np.bool_]]:
            y = np.arange(n) % 4 < 2
            noise = rng.standard_t(5, (n, N_FEATURES)) @ mixing[i]
            X = noise + shift[i] + np.outer(y, with_class)
            return X + of_subgroup[i][np.arange(n) % 2], y

        source, y = clips(0, N_TRAIN)
        target, _ = clips(1, N_TRAIN)
        subgroup = np.tile(np.array(["p", "q"], object), N_TRAIN // 2)
        return cls(source, target, y, subgroup, clips(1, N_SCORED)[0])

    def plain(self) -> Array:
        """Return scores of the target's clips, shape (N_SCORED,), without a method."""
        return _scores(self.source, self.y, self.scored)

    def corrected(self, method: TransformerMixin, access: str) -> Array:
        """Return their scores after a method, which is fitted for this."""
        parts = [self.source] if access == "none" else [self.source, self.target]
        domain = np.repeat(["a", "b"][: len(parts)], N_TRAIN)
        seen = {"X": np.concatenate(parts), "domain": domain, "source": "a"}
        seen["subgroup"] = np.tile(self.subgroup, len(parts))
        seen["source_clips"] = self.source
        seen["source_labels"] = self.y[:, None].astype(np.int8)
        _calls.fit(method, seen)
        weights = _fit_checks.weights_of(method, len(domain))
        source, target, scored = (
            _calls.transform(method, X, None if access == "none" else names)
            for X, names in (
                (self.source, np.repeat("a", N_TRAIN)),
                (self.target, np.repeat("b", N_TRAIN)),
                (self.scored, np.repeat("b", N_SCORED)),
            )
        )
        own = None if weights is None else weights[:N_TRAIN]
        X, y = source, self.y
        for number in range(getattr(method, "n_rounds", 0)):
            known = _scores(X, y, target, own)[:, None]
            labels = method.pseudo_labels(known, number)[:, 0]
            X = np.concatenate([source, target[labels >= 0]])
            y = np.concatenate([self.y, labels[labels >= 0] == 1])
        return _scores(X, y, scored, own)


def _scores(
    X: Array, y: NDArray[np.bool_], scored: Array, weights: Array | None = None
) -> Array:
    coef, intercept = fit_path(X, y, [0.1], weights=weights)
    return scored @ coef[0] + intercept[0]


def keeps_ranking(make: Callable[[], TransformerMixin], access: str) -> bool:
    """Return whether a method leaves the clips of every made-up target in their order.

    Parameters
    ----------
    make : callable
        Returns the method, not fitted.
    access : str
        What it may see of the target.

    Returns
    -------
    bool
        False if after the method a logistic regression, trained on the source, ranks
        two clips of a target otherwise than one that is trained without the method.
    """
    pairs = map(_Pair.made_up, range(N_PAIRS))
    return all(
        np.array_equal(
            np.argsort(pair.plain()), np.argsort(pair.corrected(make(), access))
        )
        for pair in pairs
    )
