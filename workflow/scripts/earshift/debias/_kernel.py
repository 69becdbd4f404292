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

from earshift.debias import _calls
from earshift.debias._directions import Found
from earshift.debias.none import Identity
from earshift.errors import ConfigError, did_you_mean
from earshift.numerics.kernels import MAPS, Fastfood, RandomFourier


class KernelMethod(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Map clips to random features of a Gaussian kernel; a child corrects them there.

    A child's `remover` returns the method that is fitted to the mapped clips. The
    workflow fits the two parts by themselves (`map_and_correction`), so that one map of
    a source serves all methods and scopes.
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

    def map_and_correction(
        self,
    ) -> tuple[Fastfood | RandomFourier, TransformerMixin] | None:
        """Return `kernel` and `remover`; None for a child that does more than these."""
        own_fit = type(self).fit is not KernelMethod.fit
        if own_fit or _calls.has_own_transform(self, KernelMethod):
            return None
        return self.kernel(), self.remover()

    def fit(
        self,
        X: NDArray[np.floating],
        domain: NDArray[np.generic] | None = None,
        y: NDArray[np.generic] | None = None,
        subgroup: NDArray[np.generic] | None = None,
        *,
        source: str | None = None,
        source_clips: NDArray[np.floating] | None = None,
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
        source : str, optional
            The domain that classifiers are trained on, for the correction.
        source_clips : ndarray of shape (n_source_clips, n_features), optional
            Clips whose median distance is the width of the kernel. The workflow takes
            all training clips of the source, whatever the scope: methods with one
            source then have one kernel. By default `X`.

        Returns
        -------
        KernelMethod
            This estimator, fitted.
        """
        X = validate_data(self, X, dtype=(np.float64, np.float32))
        self.map_ = self.kernel().fit(X if source_clips is None else source_clips)
        self._n_features_out = self.map_._n_features_out
        arguments = {"domain": domain, "y": y, "subgroup": subgroup, "source": source}
        self.remover_ = _calls.fit(
            self.remover(), {"X": self.map_.transform(X), **arguments}
        )
        return self

    @property
    def found_(self) -> list[Found]:
        """The vectors that were found between domains, in the space of the map."""
        return getattr(self.remover_, "found_", [])

    @property
    def skipped_(self) -> list[Found]:
        """Subgroups of too few clips to find any."""
        return getattr(self.remover_, "skipped_", [])

    def transform(
        self, X: NDArray[np.floating], domain: NDArray[np.generic] | None = None
    ) -> NDArray[np.floating]:
        """Return `X`, shape (n_clips, n_features), mapped and corrected.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features)
            Clip features.
        domain : ndarray of shape (n_clips,), optional
            Domain of each clip, for a correction that looks at it.

        Returns
        -------
        ndarray of shape (n_clips, 2 * n_frequencies)
            Random features of the kernel.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        mapped = self.map_.transform(X)
        out: NDArray[np.floating] = _calls.transform(self.remover_, mapped, domain)
        return out


def check_map(map: str, n_components: int, seed: int) -> None:
    """Raise `ConfigError` unless these can be options of a kernel's map."""
    if map not in MAPS:
        raise ConfigError(f"there is no map '{map}' {did_you_mean(map, MAPS)}")
    for name, value, least in (("n_components", n_components, 1), ("seed", seed, 0)):
        if not isinstance(value, int) or value < least:
            raise ConfigError(f"{name} is a number from {least} on, got {value!r}.")
