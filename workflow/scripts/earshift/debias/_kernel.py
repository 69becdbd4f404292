"""What methods in the space of a kernel share: map the clips, then correct them."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils.validation import check_is_fitted, validate_data

from earshift import kernels
from earshift.debias._directions import DirectionRemover, Found
from earshift.errors import ConfigError, did_you_mean

#: Bytes of mapped clips that a process keeps for the next method.
MAX_KEPT = 1 << 29

_kept: OrderedDict[bytes, NDArray[np.floating]] = OrderedDict()


class KernelMethod(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Map clips to random features of a Gaussian kernel; a child corrects them there.

    A child's `_remover` returns the method that is fitted to the mapped clips, or None.
    """

    def __init__(
        self, *, map: str = "fastfood", n_components: int = 4, seed: int = 42
    ) -> None:
        self.map = map
        self.n_components = n_components
        self.seed = seed

    def fit(
        self,
        X: NDArray[np.floating],
        domain: NDArray[np.generic] | None = None,
        y: NDArray[np.generic] | None = None,
        subgroup: NDArray[np.generic] | None = None,
    ) -> Self:
        """Find the width of the kernel, draw the map, fit the correction.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features)
            Clip features of the training clips, best standardised.
        domain : ndarray of shape (n_clips,)
            Domain (dataset) of each clip.
        y : ndarray of shape (n_clips,), optional
            Not looked at.
        subgroup : ndarray of shape (n_clips,), optional
            Subgroup of each clip, None where unknown.

        Returns
        -------
        KernelMethod
            This estimator, fitted.
        """
        X = validate_data(self, X, dtype=(np.float64, np.float32))
        kind = kernels.MAPS[self.map]
        self.map_ = kind(n_components=self.n_components, random_state=self.seed).fit(X)
        self._n_features_out = self.map_._n_features_out
        self.remover_ = self._remover()
        if self.remover_ is not None and domain is not None:
            self.remover_.fit(self._mapped(X), domain, y, subgroup)
        return self

    def _remover(self) -> DirectionRemover | None:
        """Return the method that corrects mapped clips, not fitted."""
        return None

    @property
    def found_(self) -> list[Found]:
        """The vectors that were found between domains, in the space of the map."""
        return [] if self.remover_ is None else self.remover_.found_

    @property
    def skipped_(self) -> list[Found]:
        """Subgroups of too few clips to find any."""
        return [] if self.remover_ is None else self.remover_.skipped_

    def transform(self, X: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return `X`, shape (n_clips, n_features), mapped and corrected.

        Returns
        -------
        ndarray of shape (n_clips, 2 * n_frequencies)
            Random features of the kernel.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        mapped = self._mapped(X)
        return mapped if self.remover_ is None else self.remover_.transform(mapped)

    def _mapped(self, X: NDArray[np.floating]) -> NDArray[np.floating]:
        """Map clips, or return what was kept: several methods map the same clips."""
        settings = (self.map, self.n_components, self.seed, self.map_.sigma_)
        digest = hashlib.blake2b(repr((settings, X.shape, X.dtype.str)).encode())
        digest.update(np.ascontiguousarray(X).data)
        key = digest.digest()
        found = _kept.pop(key, None)
        if found is None:
            found = self.map_.transform(X)
            found.flags.writeable = False
        if found.nbytes <= MAX_KEPT:
            _kept[key] = found
            while sum(array.nbytes for array in _kept.values()) > MAX_KEPT:
                _kept.popitem(last=False)
        return found


def check_map(map: str, n_components: int, seed: int) -> None:
    """Raise `ConfigError` unless these can be options of a kernel's map."""
    if map not in kernels.MAPS:
        raise ConfigError(f"there is no map '{map}' {did_you_mean(map, kernels.MAPS)}")
    for name, value, least in (("n_components", n_components, 1), ("seed", seed, 0)):
        if not isinstance(value, int) or value < least:
            raise ConfigError(f"{name} is a number from {least} on, got {value!r}.")
