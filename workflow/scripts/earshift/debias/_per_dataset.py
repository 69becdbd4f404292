"""What methods share that standardise each dataset by clips of its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from earshift.errors import ConfigError

Array = NDArray[np.float64]


class PerDataset(TransformerMixin, BaseEstimator):
    """Base of methods that give each feature the mean 0 and the spread 1 in a dataset.

    Parameters
    ----------
    floor : float, default=0.1
        Least spread of a feature in a dataset, as a share of its spread in the source.
        Without a floor, a feature that hardly varies in one dataset would be blown up
        there to noise of full size.
    shrink : float, default=0.0
        Clips of the pooled datasets that the spread of each dataset is mixed with: with
        n clips of a dataset, its variance becomes the mean of its own, which counts n
        times, and of the mean variance of the datasets, which counts `shrink` times.

    Attributes
    ----------
    mean_, scale_ : ndarray of shape (n_domains, n_features), float64
        Mean and spread of each feature in each dataset, in the order of `domains_`.
    domains_ : ndarray of shape (n_domains,)
        Sorted names of the datasets.
    """

    def __init__(self, floor: float = 0.1, shrink: float = 0.0) -> None:
        self.floor = floor
        self.shrink = shrink

    def _learn(
        self,
        X: NDArray[np.floating],
        domain: NDArray[np.generic],
        source: str | None,
        weights: Array | None = None,
    ) -> None:
        """Learn mean and spread, of clips that count as much as `weights` say."""
        self.domains_, member = np.unique(domain, return_inverse=True)
        rows = [member == k for k in range(len(self.domains_))]
        own = [None if weights is None else weights[some] for some in rows]
        parts = [_moments(X[some], w) for some, w in zip(rows, own, strict=True)]
        self.mean_ = np.stack([mean for mean, _ in parts])
        variance = np.stack([variance for _, variance in parts])
        n = np.bincount(member)[:, None]
        pooled = variance.mean(axis=0)
        mixed = (n * variance + self.shrink * pooled) / (n + self.shrink)
        scale = np.sqrt(mixed)
        is_source = self.domains_ == source
        reference = scale[is_source] if is_source.any() else np.sqrt(pooled)[None]
        scale = np.maximum(scale, self.floor * reference)
        # What rounding leaves of a constant feature is no spread.
        tiny = 1e-9 * np.abs(self.mean_).max(axis=0, initial=1e-300)
        self.scale_ = np.where(scale > tiny, scale, 1.0)

    def transform(
        self, X: NDArray[np.floating], domain: NDArray[np.generic] | None = None
    ) -> NDArray[np.float64]:
        """Return the clips, each standardised as its dataset was when fitted.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features)
            Features.
        domain : ndarray of shape (n_clips,), optional
            Dataset of each clip; those of no known one are standardised by the means of
            mean and spread over the datasets.

        Returns
        -------
        ndarray of shape (n_clips, n_features), float64
            Features in units of their spread.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        out = (X - self.mean_.mean(axis=0)) / self.scale_.mean(axis=0)
        if domain is not None:
            for k, name in enumerate(self.domains_):
                own = domain == name
                out[own] = (X[own] - self.mean_[k]) / self.scale_[k]
        return out


def _moments(part: NDArray[np.floating], weights: Array | None) -> tuple[Array, Array]:
    """Return mean and variance of each feature of the clips of a dataset."""
    if weights is None:
        return part.mean(axis=0), part.var(axis=0)
    mean = np.average(part, axis=0, weights=weights)
    return mean, np.average((part - mean) ** 2, axis=0, weights=weights)


def check_options(name: str, floor: float, shrink: float) -> None:
    """Raise `ConfigError` unless these can be options of the method `name`."""
    if not 0 <= floor <= 1 or shrink < 0:
        raise ConfigError(
            f"'{name}' needs a 'floor' from 0 to 1 and a 'shrink' of 0 or more, "
            f"got {floor:g} and {shrink:g}."
        )
