"""Which clips stage 6 measures: held-out halves, and as many clips of each dataset."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag

from earshift.evaluation import domains
from earshift.evaluation.domains import PRESENT, Domain
from earshift.numerics.grouped_folds import assign_folds

log = logging.getLogger(__name__)

#: How often the datasets are halved. A method is fitted on one half of the recordings
#: and measured on the other, then the other way round: a probe trained on the clips
#: that a method was fitted to would call every mean-matching method perfect.
N_REPEATS = 3

#: Clips of a dataset at most that a method is fitted to, and that are measured, in each
#: half: with a thousand, an AUC is known to about 0.01, and a kernel's time grows with
#: their square.
MAX_CLIPS = 1000

#: With fewer clips of each dataset, an AUC has a standard error of more than 0.04.
USEFUL_CLIPS = 100

#: A dataset that has so small a share of what the others would allow is warned of.
FAR_FEWER = 0.5


def halve(
    all_domains: Sequence[Domain], seed: int, repeat: int
) -> list[NDArray[np.int64]]:
    """Halve the recordings of all datasets; one that two have is in one half.

    Parameters
    ----------
    all_domains : sequence of Domain
        The datasets.
    seed : int
        Of the draws.
    repeat : int
        Which halving.

    Returns
    -------
    list of ndarray of shape (n_clips,), int
        For each dataset, the half of each clip: 0 or 1.
    """
    blocks = [
        np.column_stack([d.labels == PRESENT, np.ones(len(d.labels), bool)])
        for d in all_domains
    ]
    recordings = np.concatenate([d.recording for d in all_domains])
    draws = np.random.default_rng([seed, repeat])
    half = assign_folds(block_diag(*blocks), recordings, 2, draws)
    return np.split(half, np.cumsum([len(d.recording) for d in all_domains])[:-1])


def draw_clips(
    all_domains: Sequence[Domain],
    halves: Sequence[NDArray[np.int64]],
    place: tuple[int, int, int],
    n: int,
) -> list[NDArray[np.bool_]]:
    """Draw clips of one half of each dataset, recording by recording.

    Parameters
    ----------
    all_domains : sequence of Domain
        The datasets.
    halves : sequence of ndarray
        As `halve` returns them.
    place : (int, int, int)
        Seed, number of the halving, and which half of it.
    n : int
        How many clips of each dataset, or all if there are not so many. The last
        recording may be cut.

    Returns
    -------
    list of ndarray of shape (n_clips,), bool
        Which clips of each dataset. Those of a smaller `n` are among those of a larger
        one. They depend on the dataset, not on which others there are.
    """
    out = []
    for domain, half in zip(all_domains, halves, strict=True):
        draws = domains.generator(*place, domain.name)
        clips = np.flatnonzero(half == place[-1])
        names, member = np.unique(domain.recording[clips], return_inverse=True)
        turns = draws.permutation(len(names))[member]
        order = np.lexsort((draws.permutation(len(clips)), turns))
        chosen = np.zeros(len(half), bool)
        chosen[clips[order[:n]]] = True
        out.append(chosen)
    return out


def clips_per_side(groups: Sequence[Sequence[Domain]], seed: int, what: str) -> int:
    """Return how many clips of each dataset are measured, the same for all pairs.

    What tells datasets apart finds more with more clips: values of two pairs can be
    compared only if their numbers of clips are equal.

    Parameters
    ----------
    groups : sequence of sequence of Domain
        The datasets that are halved together: those of each pair, or all.
    seed : int
        Of the halvings.
    what : str
        Name of the job in the log, which says which dataset sets the number.

    Returns
    -------
    int
        Clips of the smallest half of any dataset, `MAX_CLIPS` at most. A dataset of
        which a half is empty has no values, and does not count.
    """
    room = {domain.name: MAX_CLIPS for group in groups for domain in group}
    for group, repeat in product(groups, range(N_REPEATS)):
        halves = halve(group, seed, repeat)
        for domain, half in zip(group, halves, strict=True):
            n = int(np.bincount(half, minlength=2).min()) or MAX_CLIPS
            room[domain.name] = min(room[domain.name], n)
    smallest, *others = sorted(room, key=lambda name: room[name])
    n = room[smallest]
    if n == MAX_CLIPS:
        log.info("%s: %d clips of each dataset are measured, the most", what, n)
        return n
    log.info(
        "%s: %d clips of each dataset are measured, as many as the smaller half of "
        "'%s' has",
        *(what, n, smallest),
    )
    if others and n < FAR_FEWER * room[others[0]]:
        log.warning(
            "%s: '%s' has far fewer clips than the other datasets, and every pair is "
            "measured with as few, %d of each; without it there would be %d",
            *(what, smallest, n, room[others[0]]),
        )
    if n < USEFUL_CLIPS:
        log.warning(
            "%s: with %d clips of each dataset (fewer than %d), only large differences "
            "are detected",
            *(what, n, USEFUL_CLIPS),
        )
    return n
