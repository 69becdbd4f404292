"""Random features whose inner products approximate a Gaussian kernel.

The kernel is ``exp(-|x - y|^2 / (2 sigma^2))``. A map draws n random frequencies and
returns their cosines and sines, so that a linear method on its 2 n features is a kernel
method on the clips.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import hadamard
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.metrics import pairwise_distances
from sklearn.utils.validation import check_is_fitted, validate_data

Floats = NDArray[np.floating]

#: Clips mapped at a time: what is needed beside the result stays small.
BLOCK = 512

#: Clips at most whose distances give a width by themselves: 32 MB of distances.
MAX_CLIPS = 2000

#: Largest Hadamard matrix that is multiplied with as a whole.
_FACTOR = 128


class _RandomMap(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator, ABC):
    """Base of maps to cosines and sines of random frequencies.

    A child's `_draw` draws its frequencies and returns how many there are; `_project`
    returns the products of clips and frequencies.
    """

    def __init__(
        self,
        *,
        sigma: float | None = None,
        n_components: int = 4,
        random_state: int = 42,
    ) -> None:
        self.sigma = sigma
        self.n_components = n_components
        self.random_state = random_state

    def fit(self, X: Floats, y: object = None) -> Self:
        """Draw the frequencies for clips like `X`.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features)
            Clip features; they decide the width if `sigma` is None.
        y : object, optional
            Not looked at.

        Returns
        -------
        _RandomMap
            This estimator, fitted.
        """
        del y
        X = validate_data(self, X, dtype=(np.float64, np.float32))
        width = self.sigma
        if width is None:
            step = -(-len(X) // MAX_CLIPS)
            width = median_distance(X[::step])
        # Clips that are all alike have no width; any does.
        self.sigma_ = float(width) or 1.0
        rng = np.random.RandomState(self.random_state)
        self._n_features_out = 2 * self._draw(rng, X.shape[1])
        return self

    @abstractmethod
    def _draw(self, rng: np.random.RandomState, n_features: int) -> int:
        """Draw the frequencies; return their number."""

    @abstractmethod
    def _project(self, X: Floats) -> Floats:
        """Return clips times frequencies, shape (n_clips, n_frequencies)."""

    def transform(self, X: Floats) -> Floats:
        """Map clips.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features)
            Clip features.

        Returns
        -------
        ndarray of shape (n_clips, 2 * n_frequencies)
            Cosines, then sines; each row has length one.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        n = self._n_features_out // 2
        out = np.empty((len(X), 2 * n), X.dtype)
        for start in range(0, len(X), BLOCK):
            rows = slice(start, start + BLOCK)
            angles = self._project(X[rows])
            np.cos(angles, out=out[rows, :n])
            np.sin(angles, out=out[rows, n:])
        out *= 1 / np.sqrt(n)
        return out


class Fastfood(_RandomMap):
    """Map clips to random features of a Gaussian kernel in log-linear time.

    Frequencies are a stack of products ``S H G P H B / (sigma sqrt(d))`` of the
    Walsh-Hadamard matrix H, random signs B, a random permutation P, normal numbers G
    and lengths S from the chi distribution; clips are padded with zeros to a power of
    two, d.

    Parameters
    ----------
    sigma : float, optional
        Width of the kernel, in the unit of the features; by default the median distance
        of the clips it is fitted on (of at most `MAX_CLIPS` of them, evenly spaced).
    n_components : int, default=4
        Frequencies per feature; the number is rounded up to a multiple of d.
    random_state : int, default=42
        Seed of the frequencies.
    aliased : bool, default=False
        Permute as the published code of the ISMIR 2023 study does where its library
        reads and writes one array: an entry that was overwritten is read anew, so that
        P is no permutation and frequencies repeat.

    Attributes
    ----------
    sigma_ : float
        Width of the kernel.

    References
    ----------
    Le, Sarlos, Smola (2013), "Fastfood: approximating kernel expansions in loglinear
    time", ICML.
    """

    def __init__(
        self,
        *,
        sigma: float | None = None,
        n_components: int = 4,
        random_state: int = 42,
        aliased: bool = False,
    ) -> None:
        super().__init__(
            sigma=sigma, n_components=n_components, random_state=random_state
        )
        self.aliased = aliased

    def _draw(self, rng: np.random.RandomState, n_features: int) -> int:
        d = 1 << (n_features - 1).bit_length()
        n_stacks = -(-self.n_components * n_features // d)
        shape = (n_stacks, d)
        # In the order of the published code, so that a seed gives its numbers.
        self.scale_ = rng.normal(size=shape)
        self.signs_ = rng.choice([-1.0, 1.0], size=shape)
        order = [i * d + rng.permutation(d) for i in range(n_stacks)]
        self.order_ = np.concatenate(order)
        if self.aliased:
            self.order_ = _read_while_written(self.order_)
        lengths = np.sqrt(rng.chisquare(d, size=shape))
        self.lengths_ = lengths / np.linalg.norm(self.scale_, axis=1, keepdims=True)
        return n_stacks * d

    def _project(self, X: Floats) -> Floats:
        n_stacks, d = self.scale_.shape
        padded = np.zeros((len(X), 1, d), X.dtype)
        padded[:, 0, : X.shape[1]] = X
        V = walsh_hadamard(padded * self.signs_.astype(X.dtype))
        V = V.reshape(len(X), -1)[:, self.order_].reshape(len(X), n_stacks, d)
        V = walsh_hadamard(V * self.scale_.astype(X.dtype))
        V *= (self.lengths_ / (self.sigma_ * np.sqrt(d))).astype(X.dtype)
        return V.reshape(len(X), -1)


class RandomFourier(_RandomMap):
    """Map clips to random features of a Gaussian kernel, by a matrix of normal numbers.

    Parameters
    ----------
    sigma, n_components, random_state
        As in `Fastfood`; there is no rounding.

    Attributes
    ----------
    sigma_ : float
        Width of the kernel.
    frequencies_ : ndarray of shape (n_frequencies, n_features)
        Rows from a normal distribution of standard deviation ``1 / sigma_``.

    References
    ----------
    Rahimi, Recht (2007), "Random features for large-scale kernel machines", NIPS.
    """

    def _draw(self, rng: np.random.RandomState, n_features: int) -> int:
        shape = (self.n_components * n_features, n_features)
        self.frequencies_ = rng.normal(size=shape) / self.sigma_
        return shape[0]

    def _project(self, X: Floats) -> Floats:
        return X @ self.frequencies_.astype(X.dtype).T


#: Name in the config -> class.
MAPS = {"fastfood": Fastfood, "random_fourier": RandomFourier}


def median_distance(X: Floats) -> float:
    """Return the median Euclidean distance of all ordered pairs of clips.

    Parameters
    ----------
    X : ndarray of shape (n_clips, n_features)
        Clip features.

    Returns
    -------
    float
        In the unit of the features. A clip and itself are a pair, too, as in the
        published code of the ISMIR 2023 study.
    """
    return float(np.median(pairwise_distances(X, metric="l2")))


def walsh_hadamard(X: Floats) -> Floats:
    """Return the Walsh-Hadamard transform along the last axis, without scaling.

    Parameters
    ----------
    X : ndarray of shape (..., d)
        d is a power of two.

    Returns
    -------
    ndarray of shape (..., d)
        In natural (Hadamard) order.
    """
    shape = X.shape
    right = 1
    while right < shape[-1]:
        # The matrix is a Kronecker power: transform by one factor after another.
        factor = min(_FACTOR, shape[-1] // right)
        H = _hadamard(factor).astype(X.dtype, copy=False)
        if right == 1:
            X = X.reshape(-1, factor) @ H
        else:
            X = H @ X.reshape(-1, factor, right)
        right *= factor
    return X.reshape(shape)


@lru_cache(maxsize=16)
def _hadamard(d: int) -> NDArray[np.float64]:
    return hadamard(d, dtype=float)


def _read_while_written(order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return what `order` amounts to if entries are moved in place, one by one."""
    held = list(range(len(order)))
    for j, i in enumerate(order.tolist()):
        held[j] = held[i]
    return np.array(held)
