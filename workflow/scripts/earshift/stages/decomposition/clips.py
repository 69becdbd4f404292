"""The clips of two datasets, their folds and kinds, as a decomposition takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift.errors import DataError
from earshift.evaluation.domains import ABSENT, PRESENT, Domain
from earshift.numerics.grouped_folds import assign_folds

Codes = NDArray[np.int64]
Pair = tuple[Domain, Domain]


class NoClassError(DataError):
    """No class can be trained and tested in both datasets."""


@dataclass(frozen=True)
class Clips:
    """Source and target.

    Parameters
    ----------
    domains : dict of str to (Domain, Domain)
        Source and target with the features that each method gets; they differ in
        nothing else.
    classes : list of str
        Names of the columns of labels.
    left_out : dict of str to str
        Class that has too few recordings -> why.
    kinds, cells : (ndarray, ndarray), each of shape (n_clips,), int64
        Of the clips of source and target the kind, and kind and subgroup together; -1
        where that is not known.
    no_subgroups : str
        Why there are no cells; empty if there are.
    """

    domains: dict[str, Pair]
    classes: list[str]
    left_out: dict[str, str]
    kinds: tuple[Codes, Codes]
    cells: tuple[Codes, Codes]
    no_subgroups: str

    @property
    def pair(self) -> Pair:
        """Return source and target, with the features of the first method."""
        return next(iter(self.domains.values()))


def clips_of(
    domains: Mapping[str, Pair],
    classes: Sequence[str],
    *,
    n_folds: int,
    n_repeats: int,
    seed: int,
) -> Clips:
    """Return the clips of both datasets with the classes that can be trained.

    Parameters
    ----------
    domains : mapping of str to (Domain, Domain)
        Source and target with the features of each method; all are of the same clips.
    classes : sequence of str
        Names of the columns of labels.
    n_folds, n_repeats, seed : int
        Of the folds that are drawn, where those of the datasets do not test each clip
        in each repeat (`has_folds`).

    Raises
    ------
    NoClassError
        If no class can be trained and tested.
    """
    pair = next(iter(domains.values()))
    if has_folds(pair):
        n_folds = pair[0].left_out.shape[1]
    kept, left_out = _trainable(pair, classes, n_folds)
    columns = [classes.index(name) for name in kept]
    chosen = {
        name: tuple(replace(own, labels=own.labels[:, columns]) for own in given)
        for name, given in domains.items()
    }
    if not has_folds(pair):
        folds = _folds(next(iter(chosen.values())), n_folds, n_repeats, seed)
        chosen = {
            name: tuple(map(_in_folds, own, folds)) for name, own in chosen.items()
        }
    kinds = _kinds(pair)
    cells, reason = _cells(kinds, pair)
    return Clips(chosen, kept, left_out, kinds, cells, reason)  # type: ignore[arg-type]


def has_folds(pair: Pair) -> bool:
    """Return whether the folds of both datasets test each clip in each repeat.

    Official splits may have clips that only train.
    """
    return all(bool((domain.folds >= 0).all()) for domain in pair)


def in_common(domains: Mapping[str, Pair]) -> dict[str, Pair]:
    """Return the same pairs, of those clips that all methods have.

    Clips that could not be embedded may differ between fronts.
    """
    sides = [[pair[k] for pair in domains.values()] for k in (0, 1)]
    shared = [set.intersection(*({*d.clip_id} for d in side)) for side in sides]
    return {
        name: tuple(map(_only, pair, shared))  # type: ignore[misc]
        for name, pair in domains.items()
    }


def _only(domain: Domain, clips: set[str]) -> Domain:
    here = np.array([name in clips for name in domain.clip_id], bool)
    if here.all():
        return domain
    return replace(
        domain,
        X=domain.X[here],
        clip_id=domain.clip_id[here],
        recording=domain.recording[here],
        subgroup=domain.subgroup[here],
        labels=domain.labels[here],
        folds=domain.folds[:, here],
        left_out=domain.left_out[:, :, here],
    )


def _trainable(
    pair: Pair, names: Sequence[str], n_folds: int
) -> tuple[list[str], dict[str, str]]:
    """Return the classes that have enough recordings, and why others have not."""
    kept, left_out = [], {}
    for c, name in enumerate(names):
        if not any((domain.labels[:, c] == PRESENT).any() for domain in pair):
            continue  # a class of other datasets
        fewest = min(
            len(np.unique(domain.recording[domain.labels[:, c] == code]))
            for domain in pair
            for code in (PRESENT, ABSENT)
        )
        if fewest >= n_folds:
            kept.append(name)
        else:
            left_out[name] = (
                f"{fewest} recordings of a dataset have, or lack, the class; "
                f"{n_folds} folds need as many"
            )
    if not kept:
        name, why = next(iter(left_out.items()), ("", "no clip has a class"))
        raise NoClassError(
            f"no class can be trained and tested in both datasets: {why} (class "
            f"'{name}'). Are classes named alike in both?"
        )
    return kept, left_out


def _folds(
    pair: Sequence[Domain], n_folds: int, n_repeats: int, seed: int
) -> list[Codes]:
    """Return folds of the clips of both datasets, each (n_repeats, n_clips).

    A recording that both have is in one fold.
    """
    sizes = [len(domain.clip_id) for domain in pair]
    sides = np.repeat([True, False], sizes)[:, None]
    labels = np.concatenate([domain.labels for domain in pair])
    recordings = np.concatenate([domain.recording for domain in pair])
    known = np.concatenate([labels == PRESENT, labels == ABSENT], axis=1)
    kinds = np.concatenate([sides & known, ~sides & known], axis=1)
    folds = [
        assign_folds(kinds, recordings, n_folds, np.random.default_rng([seed, repeat]))
        for repeat in range(n_repeats)
    ]
    return np.split(np.stack(folds), [sizes[0]], axis=1)


def _in_folds(domain: Domain, folds: Codes) -> Domain:
    n_folds = int(folds.max()) + 1
    nobody = np.zeros((len(folds), n_folds, folds.shape[1]), bool)
    return replace(domain, folds=folds, left_out=nobody)


def _kinds(pair: Pair) -> tuple[Codes, Codes]:
    """Return the labels of each clip, of all classes, as one number."""
    labels = np.concatenate([domain.labels for domain in pair])
    _, kinds = np.unique(labels, axis=0, return_inverse=True)
    n = len(pair[0].clip_id)
    kinds = kinds.reshape(-1).astype(np.int64)
    return kinds[:n], kinds[n:]


def _cells(kinds: tuple[Codes, Codes], pair: Pair) -> tuple[tuple[Codes, Codes], str]:
    """Return kind and subgroup as one number, and why there is none."""
    codes, _ = pd.factorize(np.concatenate([domain.subgroup for domain in pair]))
    n = len(kinds[0])
    both = np.concatenate(kinds)
    cells = np.where(codes < 0, -1, both * (codes.max() + 1) + codes)
    known = [set(own) - {-1} for own in (codes[:n], codes[n:])]
    reason = ""
    if not any(known):
        reason = "no subgroups are known"
    elif not known[0] & known[1]:
        reason = "the datasets share no subgroup"
    return (cells[:n], cells[n:]), reason
