"""Stage 4, splits: balanced draws of training clips, for each class and each fold.

``joint`` draws the same number of clips from each dataset in every cell of label and
subgroup. Other ways to draw are of studies.
"""

from __future__ import annotations

import logging
import random
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift import datasets, files
from earshift.errors import DataError
from earshift.evaluation.protocol import NO_STUDY, Cells, Study, draw_of
from earshift.numerics.grouped_folds import hashed

log = logging.getLogger(__name__)

#: Seed of the published code; repeat r of its draw takes the r-th after it.
PAPER_SEED = 42

#: The one subgroup of all clips, where no dataset names any.
ALL = "all"

COLUMNS = ("repeat", "fold", "class", "dataset", "clip_id")


def draw_balanced(
    labels: Mapping[str, Path],
    splits: Mapping[str, Path],
    *,
    balance: str,
    subgroups: Sequence[str],
    seed: int,
    out: Path,
    study: Study = NO_STUDY,
) -> None:
    """Write which training clips are drawn for each repeat, fold and class.

    Parameters
    ----------
    labels, splits : mapping of str to Path
        Name of each dataset -> its table of labels, and its splits.
    balance : str
        What is made equal: ``"joint"``, or a way to draw of a study.
    subgroups : sequence of str
        Subgroups that are drawn from, in this order; if empty, those that all datasets
        have, by the alphabet.
    seed : int
        Of the draws; a study may have its own.
    out : Path
        Parquet file to write: a row per drawn clip with `COLUMNS`, in the order of the
        draw.
    study : Study, optional
        That of the experiment.

    Raises
    ------
    DataError
        If the datasets have subgroups, but none in common.
    """
    draw = joint if balance == "joint" else draw_of(balance, study)
    tables = {name: pd.read_parquet(path) for name, path in labels.items()}
    tested = {name: pd.read_parquet(path) for name, path in splits.items()}
    strata = list(subgroups) or shared_subgroups(tables)
    if strata == [ALL]:
        tables = {name: table.assign(subgroup=ALL) for name, table in tables.items()}
    shared = set.intersection(*(set(datasets.classes(t)) for t in tables.values()))
    folds = pd.concat(tested.values())[["repeat", "fold"]].drop_duplicates()
    parts = []
    for repeat, fold in folds.sort_values(["repeat", "fold"]).to_numpy(int):
        train = {n: _train(tables[n], tested[n], repeat, fold) for n in tables}
        for c in sorted(shared):
            cells = {n: _cells(table, c, strata) for n, table in train.items()}
            chosen = draw(cells, [seed, repeat, fold, zlib.crc32(c.encode())])
            for name, ids in chosen.items():
                key = (repeat, fold, c, name)
                parts.append(
                    pd.DataFrame([(*key, clip) for clip in ids], columns=list(COLUMNS))
                )
    words = dict.fromkeys(("class", "dataset", "clip_id"), "category")
    drawn = pd.concat(parts, ignore_index=True).astype(words)
    with files.whole_file(out) as file:
        drawn.to_parquet(file, index=False)
    log.info("%d training clips drawn in all, from %s", len(drawn), ", ".join(strata))


def shared_subgroups(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return the subgroups that all datasets have, or `ALL` if none names any.

    Parameters
    ----------
    tables : mapping
        Name of each dataset -> its table, with a column `subgroup`.

    Returns
    -------
    list of str
        Sorted.

    Raises
    ------
    DataError
        If there are subgroups, but none in common.
    """
    own = {name: set(table["subgroup"].dropna()) for name, table in tables.items()}
    if not any(own.values()):
        return [ALL]
    shared = set.intersection(*own.values())
    if not shared:
        known = "; ".join(
            f"{name}: {', '.join(sorted(groups)) or 'none'}"
            for name, groups in own.items()
        )
        raise DataError(
            "balanced draws need subgroups that all datasets have, but there are none "
            f"({known}). Give the datasets the same names of subgroups, or set "
            "'balance: none' under 'splits'."
        )
    return sorted(shared)


def _train(
    table: pd.DataFrame, tested: pd.DataFrame, repeat: int, fold: int
) -> pd.DataFrame:
    """Return the clips that train in this fold: do not test, and are not left out."""
    now = tested["repeat"].eq(repeat) & tested["fold"].eq(fold)
    return table[~table["clip_id"].isin(tested.loc[now, "clip_id"])]


def _cells(table: pd.DataFrame, c: str, strata: Sequence[str]) -> Cells:
    column = table[datasets.LABEL + c]
    own = {p: table[column.eq(p).fillna(value=False)] for p in (True, False)}
    return {
        present: {
            s: rows.loc[rows["subgroup"].eq(s), "clip_id"].tolist() for s in strata
        }
        for present, rows in own.items()
    }


def paper(cells: Mapping[str, Cells], *, random_seed: int) -> dict[str, list[str]]:
    """Draw as the published code of the ISMIR 2023 study does, clip for clip.

    Parameters
    ----------
    cells : mapping
        Name of each dataset -> its clips by label and subgroup, in the order of the
        study: subgroups as its map of genres has them, clips by key.
    random_seed : int
        The study has 42.

    Returns
    -------
    dict of str to list of str
        Name -> clips drawn: those with the class, then those without, each by subgroup.

    Notes
    -----
    For each dataset and label, Python's generator is seeded once; of each subgroup in
    turn it permutes the clips, and the first ``floor(count * (wanted / total))`` stay.
    """
    out: dict[str, list[str]] = {name: [] for name in cells}
    for present in (True, False):
        totals = {n: sum(map(len, own[present].values())) for n, own in cells.items()}
        wanted = min(totals.values())
        for name, own in cells.items():
            rng = random.Random(random_seed)
            # In this order, as a whole product may round to just below itself.
            ratio = wanted / max(totals[name], 1)
            for clips in own[present].values():
                order = rng.sample(range(len(clips)), len(clips))
                n = int(len(clips) * ratio)
                out[name] += [clips[i] for i in order[:n]]
    return out


def joint(cells: Mapping[str, Cells], seeds: Sequence[int]) -> dict[str, list[str]]:
    """Draw the same number of clips from each dataset in each label and subgroup.

    Parameters
    ----------
    cells : mapping
        Name of each dataset -> its clips by label and subgroup.
    seeds : sequence of int
        Of the draw; the dataset's name is added, so that it does not matter which other
        datasets there are as long as the numbers are the same.

    Returns
    -------
    dict of str to list of str
        Name -> clips drawn; in each cell as many as the poorest dataset has there.
    """
    out: dict[str, list[str]] = {name: [] for name in cells}
    keys = {
        name: np.random.default_rng([*seeds, zlib.crc32(name.encode())]).bytes(16)
        for name in cells
    }
    first = next(iter(cells.values()))
    for present, strata in first.items():
        for stratum in strata:
            n = min(len(own[present][stratum]) for own in cells.values())
            for name, own in cells.items():
                clips = own[present][stratum]
                # By hash, so that a clip more or less changes no other's place.
                places = hashed(np.array(clips, str), keys[name])
                out[name] += [clips[i] for i in np.sort(np.argsort(places)[:n])]
    return out


def read_masks(
    path: Path,
    dataset: str,
    clip_id: NDArray[np.str_],
    classes: Sequence[str],
    shape: tuple[int, int],
) -> NDArray[np.bool_]:
    """Return which clips of a dataset were drawn.

    Parameters
    ----------
    path : Path
        As `draw_balanced` wrote it.
    dataset : str
        Name of the dataset.
    clip_id : ndarray of shape (n_clips,), str
        Its clips, in the order wanted; others that were drawn are left out.
    classes : sequence of str
        Classes, in the order wanted.
    shape : (int, int)
        Numbers of repeats and folds.

    Returns
    -------
    ndarray of shape (n_repeats, n_folds, n_classes, n_clips), bool
        Whether a clip was drawn.
    """
    rows = pd.read_parquet(path, filters=[("dataset", "==", dataset)])
    rows = rows[rows["class"].isin(list(classes)) & rows["clip_id"].isin(clip_id)]
    masks = np.zeros((*shape, len(classes), len(clip_id)), bool)
    masks[
        rows["repeat"].to_numpy(),
        rows["fold"].to_numpy(),
        pd.Index(classes).get_indexer(rows["class"]),
        pd.Index(clip_id).get_indexer(rows["clip_id"]),
    ] = True
    return masks


def read_order(
    path: Path,
    dataset: str,
    clip_id: NDArray[np.str_],
    name: str,
    repeat: int,
    fold: int,
) -> NDArray[np.int64]:
    """Return the clips of a dataset that were drawn for a class, in their order.

    Parameters
    ----------
    path : Path
        As `draw_balanced` wrote it.
    dataset, name : str
        The dataset and the class.
    clip_id : ndarray of shape (n_clips,), str
        Clips of the dataset; others that were drawn are left out.
    repeat, fold : int
        Which draw.

    Returns
    -------
    ndarray of shape (n_drawn,), int64
        Places in `clip_id`.
    """
    wanted = {"dataset": dataset, "class": name, "repeat": repeat, "fold": fold}
    rows = pd.read_parquet(path, filters=[(k, "==", v) for k, v in wanted.items()])
    places: NDArray[np.int64] = pd.Index(clip_id).get_indexer(rows["clip_id"])
    return places[places >= 0]
