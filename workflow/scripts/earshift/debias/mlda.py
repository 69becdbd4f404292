"""Remove the discriminant direction of the domains within each subgroup (mLDA)."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray

from earshift.debias._directions import (
    DirectionRemover,
    domain_means,
    orthonormal_rows,
)
from earshift.debias.lda import discriminants
from earshift.errors import DataError

version = 1
access = "target_unlabelled"


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
    skipped_ : list of str
        Those that had too few clips in some domain.

    Notes
    -----
    Clips without a subgroup (None) give no direction but are transformed like others.
    The note on `LDA` holds here too.

    References
    ----------
    Wang, Richard, McFee (2023), "Transfer learning and bias correction with
    pre-trained audio embeddings", ISMIR, section 3.3.
    """

    def __init__(self, *, shrinkage: float | str = "auto", min_clips: int = 5) -> None:
        self.shrinkage = shrinkage
        self.min_clips = min_clips

    def fit(
        self,
        X: NDArray[np.floating],
        domain: NDArray[np.generic],
        y: NDArray[np.generic] | None = None,
        subgroup: NDArray[np.generic] | None = None,
    ) -> Self:
        """Find the discriminant direction of each subgroup.

        Parameters
        ----------
        X : ndarray of shape (n_clips, n_features)
            Clip features of the training folds of all domains, in embedding units.
        domain : ndarray of shape (n_clips,)
            Domain (dataset) of each clip.
        y : ndarray of shape (n_clips,), optional
            Not looked at.
        subgroup : ndarray of shape (n_clips,), optional
            Subgroup of each clip, None where unknown. Without it all clips are one
            subgroup, and the method is `LDA`.

        Returns
        -------
        MultiLDA
            This estimator, fitted.

        Raises
        ------
        DataError
            If there are fewer than two domains, or no subgroup has `min_clips` clips in
            each of them.
        """
        del y
        X, domain, names = self._validate(X, domain)
        if subgroup is None:
            subgroup = np.full(len(X), "all", dtype=object)
            groups = ["all"]
        else:
            groups = sorted({str(g) for g in subgroup if g is not None})
        self.mean_ = domain_means(X, domain, names).mean(axis=0)
        self.subgroups_, self.skipped_ = [], []
        rows = []
        for group in groups:
            own = subgroup == group
            counts = [int(np.sum(own & (domain == name))) for name in names]
            if groups != ["all"] and min(counts) < self.min_clips:
                self.skipped_.append(group)
                continue
            self.subgroups_.append(group)
            rows.append(discriminants(X[own], domain[own], self.shrinkage))
        if not rows:
            raise DataError(
                f"MultiLDA needs a subgroup with {self.min_clips} clips in each of the "
                f"domains {', '.join(map(str, names))}; none of {groups} has. Lower "
                "'min_clips', map more clips to shared subgroups, or use LDA."
            )
        self.directions_ = orthonormal_rows(np.concatenate(rows))
        return self


def make(*, shrinkage: float | str = "auto", min_clips: int = 5) -> MultiLDA:
    """Return the method; options as in `MultiLDA`."""
    return MultiLDA(shrinkage=shrinkage, min_clips=min_clips)
