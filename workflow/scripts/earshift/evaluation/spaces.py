"""Clips of all datasets in one scale, and the products of those that train."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from earshift.numerics import classifier

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Bytes at most of products that are kept: those of 5792 clips.
MAX_PRODUCTS = 1 << 28


@dataclass
class Space:
    """Clips of all datasets, in one scale.

    Parameters
    ----------
    X : sequence of ndarray of shape (n_used, n_features), float64
        For each dataset.
    """

    X: Sequence[Array]
    _products: tuple[bytes, Array | None] = field(default=(b"", None), repr=False)

    def products(self, i: int, rows: Mask) -> Array | None:
        """Return what `classifier.products` does of rows of dataset `i`; the last stay.

        Methods ask for the same rows, and classes whose labels are all known.
        """
        key = bytes([i]) + rows.tobytes()
        if self._products[0] == key:
            return self._products[1]
        found = classifier.products(self.X[i][rows])
        if found is None or found.nbytes <= MAX_PRODUCTS:
            self._products = (key, found)
        return found
