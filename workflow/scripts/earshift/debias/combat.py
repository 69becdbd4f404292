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

    In common units, z = (x - m_s) / s with the mean m_s of the source and the spread s
    within both datasets, a feature of another dataset has a mean g and a variance v.
    These are estimated with priors that all features of the dataset share, a normal one
    of g and an inverse gamma one of v, whose moments are those over features: a feature
    that differs more than others, on few clips, is taken to do so in part by chance. A
    clip becomes m_s + s_s (z - g) / v^1/2, with the spread s_s of the source. Clips of
    the source stay as they are. A feature that does not vary in the source, or not in
    the other dataset, is moved alone.

    Attributes
    ----------
    source_ : str
        Name of the source.
    mean_ : ndarray of shape (n_features,), float64
        Mean of the source.
    shift_, scale_ : dict of str to ndarray of shape (n_features,), float64
        Of each other dataset: what is taken from its features, and what they are then
        multiplied by, s_s / (s v^1/2).

    Notes
    -----
    It is what `standardise` does, but for the priors. Where datasets differ in how
    common classes are, their means differ for this reason too, and what is taken away
    is in part class.

    References
    ----------
    Johnson, Li, Rabinovic (2007), "Adjusting batch effects in microarray expression
    data using empirical Bayes methods", Biostatistics 8, section 3: here without
    covariates, and with the source as the dataset that others are made alike.
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
        self.mean_ = own.mean(axis=0)
        self.shift_, self.scale_ = {}, {}
        for name, part in parts.items():
            self.shift_[name], self.scale_[name] = _onto(own, part)
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
            out[own] = (X[own] - self.shift_[name]) * self.scale_[name] + self.mean_
        return out


def _onto(own: Array, part: Array) -> tuple[Array, Array]:
    """Return what is taken from features of a dataset, and what multiplies the rest.

    Parameters
    ----------
    own, part : ndarray of shape (n_clips, n_features), float64
        Clips of the source, and of the other dataset.

    Returns
    -------
    shift, scale : ndarray of shape (n_features,), float64
        In the units of the clips.
    """
    mean, variance = own.mean(axis=0), own.var(axis=0)
    shift, other = part.mean(axis=0), part.var(axis=0)
    scale = np.ones(len(shift))
    # What rounding leaves of a constant feature is no spread.
    size = np.maximum(np.abs(mean), np.abs(part - mean).max(axis=0))
    least = (1e-9 * np.maximum(size, 1e-300)) ** 2
    some = np.flatnonzero(np.minimum(variance, other) > least)
    if len(some):
        within = np.sqrt((variance + other)[some] / 2)
        g, v = _estimates((part - mean)[:, some] / within)
        shift[some] = mean[some] + within * g
        scale[some] = np.sqrt(variance[some] / v) / within
    return shift, scale


def _estimates(Z: Array) -> tuple[Array, Array]:
    """Return the shift and the variance of each feature, with the priors of all.

    Parameters
    ----------
    Z : ndarray of shape (n_clips, n_features), float64
        Clips in common units; all features vary.

    Returns
    -------
    shift, variance : ndarray of shape (n_features,), float64
        Where the equations (3) of the paper, solved in turn, agree.
    """
    n = len(Z)
    g, v = Z.mean(axis=0), Z.var(axis=0, ddof=1)
    level, width = g.mean(), g.var()
    a, b = _inverse_gamma(v)
    shift, variance = g, v
    for _ in range(MAX_STEPS):
        # The squared distances of clips from a shift, summed.
        squares = (n - 1) * v + n * (g - shift) ** 2
        before = variance
        if np.isfinite(a):
            variance = (b + squares / 2) / (n / 2 + a - 1)
        shift = (n * width * g + variance * level) / (n * width + variance)
        if np.abs(variance / before - 1).max() < TOLERANCE:
            break
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
