"""Remove the discriminant direction of the domains within each subgroup (mLDA)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from earshift.debias._directions import DirectionRemover, Found, found, found_in
from earshift.debias.lda import check_shrinkage, discriminants
from earshift.errors import ConfigError

version = 1
access = "target_unlabelled"
needs_subgroups = True


class MultiLDA(DirectionRemover):
    """Project clip features off one discriminant direction of the domains per subgroup.

    In each subgroup (genre) that every domain has enough clips of, the discriminant of
    the domains is found as in `LDA`; `transform` removes the span of all of them.

    Parameters
    ----------
    shrinkage : float in [0, 1] or "auto", default="auto"
        As in `LDA`.
    min_clips : int, default=5
        Clips that a subgroup needs in each domain; one with fewer is left out, since
        its discriminant would be a class mean or noise.

    Attributes
    ----------
    directions_ : ndarray of shape (n_directions, n_features)
        Orthonormal rows, strongest first; at most one per subgroup for two domains.
    mean_ : ndarray of shape (n_features,)
        Unweighted mean of the domain means, in embedding units.
    subgroups_ : list of str
        The subgroups that gave a direction.
    found_ : list of Found
        The discriminants, as they were found.
    skipped_ : list of Found
        Subgroups that had too few clips in some domain; their vectors are empty.

    Notes
    -----
    Clips without a subgroup (None) give no direction but are transformed like others.
    Where no subgroup has enough clips in each domain, all clips count as one subgroup
    and the method is `LDA`; `subgroups_` is then empty.
    The note on `LDA` holds here too.

    References
    ----------
    Wang, Richard, McFee (2023), "Transfer learning and bias correction with
    pre-trained audio embeddings", ISMIR, section 3.3.
    """

    def __init__(self, *, shrinkage: float | str = "auto", min_clips: int = 5) -> None:
        self.shrinkage = shrinkage
        self.min_clips = min_clips

    _keep_lengths = False

    def _find(
        self,
        X: NDArray[np.floating],
        domain: NDArray[np.generic],
        means: NDArray[np.floating],
        subgroup: NDArray[np.generic] | None,
    ) -> list[Found]:
        del means
        self.subgroups_: list[str] = []
        names = np.unique(domain)
        rows: list[Found] = []
        known = [] if subgroup is None else [str(g) for g in subgroup if g is not None]
        for group in sorted(set(known)):
            own = subgroup == group
            if min(np.sum(own & (domain == name)) for name in names) < self.min_clips:
                self.skipped_.append(found_in(domain[own], group))
                continue
            self.subgroups_.append(group)
            new = discriminants(X[own], domain[own], self.shrinkage)
            rows += found(new, domain[own], group)
        return rows or found(discriminants(X, domain, self.shrinkage), domain)


def check_min_clips(min_clips: int) -> None:
    """Raise `ConfigError` unless `min_clips` is a number from 2 on."""
    if not isinstance(min_clips, int) or min_clips < 2:
        raise ConfigError(f"min_clips is a number from 2 on, got {min_clips!r}.")


def make(*, shrinkage: float | str = "auto", min_clips: int = 5) -> MultiLDA:
    """Return the method; options as in `MultiLDA`."""
    check_shrinkage(shrinkage)
    check_min_clips(min_clips)
    return MultiLDA(shrinkage=shrinkage, min_clips=min_clips)
