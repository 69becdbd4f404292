"""Remove the differences between the domain means."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from earshift.debias._directions import DirectionRemover, Found, found

version = 1
access = "target_unlabelled"


class MeanProjection(DirectionRemover):
    """Project clip features off the span of the domain means.

    With K domains whose means are m_1 ... m_K and grand mean m, the centred means
    m_k - m span at most K - 1 directions. `transform` subtracts each clip's component
    along them, so that on the clips it was fitted to all domains share one mean, and a
    least-squares classifier of the domain can do no better than guess its frequency.

    Attributes
    ----------
    directions_ : ndarray of shape (n_directions, n_features)
        Orthonormal rows, strongest first; n_directions <= n_domains - 1.
    mean_ : ndarray of shape (n_features,)
        Unweighted mean of the domain means, in embedding units.

    Notes
    -----
    Domains count equally, however many clips each has. Only first moments are matched:
    a quadratic classifier may still separate the domains.

    References
    ----------
    Belrose et al. (2023), "LEACE: Perfect linear concept erasure in closed form",
    arXiv:2306.03819, for equal means as the condition for linear guardedness. This is
    the orthogonal variant, without whitening.
    """

    def _find(
        self,
        X: NDArray[np.floating],
        domain: NDArray[np.generic],
        means: NDArray[np.floating],
        subgroup: NDArray[np.generic] | None,
    ) -> list[Found]:
        del X, subgroup
        return found(means, domain)


def make() -> MeanProjection:
    """Return the method; it has no options."""
    return MeanProjection()
