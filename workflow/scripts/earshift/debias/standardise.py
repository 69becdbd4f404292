"""Give every feature the same mean and spread in each dataset."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import validate_data

from earshift.debias._per_dataset import PerDataset, check_options

version = 1
access = "target_unlabelled"


class Standardise(PerDataset):
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
        self._learn(X, domain, source)
        return self


def make(*, floor: float = 0.1, shrink: float = 0.0) -> Standardise:
    """Return the method.

    Parameters
    ----------
    floor, shrink : float
        As of `Standardise`; both 0 or more, and `floor` at most 1.
    """
    check_options("standardise", floor, shrink)
    return Standardise(floor, shrink)
