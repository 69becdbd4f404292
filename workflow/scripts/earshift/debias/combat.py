"""Give features of other datasets the mean and spread of the source's (ComBat)."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from earshift.debias._onto_target import check_both
from earshift.errors import DataError

version = 1
access = "target_unlabelled"

Array = NDArray[np.float64]

#: Largest relative change of an estimate from one step to the next that is the last.
TOLERANCE = 1e-6

#: Most steps, of which a few are needed.
MAX_STEPS = 100


class ComBat(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Take the shift and the scale of each other dataset away, shrunk over features.

    In units of the source, z = (x - m_s) / s_s, a feature of another dataset has a
    mean g and a variance v. These are estimated with priors that all features of the
    dataset share, a normal one of g and an inverse gamma one of v, whose moments are
    those over features: a feature that differs more than others, on few clips, is
    taken to do so in part by chance. A clip becomes m_s + s_s (z - g) / v^1/2. Clips of
    the source stay as they are.

    Attributes
    ----------
    source_ : str
        Name of the source.
    mean_, scale_ : ndarray of shape (n_features,), float64
        Mean and spread of the source; a spread of 0 counts as 1.
    shift_, variance_ : dict of str to ndarray of shape (n_features,), float64
        g and v of each other dataset.

    Notes
    -----
    It is what `standardise` does, but for the priors. Where datasets differ in how
    common classes are, their means differ for this reason too, and what is taken away
    is in part class.

    References
    ----------
    Johnson, Li, Rabinovic (2007), "Adjusting batch effects in microarray expression
    data using empirical Bayes methods", Biostatistics 8, section 3: here without
    covariates, and with the source for what is common to all.
    """

    def fit(
        self,
        X: NDArray[np.floating],
        domain: NDArray[np.generic],
        y: NDArray[np.generic] | None = None,
        subgroup: NDArray[np.generic] | None = None,
        *,
        source: str,
    ) -> Self:
        """Estimate the shift and the scale of each other dataset.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features)
            Features.
        domain : ndarray of shape (n_clips,)
            Dataset of each clip.
        y, subgroup : None
            Not used.
        source : str
            The dataset that others are made alike.

        Returns
        -------
        ComBat
            Itself.

        Raises
        ------
        DataError
            If there are fewer than two clips of the source, or of another dataset.
        """
        del y, subgroup
        X, domain = validate_data(self, X, domain, dtype=np.float64)
        own: Array = X[domain == source]
        parts: dict[str, Array] = {
            str(d): X[domain == d] for d in np.unique(domain[domain != source])
        }
        for part in parts.values() or [own[:0]]:
            check_both(type(self).__name__, own, part)
        self.source_ = source
        self.mean_, spread = own.mean(axis=0), own.std(axis=0)
        # What rounding leaves of a constant feature is no spread.
        varies = spread > 1e-9 * np.maximum(np.abs(self.mean_), 1e-300)
        self.scale_ = np.where(varies, spread, 1.0)
        self.shift_, self.variance_ = {}, {}
        for name, part in parts.items():
            found = _estimates((part - self.mean_) / self.scale_, varies)
            self.shift_[name], self.variance_[name] = found
        return self

    def transform(self, X: NDArray[np.floating], domain: NDArray[np.generic]) -> Array:
        """Return clips, those of other datasets than the source moved and scaled.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features)
            Features.
        domain : ndarray of shape (n_clips,)
            Dataset of each clip.

        Returns
        -------
        ndarray of shape (n_clips, n_features), float64
            A new array.

        Raises
        ------
        DataError
            If a dataset had no clips when fitted.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        out = np.array(X, np.float64)
        for name in map(str, np.unique(domain)):
            if name == self.source_:
                continue
            if name not in self.shift_:
                raise DataError(
                    f"ComBat does not know the dataset '{name}': it was fitted to "
                    f"clips of {sorted([self.source_, *self.shift_])}."
                )
            own = np.asarray(domain) == name
            z = (X[own] - self.mean_) / self.scale_ - self.shift_[name]
            out[own] = z / np.sqrt(self.variance_[name]) * self.scale_ + self.mean_
        return out


def _estimates(Z: Array, varies: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Return the shift and the variance of each feature, with the priors of all.

    Parameters
    ----------
    Z : ndarray of shape (n_clips, n_features), float64
        Clips in units of the source.
    varies : ndarray of shape (n_features,), bool
        Which features vary in the source; others, and those that do not vary here, are
        moved alone, and have no part in the priors.

    Returns
    -------
    shift, variance : ndarray of shape (n_features,), float64
        Where the equations (3) of the paper, solved in turn, agree.
    """
    n = len(Z)
    mean, spread = Z.mean(axis=0), Z.var(axis=0, ddof=1)
    shift, variance = mean.copy(), np.ones(len(mean))
    some = np.flatnonzero(varies & (spread > 1e-18 * np.maximum(mean**2, 1e-300)))
    if not len(some):
        return shift, variance
    g, v = mean[some], spread[some]
    level, width = g.mean(), g.var()
    a, b = _inverse_gamma(v)
    now = (g, v)
    for _ in range(MAX_STEPS):
        # The squared distances of clips from a shift, summed.
        squares = (n - 1) * v + n * (g - now[0]) ** 2
        new_v = v if np.isinf(a) else (b + squares / 2) / (n / 2 + a - 1)
        new_g = (n * width * g + new_v * level) / (n * width + new_v)
        change = max(
            np.abs(new_g - now[0]).max(),
            np.abs(new_v / np.maximum(now[1], 1e-300) - 1).max(),
        )
        now = (new_g, new_v)
        if change < TOLERANCE:
            break
    shift[some], variance[some] = now
    return shift, variance


def _inverse_gamma(variances: Array) -> tuple[float, float]:
    """Return shape and scale of the inverse gamma distribution with these moments."""
    mean, spread = variances.mean(), variances.var()
    if spread <= 1e-18 * mean**2:
        return np.inf, np.inf
    return 2 + mean**2 / spread, mean + mean**3 / spread


def make() -> ComBat:
    """Return the method; it has no options."""
    return ComBat()
