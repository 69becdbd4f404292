"""Stage 6, discrepancy: how far apart datasets are, before and after each method.

A measure plugin, one file, defines

``version``
    An integer that is raised whenever its numbers change.
``label``, ``direction``, ``chance``
    Name in figures; ``"higher"`` if a higher value means more bias; the value expected
    of two draws from one dataset.
``measure(X_a, X_b, recordings_a, recordings_b, rng)``
    Return a `Measurement` of two sets of clip features, shape (n_clips, n_features).

Each measure looks at *held-out* clips: a method is fitted on half of the recordings and
measured on the other half, so that it cannot look good by having memorised the clips.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Measurement:
    """How far apart two sets of clips are.

    Parameters
    ----------
    scores : ndarray of shape (n_a + n_b,), float64
        A score of each clip, first those of `a`; the higher, the more it looks like
        `b`. The value of the measure is the probability that a clip of `b` scores above
        one of `a`, within `folds`.
    folds : ndarray of shape (n_a + n_b,), int64
        Scores are comparable within a fold only. Clips that were left out have the fold
        -1; the scores of all others are finite.
    """

    scores: NDArray[np.float64]
    folds: NDArray[np.int64]
