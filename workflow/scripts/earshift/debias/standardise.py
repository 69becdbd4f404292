"""Give every feature the same mean and spread in each dataset."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from earshift.errors import ConfigError

version = 1
access = "target_unlabelled"


class Standardise(TransformerMixin, BaseEstimator):
    """Standardise each feature by the clips of its own dataset.

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

    Notes
    -----
    It needs clips of the tested dataset, but none of their labels. If the datasets
    differ in how common classes are, their means differ for this reason too, and what
    is taken away is in part class.
    """

    def __init__(self, floor: float = 0.1, shrink: float = 0.0) -> None:
        self.floor = floor
        self.shrink = shrink

    def fit(
        self,
        X: NDArray[np.floating],
        domain: NDArray[np.generic],
        y: NDArray[np.generic] | None = None,
        subgroup: NDArray[np.generic] | None = None,
        *,
        source: str | None = None,
    ) -> Self:
        """Learn mean and spread of each dataset.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features)
            Features.
        domain : ndarray of shape (n_clips,)
            Dataset of each clip.
        y, subgroup : None
            Not used.
        source : str, optional
            The dataset whose spread the floor is a share of; without, that is the mean
            spread of the datasets.

        Returns
        -------
        Standardise
            Itself.
        """
        del y, subgroup
        X, domain = validate_data(self, X, domain, dtype=np.float64)
        self.domains_, member = np.unique(domain, return_inverse=True)
        parts = [X[member == k] for k in range(len(self.domains_))]
        self.mean_ = np.stack([part.mean(axis=0) for part in parts])
        variance = np.stack([part.var(axis=0) for part in parts])
        n = np.bincount(member)[:, None]
        pooled = variance.mean(axis=0)
        own = (n * variance + self.shrink * pooled) / (n + self.shrink)
        scale = np.sqrt(own)
        is_source = self.domains_ == source
        reference = scale[is_source] if is_source.any() else np.sqrt(pooled)[None]
        scale = np.maximum(scale, self.floor * reference)
        # What rounding leaves of a constant feature is no spread.
        tiny = 1e-9 * np.abs(self.mean_).max(axis=0, initial=1e-300)
        self.scale_ = np.where(scale > tiny, scale, 1.0)
        return self

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


def make(*, floor: float = 0.1, shrink: float = 0.0) -> Standardise:
    """Return the method.

    Parameters
    ----------
    floor, shrink : float
        As of `Standardise`; both 0 or more, and `floor` at most 1.
    """
    if not 0 <= floor <= 1 or shrink < 0:
        raise ConfigError(
            f"'standardise' needs a 'floor' from 0 to 1 and a 'shrink' of 0 or more, "
            f"got {floor:g} and {shrink:g}."
        )
    return Standardise(floor, shrink)
