"""The clips of two datasets as the cross-validation takes them, from plain arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from earshift.errors import DataError, did_you_mean
from earshift.evaluation.domains import PRESENT, Domain
from earshift.numerics.grouped_folds import assign_folds
from earshift.numerics.labels import label_matrix

Array = NDArray[np.float64]
Codes = NDArray[np.int64]


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

    domains: dict[str, tuple[Domain, Domain]]
    classes: list[str]
    left_out: dict[str, str]
    kinds: tuple[Codes, Codes]
    cells: tuple[Codes, Codes]
    no_subgroups: str

    @property
    def pair(self) -> tuple[Domain, Domain]:
        """Return source and target, with the features of the first method."""
        return next(iter(self.domains.values()))


def clips_of(
    X: ArrayLike | Mapping[str, ArrayLike],
    y: ArrayLike,
    domain: ArrayLike,
    *,
    source: str,
    target: str,
    recordings: ArrayLike | None,
    subgroup: ArrayLike | None,
    methods: Sequence[str],
    classes: Sequence[str] | None,
    n_folds: int,
    n_repeats: int,
    seed: int,
) -> Clips:
    """Return the clips of both datasets; arguments as of `decompose`."""
    features = _features(X, methods)
    n = len(next(iter(features.values())))
    names = _words("domain", domain, n)
    for name in (source, target):
        if name not in names:
            raise DataError(
                f"'domain' has no dataset '{name}' {did_you_mean(name, set(names))}"
            )
    if source == target:
        raise DataError(
            f"'source' and 'target' must be two datasets, got '{source}' twice."
        )
    recording = np.arange(n).astype(str) if recordings is None else recordings
    own = _words("recordings", recording, n)
    labels, known, kinds = _labels(y, classes, n)
    rows = [np.flatnonzero(names == name) for name in (source, target)]
    kept, left_out = _trainable(labels, own, rows, known, n_folds)
    labels, used = labels[:, kept], [known[c] for c in kept]
    folds = _folds(labels, own, rows, n_folds, n_repeats, seed)
    groups = _subgroups(subgroup, n)
    cells, reason = _cells(kinds, groups, rows)
    domains = {
        method: tuple(
            Domain(
                name,
                features[method][own_rows],
                np.char.mod("%08d", own_rows),
                own[own_rows],
                groups[own_rows],
                labels[own_rows],
                folds[:, own_rows],
                np.zeros((n_repeats, n_folds, len(own_rows)), bool),
            )
            for name, own_rows in zip((source, target), rows, strict=True)
        )
        for method in methods
    }
    return Clips(
        domains,  # type: ignore[arg-type]
        used,
        left_out,
        (kinds[rows[0]], kinds[rows[1]]),
        cells,
        reason,
    )


def _features(
    X: ArrayLike | Mapping[str, ArrayLike], methods: Sequence[str]
) -> dict[str, Array]:
    """Return the features of each method."""
    given = X if isinstance(X, Mapping) else dict.fromkeys(methods, X)
    if missing := [name for name in methods if name not in given]:
        raise DataError(
            f"'X' has no features for the method '{missing[0]}' "
            f"{did_you_mean(missing[0], given)}"
        )
    made: dict[int, Array] = {}
    features = {}
    for name in methods:
        part = given[name]
        if id(part) not in made:
            made[id(part)] = np.asarray(part, np.float64)
        features[name] = made[id(part)]
    shapes = {part.shape[:1] for part in features.values()}
    if len(shapes) > 1 or any(part.ndim != 2 for part in features.values()):
        raise DataError(
            "features must have the shape (n_clips, n_features), with the same clips "
            f"for all methods, got {[part.shape for part in features.values()]}."
        )
    for name, part in features.items():
        if bad := int((~np.isfinite(part)).any(axis=1).sum()):
            raise DataError(
                f"features must be finite; those of {bad} of {len(part)} clips for "
                f"'{name}' are not. Leave these clips out."
            )
    return features


def _words(what: str, given: ArrayLike, n: int) -> NDArray[np.str_]:
    words = np.asarray(given)
    if words.shape != (n,):
        raise DataError(
            f"'{what}' must have a value for each of {n} clips, got an array of shape "
            f"{words.shape}."
        )
    return words.astype(str)


def _labels(
    y: ArrayLike, classes: Sequence[str] | None, n: int
) -> tuple[NDArray[np.int8], list[str], Codes]:
    """Return labels, names of classes, and the kind of each clip."""
    if classes is not None and np.ndim(y) == 1:
        raise DataError("'classes' name the columns of 'y', which has none.")
    labels, names = label_matrix(y, n, classes, what="'y'")
    _, kinds = np.unique(labels, axis=0, return_inverse=True)
    return labels, names, kinds.reshape(-1).astype(np.int64)


def _trainable(
    labels: NDArray[np.int8],
    recordings: NDArray[np.str_],
    rows: Sequence[Codes],
    names: Sequence[str],
    n_folds: int,
) -> tuple[list[int], dict[str, str]]:
    """Return the classes that have enough recordings, and why others have not."""
    kept, left_out = [], {}
    both = np.concatenate(rows)
    for c, name in enumerate(names):
        if not (labels[both, c] == PRESENT).any():
            continue  # a class of other datasets
        fewest = min(
            len(np.unique(recordings[own][labels[own, c] == code]))
            for own in rows
            for code in (PRESENT, 0)
        )
        if fewest >= n_folds:
            kept.append(c)
        else:
            left_out[name] = (
                f"{fewest} recordings of a dataset have, or lack, the class; "
                f"{n_folds} folds need as many"
            )
    if not kept:
        name, why = next(iter(left_out.items()), ("", "no clip has a class"))
        raise DataError(
            f"no class can be trained and tested in both datasets: {why} (class "
            f"'{name}'). Are classes named alike in both?"
        )
    return kept, left_out


def _folds(
    labels: NDArray[np.int8],
    recordings: NDArray[np.str_],
    rows: Sequence[Codes],
    n_folds: int,
    n_repeats: int,
    seed: int,
) -> Codes:
    """Return folds of the clips of both datasets, shape (n_repeats, n_clips).

    A recording that both have is in one fold.
    """
    both = np.concatenate(rows)
    sides = np.repeat([True, False], [len(part) for part in rows])[:, None]
    present = np.concatenate([labels == PRESENT, labels == 0], axis=1)[both]
    kinds = np.concatenate([sides & present, ~sides & present], axis=1)
    folds = np.full((n_repeats, len(labels)), -1)
    for repeat in range(n_repeats):
        rng = np.random.default_rng([seed, repeat])
        folds[repeat, both] = assign_folds(kinds, recordings[both], n_folds, rng)
    return folds


def _subgroups(subgroup: ArrayLike | None, n: int) -> NDArray[np.object_]:
    """Return the subgroup of each clip, None where it is not known."""
    if subgroup is None:
        return np.full(n, None, object)
    given = np.asarray(subgroup, object)
    words = _words("subgroup", given, n).astype(object)
    words[pd.isna(given) | (words == "")] = None
    return words


def _cells(
    kinds: Codes, groups: NDArray[np.object_], rows: Sequence[Codes]
) -> tuple[tuple[Codes, Codes], str]:
    """Return kind and subgroup as one number, and why there is none."""
    codes, _ = pd.factorize(groups)
    cells = np.where(codes < 0, -1, kinds * (codes.max() + 1) + codes)
    known = [set(codes[own]) - {-1} for own in rows]
    reason = ""
    if not any(known):
        reason = "no subgroups are known"
    elif not known[0] & known[1]:
        reason = "the datasets share no subgroup"
    return (cells[rows[0]], cells[rows[1]]), reason
