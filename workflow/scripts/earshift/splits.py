"""Stage 4, splits: which clips train and which test, by recording."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift import clips, datasets, jobs
from earshift.errors import DataError


def make_splits(
    name: str,
    table: Path,
    *,
    kind: Literal["grouped", "official"],
    n_folds: int,
    n_repeats: int,
    seed: int,
    out: Path,
) -> None:
    """Write the splits of a dataset: per repeat and fold, the test clips.

    Parameters
    ----------
    name : str
        Name of the dataset, for messages.
    table : Path
        Its clip table.
    kind : {"grouped", "official"}
        Folds drawn by recording, or the one split that the dataset's authors made.
    n_folds, n_repeats : int
        Folds per repeat, and repeats with other draws; official splits have one each.
    seed : int
        Of the draws.
    out : Path
        Parquet file to write: columns `repeat`, `fold`, `clip_id` of every test clip.
        The clips of the other folds train; with an official split, those marked train.

    Raises
    ------
    DataError
        If a recording would be on both sides, or there are fewer recordings than folds.
    """
    usable = clips.usable(table)
    if kind == "official":
        rows = _official(name, usable)
    else:
        rows = _grouped(name, usable, n_folds, n_repeats, seed)
    with jobs.whole_file(out) as file:
        rows.to_parquet(file, index=False)


def _official(name: str, usable: pd.DataFrame) -> pd.DataFrame:
    odd = sorted(set(usable["split"].fillna("none")) - {"train", "test"})
    if odd:
        raise DataError(
            f"dataset '{name}' has clips whose official split is '{odd[0]}', not train "
            "or test. Use 'kind: grouped' under 'splits' in the config."
        )
    test = usable["split"].eq("test")
    both = set(usable["recording"][test]) & set(usable["recording"][~test])
    if both:
        raise DataError(
            f"dataset '{name}': recording '{min(both)}' is on both sides of the "
            "official split."
        )
    return pd.DataFrame(
        {"repeat": 0, "fold": 0, "clip_id": usable["clip_id"][test].to_numpy()}
    )


def _grouped(
    name: str, usable: pd.DataFrame, n_folds: int, n_repeats: int, seed: int
) -> pd.DataFrame:
    labels = usable[[datasets.LABEL + c for c in datasets.classes(usable)]]
    present = labels.fillna(False).to_numpy(bool)
    recordings = usable["recording"].to_numpy(str)
    if len(np.unique(recordings)) < n_folds:
        raise DataError(
            f"dataset '{name}' has {len(np.unique(recordings))} recordings, too few "
            f"for {n_folds} folds of whole recordings. Lower 'n_folds' in the config."
        )
    parts = []
    for repeat, child in enumerate(np.random.SeedSequence(seed).spawn(n_repeats)):
        fold = assign_folds(present, recordings, n_folds, np.random.default_rng(child))
        parts.append(
            pd.DataFrame({"repeat": repeat, "fold": fold, "clip_id": usable["clip_id"]})
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
