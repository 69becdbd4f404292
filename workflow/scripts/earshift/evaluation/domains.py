"""What stages 5 and 6 see of a dataset: features, labels, recordings and folds."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift import datasets, draws, store
from earshift.debias import Method
from earshift.errors import DataError

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

    def train(self, repeat: int, fold: int, c: int) -> NDArray[np.bool_]:
        """Return which clips may train class `c` in a fold, shape (n_clips,)."""
        chosen: NDArray[np.bool_]
        if self.drawn is None:
            chosen = (self.folds[repeat] != fold) & ~self.left_out[repeat, fold]
        else:
            chosen = self.drawn[repeat, fold, c]
        return chosen

    def digest(self) -> str:
        """Return a hash of everything in the domain."""
        h = hashlib.sha256(self.name.encode())
        masks = [self.left_out] if self.drawn is None else [self.left_out, self.drawn]
        for array in (self.X, self.labels, self.folds, *map(np.packbits, masks)):
            h.update(np.ascontiguousarray(array).tobytes())
        for words in (self.clip_id, self.recording, self.subgroup):
            h.update("\0".join(map(str, words)).encode())
        return h.hexdigest()[:16]


def load_all(
    entries: Sequence[Mapping[str, str]], classes: Sequence[str]
) -> list[Domain]:
    """Load several datasets, as `load` does each.

    Raises
    ------
    DataError
        If their features are not of one length, which those of an imported model may
        not be.
    """
    found = [load(entry, classes) for entry in entries]
    lengths = {domain.name: domain.X.shape[1] for domain in found}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{n} of '{name}'" for name, n in lengths.items())
        raise DataError(
            "features of one model must have the same length in all datasets, got "
            f"{said}. Were the right files imported?"
        )
    return found


def load(entry: Mapping[str, str], classes: Sequence[str]) -> Domain:
    """Join a dataset's features, labels, splits and draws by clip id.

    Parameters
    ----------
    entry : mapping
        `name`, and the paths `features`, `labels`, `splits` and, if there are balanced
        draws, `draws`.
    classes : sequence of str
        Order of the label columns; a class that the dataset lacks is unknown.

    Returns
    -------
    Domain
        Clips without features, and those without labels, are left out.

    Raises
    ------
    DataError
        If a feature is not finite.
    """
    paths = {key: path for key, path in entry.items() if key != "name"}
    files = [Path(path) for path in paths.values()]
    files = [file / "zarr.json" if file.is_dir() else file for file in files]
    made = tuple(file.stat().st_mtime_ns for file in files)
    return _load(entry["name"], tuple(paths.items()), (*classes,), made)


@lru_cache(maxsize=16)
def _load(
    name: str,
    paths: tuple[tuple[str, str], ...],
    classes: tuple[str, ...],
    made: tuple[int, ...],
) -> Domain:
    """Read a domain; `made` tells a file that was written anew from the one before."""
    del made
    path = {key: Path(value) for key, value in paths}
    X, found = store.read_features(path["features"])
    rows = pd.read_parquet(path["labels"]).set_index("clip_id")
    # In the order of the clip table: that of the store depends on its history.
    rows = rows[rows.index.isin(found)]
    X = X[pd.Index(found).get_indexer(rows.index)].astype(np.float64)
    ids = rows.index.to_numpy(str)
    _check_finite(X, ids, name, path["features"])
    labels = np.full((len(ids), len(classes)), UNKNOWN, np.int8)
    for i, c in enumerate(classes):
        column = datasets.LABEL + c
        if column in rows:
            labels[:, i] = rows[column].astype("Int8").fillna(UNKNOWN).to_numpy(np.int8)
    splits = pd.read_parquet(path["splits"])
    folds, left_out = _folds(splits, ids)
    drawn = None
    if "draws" in path:
        shape = left_out.shape[:2]
        drawn = draws.read_masks(path["draws"], name, ids, classes, shape)
    subgroup = rows["subgroup"].astype(object)
    return Domain(
        name,
        X,
        ids,
        rows["recording"].to_numpy(str),
        subgroup.where(subgroup.notna(), None).to_numpy(object),
        labels,
        folds,
        left_out,
        drawn,
    )


def _check_finite(
    X: NDArray[np.float64], ids: NDArray[np.str_], name: str, file: Path
) -> None:
    bad = ~np.isfinite(X).all(axis=1)
    if bad.any():
        raise DataError(
            f"dataset '{name}': the features of clip '{ids[bad.argmax()]}' hold NaN or "
            f"infinite values ({bad.sum()} of {bad.size} clips), in {file}. Every clip "
            "needs finite features: embed it again, or import others, or leave the "
            "clip out of the dataset."
        )


def _folds(
    splits: pd.DataFrame, ids: NDArray[np.str_]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the fold that tests each clip in each repeat, and who is left out."""
    n_repeats, n_folds = (int(splits[c].max()) + 1 for c in ("repeat", "fold"))
    folds = np.full((n_repeats, len(ids)), -1, np.int64)
    left_out = np.zeros((n_repeats, n_folds, len(ids)), bool)
    rows = splits.assign(place=pd.Index(ids).get_indexer(splits["clip_id"]))
    rows = rows[rows["place"] >= 0]
    columns = ["repeat", "fold", "place"]
    repeat, fold, place = rows.loc[rows["tests"], columns].to_numpy(np.int64).T
    folds[repeat, place] = fold
    left_out[tuple(rows.loc[~rows["tests"], columns].to_numpy(np.int64).T)] = True
    return folds, left_out


def seen_by(
    method: Method,
    parts: Sequence[tuple[Domain, NDArray[np.float64], NDArray[np.bool_]]],
    *,
    source: str,
) -> dict[str, Any]:
    """Return what a debias method is fitted to: of all domains, or of the source alone.

    Parameters
    ----------
    method : Method
        The method.
    parts : sequence of (Domain, ndarray, ndarray)
        Each domain, which of its clips may be seen, shape (n_clips,), bool, and before
        that their features, shape (n_seen, n_features).
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
    domain = np.concatenate([np.full(seen.sum(), d.name) for d, _, seen in parts])
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
