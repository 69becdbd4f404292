"""Let clips of the source count more that are like those of the target."""

from __future__ import annotations

import logging
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from earshift.debias._onto_target import check_both
from earshift.errors import ConfigError
from earshift.numerics.logistic import fit_path

version = 1
access = "target_unlabelled"

log = logging.getLogger(__name__)

Array = NDArray[np.float64]

#: Folds of the domain classifier.
N_FOLDS = 5

#: Penalties of the domain classifier, as C.
GRID = (1e-4, 1e-3, 1e-2, 0.1, 1.0)


class ImportanceWeights(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Weigh clips of the source by how much likelier they are in the target.

    A logistic regression tells clips of the other datasets from those of the source,
    where both count the same. The odds that it gives to a clip that it was not trained
    on, once calibrated, estimate the ratio of the two densities there, which is the
    weight. Features stay as they are.

    Parameters
    ----------
    cap : float, default=10.0
        Largest weight; what larger ones lose, the others gain in proportion.

    Attributes
    ----------
    weights_ : ndarray of shape (n_clips,), float64
        Mean 1 over the clips of the source, and 1 for all others.
    effective_n_ : float
        Effective sample size of the source, (sum of weights)^2 / sum of their squares:
        how many clips of equal weight give as precise a mean.

    Notes
    -----
    The penalty is that of the least out-of-fold loss. Methods are not told recordings:
    clips of one may be in two folds, and weights are then more extreme than they ought
    to be.

    Weights can only help where the source has clips like those of the target.

    References
    ----------
    Bickel, Brückner, Scheffer (2009), "Discriminative learning under covariate shift",
    JMLR 10.
    """

    def __init__(self, cap: float = 10.0) -> None:
        self.cap = cap

    def fit(
        self,
        X: NDArray[np.floating],
        domain: NDArray[np.generic],
        y: NDArray[np.generic] | None = None,
        subgroup: NDArray[np.generic] | None = None,
        *,
        source: str,
    ) -> Self:
        """Find the weights.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features)
            Features, in one scale.
        domain : ndarray of shape (n_clips,)
            Dataset of each clip.
        y, subgroup : None
            Not used.
        source : str
            The dataset whose clips are weighed.

        Returns
        -------
        ImportanceWeights
            Itself.

        Raises
        ------
        DataError
            If there are fewer than two clips of the source, or of the others.
        """
        del y, subgroup
        X, domain = validate_data(self, X, domain, dtype=np.float64)
        own = domain == source
        check_both(type(self).__name__, X[own], X[~own])
        log_odds = _log_odds(X, ~own)[own]
        # The floor keeps them above 0.
        ratio = np.exp(np.maximum(log_odds - log_odds.max(), -100))
        weights = _capped(ratio, self.cap)
        self.weights_ = np.ones(len(X))
        self.weights_[own] = weights
        self.effective_n_ = float(weights.sum() ** 2 / np.sum(weights**2))
        log.info(
            "importance weights of '%s': the effective sample size is %.1f of %d clips",
            source,
            self.effective_n_,
            len(weights),
        )
        return self

    def transform(self, X: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return `X`, shape (n_clips, n_features), as it is."""
        check_is_fitted(self)
        same: NDArray[np.floating] = validate_data(self, X, reset=False)
        return same


def _log_odds(X: NDArray[np.floating], is_target: NDArray[np.bool_]) -> Array:
    """Return calibrated out-of-fold log-odds of the target, shape (n_clips,)."""
    fold = np.empty(len(X), np.int64)
    for side in (False, True):
        rows = np.flatnonzero(is_target == side)
        fold[rows] = np.arange(len(rows)) % N_FOLDS
    scores = np.empty((len(GRID), len(X)))
    for k in np.unique(fold):
        test = fold == k
        coef, intercept = fit_path(X[~test], is_target[~test], GRID)
        scores[:, test] = coef @ X[test].T + intercept[:, None]
    loss = np.logaddexp(0, np.where(is_target, -scores, scores))
    balanced = loss[:, is_target].mean(axis=1) + loss[:, ~is_target].mean(axis=1)
    best = scores[balanced.argmin()]
    unit = (best - best.mean()) / max(best.std(), 1e-300)
    # Chance may turn scores that tell nothing round.
    slope, level = fit_path(unit[:, None], is_target, [1.0])
    calibrated: Array = max(0.0, slope[0, 0]) * unit + level[0]
    return calibrated


def _capped(ratio: Array, cap: float) -> Array:
    """Return numbers above 0 in proportion, but none above `cap`, with the mean 1."""
    ordered = np.sort(ratio)[::-1]
    rest = np.cumsum(ordered[::-1])[::-1]
    # If the first k are cut, the others have this factor; the first that fits is right.
    factor = (len(ratio) - cap * np.arange(len(ratio))) / rest
    k = int(np.argmax(factor * ordered <= cap))
    return np.minimum(ratio * factor[k], cap)


def make(*, cap: float = 10.0) -> ImportanceWeights:
    """Return the method; `cap` as in `ImportanceWeights`, 1 or more."""
    if not cap >= 1:
        raise ConfigError(
            f"'cap' of 'importance_weights' is a weight from 1 on, got {cap!r}."
        )
    return ImportanceWeights(cap)
