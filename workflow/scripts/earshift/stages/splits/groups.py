"""Stage 4, splits: which recordings belong together, within and across datasets.

A group is what must be on one side of a split: a recording, the same recording in
another dataset, and all recordings that hold copies of its clips.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import combinations, combinations_with_replacement
from math import prod
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from earshift.tables import SHARED

log = logging.getLogger(__name__)

#: Names that two datasets have in common by chance, at most: of more, the log warns.
MAX_SAME_NAMES = 5

#: Share of a dataset's clips from which a group that copies join is called large.
LARGE = 0.1

#: Columns of the table of groups.
COLUMNS = ("dataset", "clip_id", "recording", "group")


def find(
    tables: Mapping[str, pd.DataFrame],
    namespaces: Mapping[str, str],
    duplicates: pd.DataFrame | None,
) -> pd.DataFrame:
    """Return the group of each clip.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Name of each dataset -> its clips, with columns clip_id and recording.
    namespaces : mapping of str to str
        Datasets whose recordings have names that mean the same wherever they occur ->
        what these names are, such as ``freesound``. Equal names of two datasets are one
        recording if both have the same namespace, and two if not.
    duplicates : DataFrame or None
        Pairs of copies, from `duplicates.find_duplicates`; None keeps them apart.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`, the clips of all datasets in their order. Recordings are
        named ``<namespace>:<recording>``, or ``<dataset>/<recording>`` without a
        namespace, and a group by the first of its recordings. Neither depends on what
        other datasets there are, unless they share recordings.
    """
    parts = [
        pd.DataFrame(
            {
                "dataset": name,
                "clip_id": table["clip_id"].astype(str),
                "recording": _named(name, namespaces) + table["recording"].astype(str),
            }
        )
        for name, table in tables.items()
    ]
    clips = pd.concat(parts, ignore_index=True)
    clips["group"] = clips["recording"]
    if duplicates is not None:
        pairs = pd.DataFrame(
            {
                side: duplicates[f"dataset_{side}"].map(
                    {name: _named(name, namespaces) for name in tables}
                )
                + duplicates[f"recording_{side}"]
                for side in "ab"
            }
        )
        clips["group"] = _joined(clips["recording"], pairs)
    for row in large(clips):
        log.warning(
            "%s: copies join %d of %d recordings, %d of %d clips, into one group, "
            "which is tested as a whole: folds may be uneven. 1_clips/duplicates.csv "
            "has the copies; 'copies: apart' under 'splits' in the config ignores them",
            *(row[key] for key in ("dataset", "recordings", "of_recordings")),
            *(row["clips"], row["of_clips"]),
        )
    _warn_of_names(tables, namespaces)
    return clips[list(COLUMNS)]


def _named(dataset: str, namespaces: Mapping[str, str]) -> str:
    """Return the start of the names of a dataset's recordings."""
    return f"{namespaces[dataset]}:" if dataset in namespaces else f"{dataset}/"


def _joined(recordings: pd.Series[str], pairs: pd.DataFrame) -> NDArray[np.str_]:
    """Return the first recording of all that pairs connect with each of some."""
    names, member = np.unique(recordings.to_numpy(str), return_inverse=True)
    place = pd.Index(names)
    ends = np.stack([place.get_indexer(pairs[side]) for side in "ab"])
    ends = ends[:, (ends >= 0).all(axis=0)]
    ones = np.ones(ends.shape[1], bool)
    graph = coo_array((ones, tuple(ends)), shape=(len(names), len(names)))
    component = connected_components(graph, directed=False)[1]
    # Names are sorted, so that the first of each component is its first name.
    first = np.unique(component, return_index=True)[1]
    found: NDArray[np.str_] = names[first[component]][member]
    return found


def large(clips: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the groups that take a large part of a dataset, since copies join them.

    Parameters
    ----------
    clips : DataFrame
        As `find` returns it.

    Yields
    ------
    dict
        Keys dataset, recordings, of_recordings, clips, of_clips: the size of the group
        in the dataset, and that of the dataset.
    """
    for name, own in clips.groupby("dataset", sort=False):
        whole = own.groupby("group")["recording"].agg(["nunique", "size"])
        joined = whole[whole["nunique"].gt(1) & whole["size"].gt(LARGE * len(own))]
        for n_recordings, n_clips in joined.to_numpy(int):
            yield {
                "dataset": name,
                "recordings": int(n_recordings),
                "of_recordings": own["recording"].nunique(),
                "clips": int(n_clips),
                "of_clips": len(own),
            }


def _warn_of_names(
    tables: Mapping[str, pd.DataFrame], namespaces: Mapping[str, str]
) -> None:
    """Warn of datasets that seem to mean the same recordings by the same names."""
    names = {name: set(t["recording"].astype(str)) for name, t in tables.items()}
    for a, b in combinations(names, 2):
        if _named(a, namespaces) == _named(b, namespaces):
            continue
        n = sum(_telling(names[a], names[b]).values())
        if n > MAX_SAME_NAMES:
            log.warning(
                "%s and %s have %d names of recordings in common, which are taken for "
                "different recordings: one may train while the other tests. If they "
                "are the same, set 'recordings: <name of the collection>', such as "
                "'recordings: freesound', for both under 'datasets' in the config",
                *(a, b, n),
            )


def _telling(a: set[str], b: set[str]) -> dict[str, int]:
    """Return common names by pattern, where counting does not explain their number.

    Recordings that are numbered from 1 on have the same names in any two datasets.
    Numbers out of a large range do not agree by chance.
    """
    found = {}
    patterns = [Counter(map(_pattern, names)) for names in (a, b)]
    ranges = _ranges(a | b)
    for pattern, n in Counter(map(_pattern, a & b)).items():
        by_chance = patterns[0][pattern] * patterns[1][pattern] / ranges[pattern]
        if "0" not in pattern or n > 3 * by_chance:
            found[pattern] = n
    return found


def _pattern(name: str) -> str:
    """Return a name with 0 in place of each number in it."""
    return re.sub(r"\d+", "0", name)


def _ranges(names: set[str]) -> dict[str, float]:
    """Return how many names of each pattern there are up to the largest numbers."""
    largest: dict[str, list[float]] = {}
    for name in names:
        numbers = [float(n) for n in re.findall(r"\d+", name)]
        known = largest.setdefault(_pattern(name), numbers)
        largest[_pattern(name)] = list(map(max, known, numbers))
    return {p: prod(n + 1 for n in ns) for p, ns in largest.items()}


def shared(clips: pd.DataFrame, splits: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Count what two datasets, or two recordings of one, have in common in each fold.

    Parameters
    ----------
    clips : DataFrame
        As `find` returns it.
    splits : mapping of str to DataFrame
        Name of each dataset -> rows with the columns repeat, fold, clip_id and tests.

    Returns
    -------
    DataFrame
        Columns of `tables.SHARED`. `a` and `b` are two datasets, or one, whose
        recordings copies join. `why` is ``recording`` where both have a recording of
        the same name, and ``copy`` where copies alone join them. `groups` counts those
        that are tested in the fold, `tested_a` and `tested_b` their test clips,
        `left_out_a` and `left_out_b` clips that do not train since their group is
        tested. Those of `b` are 0 where it is `a`. Folds without any have no row.
    """
    rows = pd.concat([part.assign(dataset=name) for name, part in splits.items()])
    rows = rows.merge(clips, on=["dataset", "clip_id"])
    found = []
    for (a, b, why), groups in in_common(clips).items():
        own = rows[rows["dataset"].isin([a, b]) & rows["group"].isin(groups)]
        for (repeat, fold), part in own.groupby(["repeat", "fold"]):
            counts = [
                int((part["dataset"].eq(name) & part["tests"].eq(tests)).sum())
                for tests in (True, False)
                for name in (a, b if b != a else None)
            ]
            n_groups = part["group"].nunique()
            found.append((a, b, why, repeat, fold, n_groups, *counts))
    return pd.DataFrame(found, columns=SHARED.names)


def in_common(clips: pd.DataFrame) -> dict[tuple[str, str, str], list[str]]:
    """Return the groups that each two datasets have, and those of several recordings.

    Parameters
    ----------
    clips : DataFrame
        As `find` returns it.

    Returns
    -------
    dict
        Two datasets and why they have it, ``recording`` or ``copy`` as in `shared` ->
        groups. Those of several recordings of one dataset are under its name twice.
    """
    names = clips["dataset"].unique()
    held = clips[["dataset", "recording", "group"]].drop_duplicates()
    recordings = held.groupby(["dataset", "group"])["recording"].agg(set)
    found: dict[tuple[str, str, str], list[str]] = {}
    for a, b in combinations_with_replacement(names, 2):
        one, other = recordings[a], recordings[b]
        both = one.index.intersection(other.index)
        if a == b:
            found[a, b, "copy"] = [group for group in both if len(one[group]) > 1]
            continue
        by_name = [group for group in both if one[group] & other[group]]
        found[a, b, "recording"] = by_name
        found[a, b, "copy"] = list(both.difference(by_name))
    return {key: groups for key, groups in found.items() if groups}
