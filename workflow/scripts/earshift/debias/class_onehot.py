"""Control: clips have their own labels for features; an oracle that is never wrong."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from earshift.debias._controls import Control, check_seed

version = 1
access = "oracle"
control = True

#: Half the width of the noise on labels: small beside the distance of labels, which
#: is 1, so that they never overlap, and no two clips are the same.
JITTER = 0.1


class ClassOneHot(Control):
    """Give each clip a feature for each label: 1, 0, or one half where it is unknown.

    Uniform noise is added, of at most `JITTER` either way. In stage 5 the label is that
    of the class that is trained; in stage 6 there is a feature for each class.

    Parameters
    ----------
    seed : int, default=42
        Of the noise.

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
        """Return the labels with noise, shape (n_clips, n_labels)."""
        del X, domain
        known = np.where(labels < 0, 0.5, labels)
        return known + rng.uniform(-JITTER, JITTER, labels.shape)


def make(*, seed: int = 42) -> ClassOneHot:
    """Return the control; the option as in `ClassOneHot`."""
    check_seed(seed)
    return ClassOneHot(seed=seed)
