"""Control: clips have the features of others of the same class, of any dataset.

What classes are stays, which dataset a clip is of is lost: the most that can be had of
these clips without their datasets, the ceiling of a perfect eraser.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from earshift.debias._controls import Control, check_seed, shuffled

version = 1
access = "oracle"
control = True


class ShuffleWithinClass(Control):
    """Permute the features of clips among those with the same labels.

    Given its labels, the features of a clip then say nothing of its dataset.

    Parameters
    ----------
    seed : int, default=42
        Of the permutations.

    Notes
    -----
    In stage 5 the labels are those of the class that is trained. Clips that have it are
    permuted, and clips that lack it, whatever other labels they have: what else is in
    them is mixed among the datasets, too. Clips with an unknown label neither train nor
    test, and are permuted apart. In stage 6, where there is no such class, clips are
    the same if they agree in all labels, unknown ones included. Clips of several
    classes then move among those of just these classes, and clips whose labels no other
    dataset has stay in their own: of datasets that know different labels, few move.

    It draws from all clips alike, so that what is left is closer to the larger dataset.
    A recording's clips are spread over others', also in the inner folds that choose a
    classifier's penalty.

    References
    ----------
    Luecken et al. (2025), "Defining and benchmarking open problems in single-cell
    analysis", Nature Biotechnology 43, 1035-1040, doi:10.1038/s41587-025-02694-w, for
    baselines that bound what methods can reach. The code of its task of batch
    integration (github.com/openproblems-bio/task_batch_integration) has controls that
    permute features among cells of one type, cells of one batch, and all cells.
    """

    def replace(
        self,
        X: NDArray[np.float64],
        domain: NDArray[np.str_],
        labels: NDArray[np.int8],
        rng: np.random.Generator,
    ) -> NDArray[np.float64]:
        """Return the rows of `X`, each moved to a clip with the same labels."""
        del domain
        _, group = np.unique(labels, axis=0, return_inverse=True)
        return shuffled(X, group.ravel(), rng)


def make(*, seed: int = 42) -> ShuffleWithinClass:
    """Return the control; the option as in `ShuffleWithinClass`."""
    check_seed(seed)
    return ShuffleWithinClass(seed=seed)
