"""Which of the clips that may train a class do so: all, as many as elsewhere, a part.

Classifiers of two datasets differ in what they saw and in how much. All samples are of
the clips that do not test, are drawn by recording, and are nested: those of a smaller
share are among those of a larger one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earshift.evaluation import domains
from earshift.evaluation.domains import PRESENT, Domain
from earshift.numerics import inference
from earshift.numerics.grouped_folds import hashed

Mask = NDArray[np.bool_]

#: All clips that may train.
ALL = "all"
#: As many clips with the class, and as many without, as each of two datasets has.
EQUAL = "equal"
#: Shares of the recordings, for learning curves; `ALL` is the last point of them.
SHARES: Mapping[str, float] = {"1/8": 1 / 8, "1/4": 1 / 4, "1/2": 1 / 2}
#: A dataset's own halves, drawn by recording: the one of a tested clip, and the other.
#: Whoever trains on one and tests on the other meets no other dataset.
SAME_HALF, OTHER_HALF = "same half", "other half"


@dataclass(frozen=True)
class Sample:
    """Clips of a dataset that train a class.

    Parameters
    ----------
    name : str
        `ALL`, `EQUAL`, one of `SHARES`, `SAME_HALF` or `OTHER_HALF`.
    partner : str
        The dataset that this one is compared with; empty where there are others.
    clips : ndarray of shape (n_clips,), bool
        Which train.
    tests : mapping of int to ndarray of shape (n_clips,), bool
        Number of a dataset -> which of its clips are scored.
    """

    name: str
    partner: str
    clips: Mask
    tests: Mapping[int, Mask]


class Sampler:
    """Draws the samples of one dataset in one fold.

    Parameters
    ----------
    all_domains : sequence of Domain
        The datasets.
    train, tested : sequence of ndarray of shape (n_clips,), bool
        Clips of each that may train, and that are tested.
    i : int
        Number of the dataset that trains.
    targets : sequence of int
        Numbers of the datasets whose clips are scored.
    plain : bool
        Whether shares and halves are drawn, too. They tell of datasets, not of
        corrections.
    seed, repeat : int
        Of the draws; they do not depend on the fold, nor on the class.
    """

    def __init__(
        self,
        all_domains: Sequence[Domain],
        train: Sequence[Mask],
        tested: Sequence[Mask],
        i: int,
        *,
        targets: Sequence[int],
        plain: bool,
        seed: int,
        repeat: int,
    ) -> None:
        self.domains, self.train, self.tested = all_domains, train, tested
        self.i, self.targets, self.plain = i, targets, plain
        own = all_domains[i]
        names, member = np.unique(own.recording, return_inverse=True)
        rng = domains.generator(seed, repeat, 0, "samples", own.draws)
        self.place = hashed(names, rng.bytes(16))[member]
        self.first = halves(own, rng.bytes(16)) if plain else None

    def of_class(self, c: int) -> Iterator[Sample]:
        """Yield the samples that train class `c`, `ALL` first.

        Parameters
        ----------
        c : int
            Number of the class.

        Yields
        ------
        Sample
            Clips whose label is unknown are in none, and not tested.
        """
        i = self.i
        present = [d.labels[:, c] == PRESENT for d in self.domains]
        labelled = [d.labels[:, c] >= 0 for d in self.domains]
        known = [t & k for t, k in zip(self.train, labelled, strict=True)]
        tests = {j: self.tested[j] & labelled[j] for j in self.targets}
        others = [j for j in range(len(self.domains)) if j != i]
        partner = self.domains[others[0]].name if len(others) == 1 else ""
        yield Sample(ALL, partner, known[i], tests)
        for j in others:
            sides = [(known[k], present[k]) for k in (i, j)]
            clips = equal(sides, self.place)
            both = {k: tests[k] for k in (i, j) if k in tests}
            yield Sample(EQUAL, self.domains[j].name, clips, both)
        if not self.plain:
            return
        for name, part in SHARES.items():
            yield Sample(name, partner, share(known[i], self.place, part), tests)
        if self.first is None or i not in tests:
            return
        for first in (self.first, ~self.first):
            sides = [(known[i] & half, present[i]) for half in (first, ~first)]
            clips = equal(sides, self.place)
            yield Sample(SAME_HALF, partner, clips, {i: tests[i] & first})
            yield Sample(OTHER_HALF, partner, clips, {i: tests[i] & ~first})


def equal(sides: Sequence[tuple[Mask, Mask]], place: NDArray[np.float64]) -> Mask:
    """Return as many clips of the first of two sides as both have.

    Parameters
    ----------
    sides : sequence of (ndarray, ndarray), each of shape (n_clips,), bool
        Clips that may train a class, and clips that have it; of the first side, then of
        the second, which may be of another dataset.
    place : ndarray of shape (n_clips,), float64
        Place of the recording of each clip of the first side.

    Returns
    -------
    ndarray of shape (n_clips,), bool
        Those of the first recordings, until there are as many with the class as on the
        side that has fewer, and likewise without. Of the last recording a part may be
        missing.
    """
    known, present = sides[0]
    chosen = np.zeros_like(known)
    for has in (True, False):
        n = min(int((k & (p == has)).sum()) for k, p in sides)
        clips = np.flatnonzero(known & (present == has))
        chosen[clips[np.argsort(place[clips], kind="stable")[:n]]] = True
    return chosen


def share(known: Mask, place: NDArray[np.float64], part: float) -> Mask:
    """Return the clips of a share of the recordings that may train.

    Parameters
    ----------
    known : ndarray of shape (n_clips,), bool
        Clips that may train.
    place : ndarray of shape (n_clips,), float64
        Place of the recording of each clip.
    part : float
        Share of the recordings, in (0, 1].

    Returns
    -------
    ndarray of shape (n_clips,), bool
        Clips of the first ``ceil(part * n)`` of the n recordings.
    """
    places = np.unique(place[known])
    n = int(np.ceil(part * len(places) - 1e-9))
    return known & np.isin(place, places[:n])


def halves(domain: Domain, key: bytes) -> Mask:
    """Return which clips are of the first of two halves of the recordings.

    Each stratum of recordings (`Domain.strata`) is halved, so that no class is in one
    half alone.

    Parameters
    ----------
    domain : Domain
        The dataset.
    key : bytes
        Of the draw.

    Returns
    -------
    ndarray of shape (n_clips,), bool
        True in the first half.
    """
    names, member = np.unique(domain.recording, return_inverse=True)
    strata = domain.strata
    order = np.lexsort(
        (hashed(names, key), np.array([strata[n] for n in names.tolist()], str))
    )
    first = np.empty(len(names), bool)
    first[order] = np.arange(len(names)) % 2 == 0
    return np.asarray(first[member])


def redrawn(domain: Domain, seed: int, number: int) -> NDArray[np.int64]:
    """Return how often each clip is there when its recordings are drawn anew.

    Parameters
    ----------
    domain : Domain
        The dataset.
    seed : int
        Of the experiment.
    number : int
        Of the refit. Where there are repeats, refits 2k and 2k + 1, which are of two
        of them, have the same draw: what they have in common is due to the draw.

    Returns
    -------
    ndarray of shape (n_clips,), int64
        The same for all methods, classes and folds.
    """
    draw = number // 2 if len(domain.folds) > 1 else number
    rng = domains.generator(seed, draw, 0, "drawn anew", domain.draws)
    counts, _ = inference.redrawn(domain.recording, 1, rng, domain.strata)
    return counts[:, 0]
