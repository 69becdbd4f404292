"""Stage 6, discrepancy: measures with fewer clips, and between halves of a dataset.

What a classifier tells apart depends on how many clips it learns from. A curve over
their number shows whether a value has come to its end; two halves of one dataset show
what the same measure gives where there is no difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from earshift import discrepancy, registry
from earshift.evaluation import domains
from earshift.evaluation.domains import Domain
from earshift.stages.discrepancy.halves import MAX_CLIPS, draw_clips, halve
from earshift.stages.discrepancy.pair import Side, measure_pair
from earshift.stages.scores import inputs

#: Shares of the clips that a curve is measured with, besides all of them.
PARTS = (8, 4, 2)

#: Fewer clips of each dataset than this make no point of a curve.
MIN_CLIPS = 10


def measure_sizes(
    *,
    entries: Sequence[Mapping[str, str]],
    classes: Sequence[str],
    measures: Mapping[str, Any],
    scoring: Sequence[str],
    halved: Sequence[str],
    seed: int,
    n_clips: int,
    repeat: int,
    **_: Any,
) -> pd.DataFrame:
    """Measure held-out clips without any method: fewer of them, and halves of datasets.

    Parameters
    ----------
    entries, classes, measures, seed, n_clips
        As in `measuring.measure_fold`.
    scoring : sequence of str
        Measures that score clips; of others there is no curve.
    halved : sequence of str
        Names of the datasets whose own halves are measured.
    repeat : int
        Which halving.

    Returns
    -------
    DataFrame
        As that of `measuring.measure_fold`: per pair and number of clips, in both
        halves, the measures that score clips; then per dataset of `halved`, which is
        both a and b, all measures between its halves, with `n_clips` clips of each
        (fold 0).
    """
    measure_entries = checked_entries(measures)
    all_domains = inputs.load_all(entries, classes)
    names = [domain.name for domain in all_domains]
    halves = halve(all_domains, seed, repeat)

    scaled = [
        standardised(
            all_domains,
            draw_clips(all_domains, halves, (seed, repeat, 1 - fold), MAX_CLIPS),
        )
        for fold in (0, 1)
    ]

    def sides(half: int, n: int, fold: int) -> list[Side]:
        """Return `n` clips of one half of each dataset, scaled as those of a fold."""
        drawn = draw_clips(all_domains, halves, (seed, repeat, half), n)
        parts = zip(all_domains, drawn, scaled[fold], strict=True)
        return [Side.of(domain, chosen, X[chosen]) for domain, chosen, X in parts]

    def measured() -> Iterator[pd.DataFrame]:
        for fold, n in product((0, 1), sizes(n_clips)):
            some = zip(names, sides(fold, n, fold), strict=True)
            for (name_a, a), (name_b, b) in combinations(some, 2):
                for name in scoring:
                    rng = domains.generator(seed, repeat, fold, name_a, name_b)
                    key = {"measure": name, "a": name_a, "b": name_b}
                    rows = measure_pair(measure_entries[name], a, b, rng, key)
                    yield rows.assign(fold=fold)
        # Both scaled as one: else their means and spreads would tell them apart.
        both = (sides(half, n_clips, 0) for half in (0, 1))
        for one, a, b in zip(names, *both, strict=True):
            if one not in halved:
                continue
            for name, entry in measure_entries.items():
                rng = domains.generator(seed, repeat, 0, one)
                key = {"measure": name, "a": one, "b": one}
                yield measure_pair(entry, a, b, rng, key).assign(fold=0)

    whole = pd.concat(measured(), ignore_index=True)
    return whole.assign(method="none", repeat=repeat)


def sizes(n_clips: int) -> list[int]:
    """Return the numbers of clips of a curve that are less than all, ascending."""
    return [n for n in (n_clips // part for part in PARTS) if n >= MIN_CLIPS]


def checked_entries(measures: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the config entry of each measure of a task.

    Parameters
    ----------
    measures : mapping
        As in `measuring.measure_fold`.

    Returns
    -------
    dict
        Name -> entry.

    Raises
    ------
    DataError
        If a plugin was edited since the task was made.
    """
    out = {}
    for name, identity in measures.items():
        out[name], version = discrepancy.entry_of(name, identity)
        registry.check_version("discrepancy", out[name]["plugin"], version)
    return out


def standardised(
    all_domains: Sequence[Domain], train: Sequence[NDArray[np.bool_]]
) -> list[NDArray[np.float64]]:
    """Return the features of each dataset, standardised by the clips that train."""
    pooled = np.concatenate([d.X[t] for d, t in zip(all_domains, train, strict=True)])
    scaler = StandardScaler().fit(pooled)
    return [scaler.transform(d.X) for d in all_domains]
