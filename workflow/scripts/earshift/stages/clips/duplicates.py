"""Stage 1, clips: which clips of an experiment are the same, exactly or nearly."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift import datasets, jobs, layout
from earshift.audio import fingerprint
from earshift.datasets import LABEL
from earshift.stages.clips import listing
from earshift.tables import DUPLICATES

log = logging.getLogger(__name__)

#: Copies of one sound whose pairs are all listed; of others, those with the first.
MAX_COPIES = 50

#: Pairs that wait for a thread at most.
PAIRS_AT_A_TIME = 1000


def find_duplicates(
    tables: Mapping[str, Path], out: Path, *, n_threads: int = 1
) -> None:
    """Write the pairs of usable clips that are the same sound.

    Parameters
    ----------
    tables : mapping
        Name of each dataset -> its clip table.
    out : Path
        CSV file to write, `tables.DUPLICATES`: exact copies first, in the order of the
        datasets and clips. `kind` is ``exact`` (the same samples) or ``near``;
        `similarity` is 1, or `fingerprint.similarity`. `same_recording` is yes where
        both are of one dataset and recording, `splits_differ` where both have an
        official split and not the same. `label_conflict` names the classes that are
        present in one and absent in the other, separated by ``"; "``: unknown labels
        never conflict.
    n_threads : int, default=1
        Pairs compared at a time.
    """
    every = pd.concat([_usable(name, table) for name, table in tables.items()])
    every = every.reset_index(drop=True)
    groups = [
        g.to_numpy()
        for _, g in pd.Series(every.index).groupby(every["content_hash"], sort=False)
    ]
    large = [g for g in groups if len(g) > MAX_COPIES]
    if large:
        log.warning(
            "%d sounds have more than %d copies, the most %d: pairs of the first %d "
            "of each are listed, and those of the others with the first one",
            *(len(large), MAX_COPIES, max(map(len, large)), MAX_COPIES),
        )
    rows = [
        _pair(every, "exact", 1.0, i, j)
        for group in groups
        for i, j in (
            *combinations(group[:MAX_COPIES], 2),
            *((group[0], other) for other in group[MAX_COPIES:]),
        )
    ]
    copies = {int(g[0]): g[:MAX_COPIES] for g in groups}
    # One of the exact copies stands for all of them.
    firsts = [int(g[0]) for g in groups]
    for i, j, similarity in _near(every, firsts, tables, n_threads):
        rows += [
            _pair(every, "near", similarity, *sorted(pair))
            for pair in product(copies[i], copies[j])
        ]
    pairs = pd.DataFrame(rows, columns=["i", "j", *DUPLICATES.names])
    pairs = pairs.sort_values(["kind", "i", "j"])[DUPLICATES.names]
    DUPLICATES.write(pairs, out)
    kinds = pairs["kind"].value_counts()
    log.info(
        "%d clips: %d pairs of exact and %d of near duplicates",
        *(len(every), kinds.get("exact", 0), kinds.get("near", 0)),
    )


def _usable(name: str, table: Path) -> pd.DataFrame:
    """Read the usable clips of a dataset, the place of their excerpts, their labels."""
    clips = listing.read(table)
    measured = pd.read_parquet(
        layout.beside(table, layout.CLIPS, layout.MEASURES),
        columns=["clip_id", "content_hash", "sketch"],
    )
    clips = clips.join(measured.drop(columns="clip_id")).assign(
        dataset=name, place=np.arange(len(clips))
    )
    # Clips without audio have no samples to compare.
    clips = clips[clips["status"].eq("ok") & clips["content_hash"].ne("")]
    wanted = ["dataset", "place", "clip_id", "recording", "split"]
    labels = [LABEL + c for c in datasets.classes(clips)]
    return clips[[*wanted, "content_hash", "sketch", *labels]]


def _near(
    every: pd.DataFrame,
    firsts: list[int],
    tables: Mapping[str, Path],
    n_threads: int,
) -> Iterator[tuple[int, int, float]]:
    """Yield the rows of `every` that are near duplicates, among `firsts`."""
    pairs = fingerprint.candidates([every["sketch"].iloc[i] for i in firsts])
    log.info("%d pairs of clips are compared", len(pairs))
    excerpts = {
        name: np.load(
            layout.beside(table, layout.CLIPS, layout.EXCERPTS), mmap_mode="r"
        )
        for name, table in tables.items()
    }

    places = list(zip(every["dataset"], every["place"], strict=True))

    def compare(pair: NDArray[np.int64]) -> float:
        one, other = (
            np.trim_zeros(np.asarray(excerpts[dataset][place]), "b")
            for dataset, place in (places[firsts[i]] for i in pair)
        )
        return fingerprint.similarity(one, other)

    progress = jobs.Progress("duplicates", len(pairs), "pairs")
    with ThreadPoolExecutor(n_threads) as pool:
        for start in range(0, len(pairs), PAIRS_AT_A_TIME):
            some = pairs[start : start + PAIRS_AT_A_TIME]
            for (a, b), similarity in zip(some, pool.map(compare, some), strict=True):
                if similarity >= fingerprint.SIMILAR:
                    yield firsts[a], firsts[b], similarity
            progress.step(len(some))


def _pair(
    every: pd.DataFrame, kind: str, similarity: float, i: int, j: int
) -> dict[str, Any]:
    a, b = every.iloc[i], every.iloc[j]
    row: dict[str, Any] = {"i": i, "j": j, "kind": kind}
    row["similarity"] = round(similarity, 3)
    for side, clip in (("a", a), ("b", b)):
        for column in ("dataset", "clip_id", "recording", "split"):
            row[f"{column}_{side}"] = clip[column]
    same = a["dataset"] == b["dataset"] and a["recording"] == b["recording"]
    split = pd.notna(a["split"]) and pd.notna(b["split"]) and a["split"] != b["split"]
    conflict = [
        column[len(LABEL) :]
        for column in sorted(c for c in every.columns if c.startswith(LABEL))
        if pd.notna(a[column]) and pd.notna(b[column]) and a[column] != b[column]
    ]
    return row | {
        "same_recording": "yes" if same else "no",
        "splits_differ": "yes" if split else "no",
        "label_conflict": "; ".join(conflict),
    }
