"""The clips of two datasets as the cross-validation takes them, from plain arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from earshift.errors import DataError, did_you_mean
from earshift.evaluation.domains import Domain
from earshift.numerics.labels import label_matrix
from earshift.stages.decomposition.clips import Pair

Array = NDArray[np.float64]


def pairs_of(
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
) -> tuple[dict[str, Pair], list[str]]:
    """Return source and target as each method gets them, in no folds, and the classes.

    Arguments are those of `decompose`.
    """
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
    if classes is not None and np.ndim(y) == 1:
        raise DataError("'classes' name the columns of 'y', which has none.")
    labels, known = label_matrix(y, n, classes, what="'y'")
    groups = _subgroups(subgroup, n)
    pairs = {
        method: tuple(
            Domain(
                name,
                features[method][rows],
                np.char.mod("%08d", rows),
                own[rows],
                groups[rows],
                labels[rows],
                np.full((1, len(rows)), -1),
                np.zeros((1, 1, len(rows)), bool),
            )
            for name in (source, target)
            for rows in (np.flatnonzero(names == name),)
        )
        for method in methods
    }
    return pairs, known  # type: ignore[return-value]


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


def _subgroups(subgroup: ArrayLike | None, n: int) -> NDArray[np.object_]:
    """Return the subgroup of each clip, None where it is not known."""
    if subgroup is None:
        return np.full(n, None, object)
    given = np.asarray(subgroup, object)
    words = _words("subgroup", given, n).astype(object)
    words[pd.isna(given) | (words == "")] = None
    return words
