"""Control: clips have the features of others of the same dataset, of any class.

Which dataset a clip is of stays, what classes are is lost.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from earshift.debias._controls import Control, check_seed, shuffled

version = 1
access = "oracle"
control = True


class ShuffleWithinDomain(Control):
    """Permute the features of clips among those of the same dataset.

    Given its dataset, the features of a clip then say nothing of its classes.

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
        """Return the rows of `X`, each moved to a clip of the same dataset."""
        del labels
        _, group = np.unique(domain, return_inverse=True)
        return shuffled(X, group, rng)


def make(*, seed: int = 42) -> ShuffleWithinDomain:
    """Return the control; the option as in `ShuffleWithinDomain`."""
    check_seed(seed)
    return ShuffleWithinDomain(seed=seed)
