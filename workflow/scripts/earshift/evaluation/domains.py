"""What stages 5 and 6 see of a dataset: features, labels, recordings and folds."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from earshift.numerics import inference

if TYPE_CHECKING:  # what reads tables alone need not load the methods' library
    from earshift.debias import Method

#: Codes of a label.
PRESENT, ABSENT, UNKNOWN = 1, 0, -1


@dataclass(frozen=True)
class Domain:
    """One dataset, its clips in one order.

    Parameters
    ----------
    name : str
        Name of the dataset.
    X : ndarray of shape (n_clips, n_features), float64
        Pooled features, in embedding units.
    clip_id, recording : ndarray of shape (n_clips,), str
        Id and recording of each clip. Recordings that hold copies of each other have
        one name, and so has the same recording in several datasets.
    subgroup : ndarray of shape (n_clips,), object
        Subgroup of each clip, None where unknown.
    labels : ndarray of shape (n_clips, n_classes), int8
        `PRESENT`, `ABSENT` or `UNKNOWN`.
    folds : ndarray of shape (n_repeats, n_clips), int64
        The fold that tests a clip, -1 if none does.
    left_out : ndarray of shape (n_repeats, n_folds, n_clips), bool
        Clips that neither test nor train in a fold, since their recording is tested in
        another dataset, or a copy of it is.
    drawn : ndarray of shape (n_repeats, n_folds, n_classes, n_clips), bool, or None
        Training clips of balanced draws; None where all clips that do not test train.
    drawn_as : str, default=""
        The dataset whose random numbers it has, where two are of the same clips, so
        that what is drawn is the same in both; by default its own.
    """

    name: str
    X: NDArray[np.float64]
    clip_id: NDArray[np.str_]
    recording: NDArray[np.str_]
    subgroup: NDArray[np.object_]
    labels: NDArray[np.int8]
    folds: NDArray[np.int64]
    left_out: NDArray[np.bool_]
    drawn: NDArray[np.bool_] | None = None
    drawn_as: str = ""

    @property
    def draws(self) -> str:
        """Name that random numbers depend on."""
        return self.drawn_as or self.name

    def train(self, repeat: int, fold: int, c: int) -> NDArray[np.bool_]:
        """Return which clips may train class `c` in a fold, shape (n_clips,)."""
        chosen: NDArray[np.bool_]
        if self.drawn is None:
            chosen = (self.folds[repeat] != fold) & ~self.left_out[repeat, fold]
        else:
            chosen = self.drawn[repeat, fold, c]
        return chosen

    @cached_property
    def strata(self) -> dict[str, str]:
        """The stratum of each recording, by the rarest class that it has.

        It is found once: training data are drawn anew for each fold, method and source.
        """
        clip, c = np.nonzero(self.labels == PRESENT)
        recordings = np.concatenate([self.recording[clip], self.recording])
        classes = np.concatenate([c.astype(str), np.full(len(self.recording), "")])
        return inference.strata_of(recordings, classes)

    def digest(self) -> str:
        """Return a hash of everything in the domain."""
        h = hashlib.sha256(self.name.encode())
        masks = [self.left_out] if self.drawn is None else [self.left_out, self.drawn]
        for array in (self.X, self.labels, self.folds, *map(np.packbits, masks)):
            h.update(np.ascontiguousarray(array).tobytes())
        for words in (self.clip_id, self.recording, self.subgroup):
            h.update("\0".join(map(str, words)).encode())
        return h.hexdigest()[:16]


def seen_by(
    method: Method,
    parts: Sequence[
        tuple[Domain, NDArray[np.float64], NDArray[np.bool_] | NDArray[np.int64]]
    ],
    *,
    source: str,
) -> dict[str, Any]:
    """Return what a debias method is fitted to: of all domains, or of the source alone.

    Parameters
    ----------
    method : Method
        The method.
    parts : sequence of (Domain, ndarray, ndarray)
        Each domain, features of the clips that may be seen, shape (n_seen, n_features),
        and which these are: a mask of shape (n_clips,), or their places, shape
        (n_seen,), where a clip may be more than once.
    source : str
        The domain that a method with access ``"none"`` sees alone.

    Returns
    -------
    dict
        Arguments `X`, `domain`, `subgroup`, which is None unless the domains share a
        subgroup, and `source`. Clips are in an order that says nothing of them, always
        the same (`in_table_order` undoes it).
    """
    if not method.looks_at_domains:
        parts = [part for part in parts if part[0].name == source]
    subgroup = np.concatenate([d.subgroup[seen] for d, _, seen in parts])
    shared = set.intersection(*({*d.subgroup[seen]} - {None} for d, _, seen in parts))
    domain = np.concatenate([np.full(len(X), d.name) for d, X, _ in parts])
    order = _order(len(domain))
    return {
        "X": np.concatenate([X for _, X, _ in parts])[order],
        "domain": domain[order],
        "subgroup": subgroup[order] if shared else None,
        "source": source,
    }


def _order(n: int) -> NDArray[np.int64]:
    """Return an order: that of a table, often by class, would tell a method labels."""
    return np.random.default_rng(0).permutation(n)


def in_table_order(values: NDArray[Any]) -> NDArray[Any]:
    """Return a value of each clip of `seen_by` in the order of its parts.

    Parameters
    ----------
    values : ndarray of shape (n_clips,)
        In the order in which `seen_by` hands over clips.

    Returns
    -------
    ndarray of shape (n_clips,)
        Those of the first dataset first, each as in its table.
    """
    out = np.empty_like(values)
    out[_order(len(values))] = values
    return out


def folds(all_domains: Sequence[Domain]) -> list[tuple[int, int]]:
    """Return the (repeat, fold) pairs that every dataset has."""
    found = [
        {(r, int(f)) for r, row in enumerate(d.folds) for f in np.unique(row[row >= 0])}
        for d in all_domains
    ]
    return sorted(set.intersection(*found))


def generator(seed: int, repeat: int, fold: int, *names: str) -> np.random.Generator:
    """Return a generator that depends on names, not on how many others there are."""
    words = [zlib.crc32(name.encode()) for name in names]
    return np.random.default_rng([seed, repeat, fold, *words])
