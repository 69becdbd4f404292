"""Give the features of every clip the same length."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted, validate_data

from earshift.debias.none import Identity
from earshift.errors import ConfigError

version = 1
access = "none"


class LengthNormalisation(Identity):
    """Divide each clip by its length, times the root of the number of features.

    The mean square of its features is then 1. Nothing is learned: what a clip becomes
    depends on this clip alone.

    Parameters
    ----------
    power : float, default=1.0
        Each feature is first raised to this power, and keeps its sign; 0.5 makes large
        ones count less.

    Notes
    -----
    A clip that is all zeros stays so.

    References
    ----------
    Garcia-Romero, Espy-Wilson (2011), "Analysis of i-vector length normalization in
    speaker recognition systems", Interspeech, for the length. Perronnin, Sánchez,
    Mensink (2010), "Improving the Fisher kernel for large-scale image classification",
    ECCV, for the power.
    """

    def __init__(self, power: float = 1.0) -> None:
        self.power = power

    def transform(
        self, X: NDArray[np.floating], domain: NDArray[np.generic] | None = None
    ) -> NDArray[np.floating]:
        """Return `X`, shape (n_clips, n_features), each clip with the mean square 1."""
        del domain
        check_is_fitted(self)
        X = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        # So that no square overflows, or is lost.
        largest = np.abs(X).max(axis=1, keepdims=True)
        out = X / np.where(largest > 0, largest, 1)
        out = np.sign(out) * np.abs(out) ** self.power
        size = np.sqrt(np.mean(out**2, axis=1, keepdims=True))
        normalised: NDArray[np.floating] = out / np.where(size > 0, size, 1)
        return normalised


def make(*, power: float = 1.0) -> LengthNormalisation:
    """Return the method; `power` as in `LengthNormalisation`, above 0."""
    if not power > 0:
        raise ConfigError(
            f"'power' of 'length_normalisation' must be above 0, got {power!r}."
        )
    return LengthNormalisation(power)
