"""What stages 5 and 6 read: features, labels, splits and draws of each dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift import datasets, store
from earshift.errors import DataError
from earshift.evaluation.domains import UNKNOWN, Domain
from earshift.numerics.grouped_folds import hashed
from earshift.stages.splits import draws


def behind(entries: Sequence[Mapping[str, Any]], front: str) -> list[dict[str, str]]:
    """Return where datasets are found for the methods of a front.

    Parameters
    ----------
    entries : sequence of mapping
        Per dataset `name`, the paths that `load` reads and, if methods have a front,
        `fronts`: the path of the features by its name.
    front : str
        Its name; empty for clips that went through none.

    Returns
    -------
    list of dict
        As `load` takes them.
    """
    out = []
    for entry in entries:
        plain = {key: value for key, value in entry.items() if key != "fronts"}
        if front:
            plain["features"] = entry["fronts"][front]
        out.append(plain)
    return out


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


def load(entry: Mapping[str, Any], classes: Sequence[str]) -> Domain:
    """Join a dataset's features, labels, splits and draws by clip id.

    Parameters
    ----------
    entry : mapping
        `name`, and the paths `features`, `labels`, `splits` and, if there are balanced
        draws, `draws`. Of a list of `features`, each clip has those of one, which its
        id decides. `drawn_as`, if it is there, is as in `Domain`.
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
    given = {k: path for k, path in entry.items() if k not in ("name", "drawn_as")}
    paths = [
        (key, path)
        for key, value in given.items()
        for path in (value if isinstance(value, list) else [value])
    ]
    files = [Path(path) for _, path in paths]
    files = [file / "zarr.json" if file.is_dir() else file for file in files]
    made = tuple(file.stat().st_mtime_ns for file in files)
    domain = _load(entry["name"], tuple(paths), (*classes,), made)
    if "drawn_as" in entry:
        domain = replace(domain, drawn_as=entry["drawn_as"])
    return domain


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
    X, found = _features([Path(value) for key, value in paths if key == "features"])
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


def _features(paths: Sequence[Path]) -> tuple[NDArray[np.float32], list[str]]:
    """Return features and the ids of clips; each clip is in one of the stores."""
    if len(paths) == 1:
        return store.read_features(paths[0])
    rows, ids = [], []
    for number, path in enumerate(paths):
        X, found = store.read_features(path)
        place = hashed(np.asarray(found, str), b"one of several")
        own = np.flatnonzero((place * len(paths)).astype(np.int64) == number)
        rows.append(X[own])
        ids += [found[k] for k in own]
    return np.concatenate(rows), ids


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
