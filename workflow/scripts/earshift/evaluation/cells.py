"""Clips that weigh as another dataset has their cells: classes, subgroups, or both."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from earshift.numerics import overlap

Array = NDArray[np.float64]
Codes = NDArray[np.int64]

#: Share of the target's clips whose cell the source may lack.
MAX_LACKING = 0.1

#: Weights are refused that leave a smaller effective share of the clips.
MIN_SHARE = 0.1


def weights(
    cells: tuple[Codes, Codes], draws: tuple[NDArray[np.floating], ...]
) -> Array:
    """Return weights of the source's clips by which its cells are as common as there.

    Parameters
    ----------
    cells : (ndarray of shape (n_source,), ndarray of shape (n_target,)), int64
        Cell of each clip, such as its class; -1 for one that is not known.
    draws : (ndarray, ndarray)
        How often each clip of either counts in each resample, shape
        (n_clips, 1 + n_resamples).

    Returns
    -------
    ndarray of shape (n_source, 1 + n_resamples)
        Share of the cell in the target over its share in the source, in each resample;
        0 for cells that the target lacks.
    """
    n = max(int(part.max(initial=-1)) for part in cells) + 1
    mass = []
    for own, drawn in zip(cells, draws, strict=True):
        total = np.zeros((n + 1, drawn.shape[1]))
        np.add.at(total, own, drawn.astype(np.float64))  # -1 is the last row
        mass.append(total[:n] / np.maximum(total.sum(axis=0), 1e-300))
    ratio = np.zeros((n + 1, draws[0].shape[1]))
    np.divide(mass[1], mass[0], out=ratio[:n], where=mass[0] > 0)
    found: Array = ratio[cells[0]]
    return found


def refused(cells: tuple[Codes, Codes], what: str) -> str:
    """Return why cells cannot be weighed, or an empty text if they can.

    Parameters
    ----------
    cells : (ndarray of shape (n_source,), ndarray of shape (n_target,)), int64
        As of `weights`.
    what : str
        What cells are, in the plural.

    Returns
    -------
    str
        A part of a sentence.
    """
    own, other = cells
    lacking = float(np.mean(~np.isin(other, own[own >= 0])))
    if lacking > MAX_LACKING:
        return f"the source lacks the {what} of {lacking:.0%} of the target's clips"
    once = tuple(np.ones((len(part), 1)) for part in cells)
    share = overlap.effective_size(weights(cells, once)[:, 0]) / len(own)
    if share < MIN_SHARE:
        return f"weights by {what} leave an effective {share:.0%} of the source's clips"
    return ""
