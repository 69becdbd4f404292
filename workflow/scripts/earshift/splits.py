"""Stage 4, splits: which clips train and which test, by recording."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift import datasets, jobs
from earshift.errors import DataError

log = logging.getLogger(__name__)

#: Recordings without which no classifier is trained: two folds, with two inner folds.
FEWEST = 4


def make_splits(
    labels: Mapping[str, Path],
    out: Mapping[str, Path],
    *,
    kind: Literal["grouped", "official"],
    n_folds: int,
    n_repeats: int,
    seed: int,
) -> None:
    """Write the splits of all datasets: per repeat and fold, the test clips.

    Parameters
    ----------
    labels : mapping of str to Path
        Name of each dataset -> its table of labels.
    out : mapping of str to Path
        Name -> Parquet file to write: columns `repeat`, `fold`, `clip_id` of every test
        clip. All other clips train.
    kind : {"grouped", "official"}
        Folds drawn by recording, or those of the dataset's authors: one of train and
        test clips, or several. Clips for validation train: inner folds choose C.
    n_folds, n_repeats : int
        Folds of a grouped split, and repeats. Official splits are the same in each.
    seed : int
        Of the draws.

    Raises
    ------
    DataError
        If a recording would be on both sides, there are fewer recordings than folds, or
        an official split is missing.

    Notes
    -----
    Fold f of one dataset is paired with fold f of another. If datasets have official
    folds in different numbers, those of the larger number are merged; if one has a
    single fold, the others keep their first.
    """
    tables = {name: pd.read_parquet(path) for name, path in labels.items()}
    if kind == "official":
        folds = {name: official_folds(name, table) for name, table in tables.items()}
        splits = {name: _repeated(f, n_repeats) for name, f in _paired(folds).items()}
    else:
        splits = {
            name: _grouped(name, table, n_folds, n_repeats, seed)
            for name, table in tables.items()
        }
    for name, rows in splits.items():
        check_sides(name, rows, tables[name])
        with jobs.whole_file(out[name]) as file:
            rows.to_parquet(file, index=False)


def official_folds(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Return the fold of each clip that the dataset's authors test.

    Parameters
    ----------
    name : str
        Name of the dataset, for the message.
    table : DataFrame
        Columns clip_id and split of all clips.

    Returns
    -------
    DataFrame
        Columns fold, from 0 on, and clip_id.

    Raises
    ------
    DataError
        If clips have no split, or all are of one fold.
    """
    side = table["split"].fillna("none").astype(str)
    numbered = side.str.fullmatch(r"\d+")
    odd = [] if numbered.all() else sorted(set(side) - set(datasets.SIDES))
    if odd:
        raise DataError(
            f"dataset '{name}': the official split of {side.eq(odd[0]).sum()} clips is "
            f"'{odd[0]}', not {', '.join(datasets.SIDES)} or the number of a fold. Use "
            "'kind: grouped' under 'splits' in the config."
        )
    if not numbered.all():
        test = table.loc[side.eq("test"), "clip_id"]
        return pd.DataFrame({"fold": 0, "clip_id": test}).reset_index(drop=True)
    fold = np.unique(side.astype(int), return_inverse=True)[1]
    if fold.max() == 0:
        raise DataError(
            f"dataset '{name}' has only clips of one official fold, '{side.iloc[0]}': "
            "nothing is left to train on. Use 'kind: grouped' under 'splits'."
        )
    return pd.DataFrame({"fold": fold, "clip_id": table["clip_id"]})


def _paired(folds: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Give all datasets the same number of folds: the least that one of them has."""
    numbers = {name: int(rows["fold"].max()) + 1 for name, rows in folds.items()}
    n = min(numbers.values())
    out = {}
    for name, rows in folds.items():
        if numbers[name] == n:
            out[name] = rows
        elif n == 1:
            out[name] = rows[rows["fold"] == 0].reset_index(drop=True)
            log.warning(
                "%s: only the first of %d official folds is tested, since another "
                "dataset has a single split",
                *(name, numbers[name]),
            )
        else:
            out[name] = rows.assign(fold=rows["fold"] % n)
            log.info("%s: %d official folds merged into %d", name, numbers[name], n)
    return out


def _repeated(rows: pd.DataFrame, n_repeats: int) -> pd.DataFrame:
    """Return the same folds for each repeat; only balanced draws differ then."""
    parts = [rows.assign(repeat=repeat) for repeat in range(n_repeats)]
    return pd.concat(parts, ignore_index=True)[["repeat", "fold", "clip_id"]]


def check_sides(name: str, rows: pd.DataFrame, table: pd.DataFrame) -> None:
    """Raise if a recording trains and tests in one fold.

    Parameters
    ----------
    name : str
        Name of the dataset, for the message.
    rows : DataFrame
        Columns repeat, fold, clip_id of test clips.
    table : DataFrame
        Columns clip_id and recording of all clips.

    Raises
    ------
    DataError
        With a recording that has clips in two folds, or some in a fold and some that
        only train.
    """
    for repeat, part in rows.groupby("repeat"):
        fold = part.set_index("clip_id")["fold"].reindex(table["clip_id"]).fillna(-1)
        n_sides = fold.groupby(table["recording"].to_numpy()).nunique()
        both = n_sides.index[n_sides > 1]
        if len(both):
            raise DataError(
                f"dataset '{name}', repeat {repeat}: {len(both)} recordings are on "
                f"both sides of the split, such as '{both[0]}'. Mend the dataset's "
                "splits or recordings, or use 'kind: grouped' under 'splits'."
            )


def check_recordings(name: str, n: int, n_clips: int, n_folds: int) -> None:
    """Raise if a dataset has too few recordings for folds of whole recordings.

    Parameters
    ----------
    name : str
        Name of the dataset, for the message.
    n, n_clips, n_folds : int
        Its recordings and clips, and the folds that are asked for.

    Raises
    ------
    DataError
        With what to do.
    """
    if n >= n_folds:
        return
    if n < 2:
        raise DataError(
            f"all {n_clips} clips of dataset '{name}' are of one recording, and whole "
            "recordings train or test, so that nothing is left for the other. Name in "
            "'recording' what each clip was cut from, or add recordings: no experiment "
            f"can do with fewer than {FEWEST}."
        )
    remedy = f"Set 'n_folds' under 'splits' in the config to {n} or less, or add some."
    if n < FEWEST:
        remedy = f"Add some: no experiment can do with fewer than {FEWEST}."
    raise DataError(
        f"dataset '{name}' has {n} recordings, too few for {n_folds} folds of whole "
        f"recordings. {remedy}"
    )


def _grouped(
    name: str, table: pd.DataFrame, n_folds: int, n_repeats: int, seed: int
) -> pd.DataFrame:
    labels = table[[datasets.LABEL + c for c in datasets.classes(table)]]
    present = labels.fillna(False).to_numpy(bool)
    recordings = table["recording"].to_numpy(str)
    check_recordings(name, len(np.unique(recordings)), len(table), n_folds)
    parts = []
    for repeat, child in enumerate(np.random.SeedSequence(seed).spawn(n_repeats)):
        fold = assign_folds(present, recordings, n_folds, np.random.default_rng(child))
        parts.append(
            pd.DataFrame({"repeat": repeat, "fold": fold, "clip_id": table["clip_id"]})
        )
    return pd.concat(parts, ignore_index=True)


def assign_folds(
    present: NDArray[np.bool_],
    recordings: NDArray[np.str_],
    n_folds: int,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Deal whole recordings to folds so that classes are spread evenly.

    Recordings are dealt in random order, those of rare classes first, each to the fold
    that has fewest clips of its classes so far (then fewest clips).

    Parameters
    ----------
    present : ndarray of shape (n_clips, n_classes), bool
        Which classes a clip is known to have.
    recordings : ndarray of shape (n_clips,), str
        Recording of each clip.
    n_folds : int
        How many folds.
    rng : Generator
        Decides the order, and so the ties.

    Returns
    -------
    ndarray of shape (n_clips,), int64
        Fold of each clip; clips of one recording share one.
    """
    names, member = np.unique(recordings, return_inverse=True)
    counts = np.zeros((len(names), present.shape[1]))
    np.add.at(counts, member, present)
    sizes = np.bincount(member)
    frequency = np.maximum(counts.sum(axis=0), 1)
    rarest = np.where(counts > 0, frequency, np.inf).min(axis=1)
    order = rng.permutation(len(names))
    order = order[np.argsort(rarest[order], kind="stable")]
    fold_of = np.zeros(len(names), np.int64)
    held = np.zeros((n_folds, present.shape[1]))
    total = np.zeros(n_folds)
    for r in order:
        weight = counts[r] / frequency
        crowded = np.round((held / frequency) @ weight, 12)
        best = np.lexsort((total, crowded))[0]
        fold_of[r] = best
        held[best] += counts[r]
        total[best] += sizes[r]
    return fold_of[member]
