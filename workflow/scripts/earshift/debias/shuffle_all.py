"""Control: clips have the features of any others; classes and datasets are lost."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from earshift.debias._controls import Control, check_seed, shuffled

version = 1
access = "oracle"
control = True


class ShuffleAll(Control):
    """Permute the features of all clips.

    They then say nothing of the clips, and every metric shows what chance gives.

    Parameters
    ----------
    seed : int, default=42
        Of the permutations, which are the same for all classes.

    References
    ----------
    As of `ShuffleWithinClass`.
    """

    def replace(
        self,
        X: NDArray[np.float64],
        domain: NDArray[np.str_],
        labels: NDArray[np.int8],
        rng: np.random.Generator,
    ) -> NDArray[np.float64]:
        """Return the rows of `X`, each moved to any clip."""
        del domain, labels
        return shuffled(X, np.zeros(len(X), np.int64), rng)


def make(*, seed: int = 42) -> ShuffleAll:
    """Return the control; the option as in `ShuffleAll`."""
    check_seed(seed)
    return ShuffleAll(seed=seed)
