"""Stage 4, splits: which clips train and which test, by groups of recordings."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.linalg import block_diag

from earshift import datasets, files
from earshift.errors import DataError
from earshift.numerics.grouped_folds import assign_folds
from earshift.stages.splits import groups
from earshift.tables import DUPLICATES, SHARED

log = logging.getLogger(__name__)

#: Columns of a split.
COLUMNS = ("repeat", "fold", "clip_id", "tests")
#: Recordings without which no classifier is trained: two folds, with two inner folds.
FEWEST = 4

#: Why recordings are in common, as in the table of what is shared -> what the log says.
NAMED = {"recording": "name", "copy": "copies alone"}


def make_splits(
    labels: Mapping[str, Path],
    out: Mapping[str, Path],
    *,
    kind: Literal["grouped", "official"],
    n_folds: int,
    n_repeats: int,
    seed: int,
    grouped: Path,
    shared: Path,
    duplicates: Path | None = None,
    namespaces: Mapping[str, str] | None = None,
) -> None:
    """Write the splits of all datasets: per repeat and fold, the test clips.

    Parameters
    ----------
    labels : mapping of str to Path
        Name of each dataset -> its table of labels.
    out : mapping of str to Path
        Name -> Parquet file to write: columns `repeat`, `fold`, `clip_id` and `tests`
        of every test clip, and of every clip that neither tests nor trains (`tests` is
        False), since its group is tested in another dataset or under another recording.
        All other clips train.
    kind : {"grouped", "official"}
        Folds of whole groups, the same for all datasets, or those of the dataset's
        authors: one of train and test clips, or several. Clips for validation train:
        inner folds choose C.
    n_folds, n_repeats : int
        Folds of a grouped split, and repeats. Official splits are the same in each.
    seed : int
        Of the draws.
    grouped : Path
        Parquet file to write: the table of `groups.find`.
    shared : Path
        CSV file to write: the table of `groups.shared`.
    duplicates : Path, optional
        Table of copies; without, recordings that hold copies are kept apart.
    namespaces : mapping of str to str, optional
        As in `groups.find`.

    Raises
    ------
    DataError
        If a recording would be on both sides, there are fewer groups than folds, or
        an official split is missing.

    Notes
    -----
    Fold f of one dataset is paired with fold f of another. If datasets have official
    folds in different numbers, those of the larger number are merged; if one has a
    single fold, the others keep their first.
    """
    tables = {name: pd.read_parquet(path) for name, path in labels.items()}
    pairs = None
    if duplicates is not None:
        pairs = DUPLICATES.read(duplicates)
    clips = groups.find(tables, namespaces or {}, pairs)
    if kind == "official":
        splits = _repeated(_left_out(official(tables), clips), n_repeats)
    else:
        splits = _grouped(tables, clips, n_folds, n_repeats, seed)
    check_groups(splits, clips)
    for name, rows in splits.items():
        with files.whole_file(out[name]) as file:
            rows.to_parquet(file, index=False)
    with files.whole_file(grouped) as file:
        clips.to_parquet(file, index=False)
    SHARED.write(groups.shared(clips, splits), shared)
    for (a, b, why), common in groups.in_common(clips).items():
        n, where = len(common), a if a == b else f"{a} and {b}"
        log.info("%s: %d recordings in common, by %s", where, n, NAMED[why])


def official(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the official folds of all datasets, in the same number.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Name of each dataset -> columns clip_id, recording and split of all clips.

    Returns
    -------
    dict of str to DataFrame
        Name -> columns fold, from 0 on, and clip_id of the clips that are tested.

    Raises
    ------
    DataError
        As `official_folds` and `check_sides`.
    """
    folds = _paired({name: official_folds(name, t) for name, t in tables.items()})
    for name, rows in folds.items():
        check_sides(name, rows, tables[name])
    return folds


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
        If clips have no split, all are of one fold, or none or all are to test.
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
        if len(test) in (0, len(table)):
            why = "none of them tests" if test.empty else "all of them test"
            raise DataError(
                f"dataset '{name}' has {len(table)} clips with an official split, and "
                f"{why}: clips to train on and clips to test are needed. Correct its "
                "splits, or use 'kind: grouped' under 'splits' in the config."
            )
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
    n = min(numbers.values(), default=0)
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


def _left_out(
    folds: Mapping[str, pd.DataFrame], clips: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """Add the clips that do not train in a fold, since their group is tested in it."""
    rows = pd.concat([part.assign(dataset=name) for name, part in folds.items()])
    rows = rows.merge(clips, on=["dataset", "clip_id"])
    tested = rows[["fold", "group"]].drop_duplicates().merge(clips, on="group")
    keys = ["dataset", "fold", "clip_id"]
    tested = tested.merge(rows[keys].assign(tests=True), on=keys, how="left")
    others = tested[tested["tests"].isna()].assign(tests=False)
    return {
        name: pd.concat(
            [
                part.assign(tests=True),
                others.loc[others["dataset"].eq(name), ["fold", "clip_id", "tests"]],
            ],
            ignore_index=True,
        ).astype({"tests": bool})
        for name, part in folds.items()
    }


def _repeated(
    folds: Mapping[str, pd.DataFrame], n_repeats: int
) -> dict[str, pd.DataFrame]:
    """Return the same folds for each repeat; only balanced draws differ then."""
    return {
        name: pd.concat(
            [rows.assign(repeat=repeat) for repeat in range(n_repeats)],
            ignore_index=True,
        )[list(COLUMNS)]
        for name, rows in folds.items()
    }


def check_sides(name: str, rows: pd.DataFrame, table: pd.DataFrame) -> None:
    """Raise if the authors' split has a recording on both sides of a fold.

    Parameters
    ----------
    name : str
        Name of the dataset, for the message.
    rows : DataFrame
        Columns fold and clip_id of test clips.
    table : DataFrame
        Columns clip_id and recording of all clips.

    Raises
    ------
    DataError
        With a recording that has clips in two folds, or some in a fold and some that
        only train.
    """
    fold = rows.set_index("clip_id")["fold"].reindex(table["clip_id"]).fillna(-1)
    n_sides = fold.groupby(table["recording"].to_numpy()).nunique()
    both = n_sides.index[n_sides > 1]
    if len(both):
        raise DataError(
            f"dataset '{name}': {len(both)} recordings are on both sides of the split, "
            f"such as '{both[0]}'. Correct the dataset's splits or recordings, or use "
            "'kind: grouped' under 'splits'."
        )


def check_groups(splits: Mapping[str, pd.DataFrame], clips: pd.DataFrame) -> None:
    """Raise if a group trains in a dataset while it is tested in one.

    Parameters
    ----------
    splits : mapping of str to DataFrame
        Name of each dataset -> rows with the columns `COLUMNS`.
    clips : DataFrame
        Group of each clip, from `groups.find`.

    Raises
    ------
    DataError
        With a group of which some clips test in a fold and others, of the same or of
        another dataset, train.
    """
    rows = pd.concat([part.assign(dataset=name) for name, part in splits.items()])
    rows = rows.merge(clips, on=["dataset", "clip_id"])
    sizes = clips.groupby("group").size()
    for (repeat, fold), part in rows.groupby(["repeat", "fold"]):
        own = part.groupby("group")["tests"].agg(["any", "size"])
        both = own.index[own["any"] & own["size"].lt(sizes.reindex(own.index))]
        if len(both):
            raise DataError(
                f"repeat {repeat}, fold {fold}: {len(both)} recordings are tested in a "
                f"dataset and train in the same or another one, such as '{both[0]}'."
            )


def check_recordings(
    name: str, n: int, n_clips: int, n_folds: int, *, joined: int = 0
) -> None:
    """Raise if a dataset has too few recordings for folds of whole recordings.

    Parameters
    ----------
    name : str
        Name of the dataset, for the message.
    n, n_clips, n_folds : int
        Its recordings and clips, and the folds that are asked for.
    joined : int, default=0
        How many more recordings it has that copies join to these.

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
    note = f" (copies join {joined} others to these)" if joined else ""
    remedy = f"Set 'n_folds' under 'splits' in the config to {n} or less, or add some."
    if n < FEWEST:
        remedy = f"Add some: no experiment can do with fewer than {FEWEST}."
    raise DataError(
        f"dataset '{name}' has {n} recordings{note}, too few for {n_folds} folds of "
        f"whole recordings. {remedy}"
    )


def _grouped(
    tables: Mapping[str, pd.DataFrame],
    clips: pd.DataFrame,
    n_folds: int,
    n_repeats: int,
    seed: int,
) -> dict[str, pd.DataFrame]:
    """Assign the groups of all datasets to common folds."""
    for name, own in clips.groupby("dataset", sort=False):
        n = own["group"].nunique()
        joined = own["recording"].nunique() - n
        check_recordings(str(name), n, len(own), n_folds, joined=joined)
    kinds = kinds_of(tables)
    members = clips["group"].to_numpy(str)
    parts = []
    for repeat, child in enumerate(np.random.SeedSequence(seed).spawn(n_repeats)):
        fold = assign_folds(kinds, members, n_folds, np.random.default_rng(child))
        own = clips[["dataset", "clip_id"]]
        parts.append(own.assign(repeat=repeat, fold=fold, tests=True))
    rows = pd.concat(parts)
    return {
        name: rows.loc[rows["dataset"].eq(name), list(COLUMNS)].reset_index(drop=True)
        for name in tables
    }


def kinds_of(tables: Mapping[str, pd.DataFrame]) -> NDArray[np.bool_]:
    """Return what is to be even over folds: clips of each dataset and label in it.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Name of each dataset -> its clips, with nullable columns ``label:<class>``.

    Returns
    -------
    ndarray of shape (n_clips, n_kinds), bool
        The clips of all datasets in their order. Of each dataset first those that have
        each class, then those that lack it, then all.
    """
    blocks = []
    for table in tables.values():
        labels = table[[datasets.LABEL + c for c in datasets.classes(table)]]
        present, absent = (
            labels.eq(value).fillna(False).to_numpy(bool) for value in (True, False)
        )
        blocks.append(np.column_stack([present, absent, np.ones(len(table), bool)]))
    found: NDArray[np.bool_] = block_diag(*blocks)
    return found
