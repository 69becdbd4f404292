"""What methods in the space of a kernel share: map the clips, then correct them."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils.validation import check_is_fitted, validate_data

from earshift.debias._directions import Found
from earshift.debias.none import Identity
from earshift.errors import ConfigError, did_you_mean
from earshift.kernels import MAPS, Fastfood, RandomFourier


class KernelMethod(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Map clips to random features of a Gaussian kernel; a child corrects them there.

    A child's `remover` returns the method that is fitted to the mapped clips. The
    workflow fits `kernel` and `remover` by themselves, so that one map of a source
    serves all methods and scopes.
    """

    def __init__(
        self, *, map: str = "fastfood", n_components: int = 4, seed: int = 42
    ) -> None:
        self.map = map
        self.n_components = n_components
        self.seed = seed

    def kernel(self) -> Fastfood | RandomFourier:
        """Return the map, not fitted."""
        return MAPS[self.map](n_components=self.n_components, random_state=self.seed)

    def remover(self) -> TransformerMixin:
        """Return the method that corrects mapped clips, not fitted."""
        return Identity()

    def fit(
        self,
        X: NDArray[np.floating],
        domain: NDArray[np.generic] | None = None,
        y: NDArray[np.generic] | None = None,
        subgroup: NDArray[np.generic] | None = None,
        source: NDArray[np.floating] | None = None,
    ) -> Self:
        """Find the width of the kernel, draw the map, fit the correction.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features)
            Clip features of the training clips, best standardised.
        domain : ndarray of shape (n_clips,)
            Domain (dataset) of each clip; it does not say which of them is the source.
        y : ndarray of shape (n_clips,), optional
            Not looked at.
        subgroup : ndarray of shape (n_clips,), optional
            Subgroup of each clip, None where unknown.
        source : ndarray of shape (n_source_clips, n_features), optional
            Clips whose median distance is the width of the kernel. The workflow takes
            all training clips of the source, such as ``X[domain == "irmas"]``: methods
            with one source then have one kernel. By default `X`.

        Returns
        -------
        KernelMethod
            This estimator, fitted.
        """
        X = validate_data(self, X, dtype=(np.float64, np.float32))
        self.map_ = self.kernel().fit(X if source is None else source)
        self._n_features_out = self.map_._n_features_out
        self.remover_ = self.remover()
        self.remover_.fit(self.map_.transform(X), domain, y, subgroup)
        return self

    @property
    def found_(self) -> list[Found]:
        """The vectors that were found between domains, in the space of the map."""
        return getattr(self.remover_, "found_", [])

    @property
    def skipped_(self) -> list[Found]:
        """Subgroups of too few clips to find any."""
        return getattr(self.remover_, "skipped_", [])

    def transform(self, X: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return `X`, shape (n_clips, n_features), mapped and corrected.

        Returns
        -------
        ndarray of shape (n_clips, 2 * n_frequencies)
            Random features of the kernel.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        mapped: NDArray[np.floating] = self.remover_.transform(self.map_.transform(X))
        return mapped


def is_map_and_remover(method: TransformerMixin) -> bool:
    """Return True if a map of `kernels` and `remover` are all that a method does."""
    own = type(method)
    return (
        isinstance(method, KernelMethod)
        and own.fit is KernelMethod.fit
        and own.transform is KernelMethod.transform
        and "transform" not in vars(method)
        and type(method.kernel()) in MAPS.values()
    )


def check_map(map: str, n_components: int, seed: int) -> None:
    """Raise `ConfigError` unless these can be options of a kernel's map."""
    if map not in MAPS:
        raise ConfigError(f"there is no map '{map}' {did_you_mean(map, MAPS)}")
    for name, value, least in (("n_components", n_components, 1), ("seed", seed, 0)):
        if not isinstance(value, int) or value < least:
            raise ConfigError(f"{name} is a number from {least} on, got {value!r}.")
