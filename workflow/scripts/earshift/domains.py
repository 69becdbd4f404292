"""What stages 5 and 6 see of a dataset: features, labels, recordings and folds."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import TransformerMixin

from earshift import clips, datasets, debias, registry, store

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
        Id and recording of each clip.
    subgroup : ndarray of shape (n_clips,), object
        Subgroup of each clip, None where unknown.
    labels : ndarray of shape (n_clips, n_classes), int8
        `PRESENT`, `ABSENT` or `UNKNOWN`.
    folds : ndarray of shape (n_repeats, n_clips), int64
        The fold that tests a clip, -1 if none does.
    """

    name: str
    X: NDArray[np.float64]
    clip_id: NDArray[np.str_]
    recording: NDArray[np.str_]
    subgroup: NDArray[np.object_]
    labels: NDArray[np.int8]
    folds: NDArray[np.int64]

    def digest(self) -> str:
        """Return a hash of everything in the domain."""
        h = hashlib.sha256(self.name.encode())
        for array in (self.X, self.labels, self.folds):
            h.update(np.ascontiguousarray(array).tobytes())
        for words in (self.clip_id, self.recording, self.subgroup):
            h.update("\0".join(map(str, words)).encode())
        return h.hexdigest()[:16]


def load(entry: Mapping[str, str], classes: Sequence[str]) -> Domain:
    """Join a dataset's features, clip table and splits by clip id.

    Parameters
    ----------
    entry : mapping
        `name`, and the paths `features`, `table` and `splits`.
    classes : sequence of str
        Order of the label columns; a class that the dataset lacks is unknown.

    Returns
    -------
    Domain
        Clips without features are left out.
    """
    features, table, splits = entry["features"], entry["table"], entry["splits"]
    files = (Path(features, "zarr.json"), Path(table), Path(splits))
    made = tuple(file.stat().st_mtime_ns for file in files)
    return _load(entry["name"], features, table, splits, (*classes,), made)


@lru_cache(maxsize=16)
def _load(
    name: str,
    features: str,
    table: str,
    splits: str,
    classes: tuple[str, ...],
    made: tuple[int, ...],
) -> Domain:
    """Read a domain; `made` tells a file that was written anew from the one before."""
    del made
    X, ids = store.read_features(Path(features))
    rows = clips.usable(Path(table)).set_index("clip_id").loc[ids]
    labels = np.full((len(ids), len(classes)), UNKNOWN, np.int8)
    for i, c in enumerate(classes):
        column = datasets.LABEL + c
        if column in rows:
            labels[:, i] = rows[column].astype("Int8").fillna(UNKNOWN).to_numpy(np.int8)
    drawn = pd.read_parquet(splits)
    n_repeats = int(drawn["repeat"].max()) + 1
    folds = np.full((n_repeats, len(ids)), -1, np.int64)
    for repeat, part in drawn.groupby("repeat"):
        fold_of = part.set_index("clip_id")["fold"].reindex(ids).fillna(-1)
        folds[int(str(repeat))] = fold_of.to_numpy(np.int64)
    subgroup = rows["subgroup"].astype(object)
    return Domain(
        name,
        X.astype(np.float64),
        np.asarray(ids, dtype=str),
        rows["recording"].to_numpy(str),
        subgroup.where(subgroup.notna(), None).to_numpy(object),
        labels,
        folds,
    )


def fit_method(
    entry: Mapping[str, Any],
    parts: Sequence[tuple[Domain, NDArray[np.float64], NDArray[np.bool_]]],
    *,
    source: str,
) -> TransformerMixin:
    """Fit a debias method on the chosen clips of the domains that it may see.

    Parameters
    ----------
    entry : mapping
        Config entry of the method.
    parts : sequence of (Domain, ndarray, ndarray)
        Each domain, its scaled features of shape (n_clips, n_features), and which clips
        may be seen, shape (n_clips,), bool.
    source : str
        The domain that a method with access ``"none"`` sees alone.

    Returns
    -------
    TransformerMixin
        The method, fitted. Subgroups are passed if the domains share one.
    """
    options = registry.own_options(entry)
    if registry.load("debias", entry["plugin"]).access == "none":
        parts = [part for part in parts if part[0].name == source]
    X = np.concatenate([scaled[seen] for _, scaled, seen in parts])
    domain = np.concatenate([np.full(seen.sum(), d.name) for d, _, seen in parts])
    subgroup = np.concatenate([d.subgroup[seen] for d, _, seen in parts])
    shared = set.intersection(*({*d.subgroup[seen]} - {None} for d, _, seen in parts))
    method = debias.make(entry["plugin"], **options)
    return method.fit(X, domain, subgroup=subgroup if shared else None)
