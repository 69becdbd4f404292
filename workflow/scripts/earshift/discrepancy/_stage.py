"""Stage 6, discrepancy: each measure, between each two datasets, for each method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.linalg import block_diag
from sklearn.base import TransformerMixin
from sklearn.preprocessing import StandardScaler

from earshift import cluster, debias, domains, evaluate, jobs, registry, versions
from earshift.classes import read_classes
from earshift.debias._kernel import KernelMethod
from earshift.domains import PRESENT, Domain
from earshift.folds import assign_folds

#: How often the datasets are halved. A method is fitted on one half of the recordings
#: and measured on the other, then the other way round: a probe trained on the clips
#: that a method was fitted to would call every mean-matching method perfect.
N_REPEATS = 3

#: Clips of a dataset at most that a method is fitted to, and that are measured, in each
#: half: with a thousand, an AUC is known to about 0.01, and a kernel's time grows with
#: their square.
MAX_CLIPS = 1000


def measure_discrepancy(
    *,
    model: str,
    condition: str,
    entries: Sequence[Mapping[str, str]],
    classes: Path,
    methods: Mapping[str, Mapping[str, Any]],
    measures: Sequence[str],
    seed: int,
    parts: Path,
    out: Path,
) -> None:
    """Write domain scores of held-out clips, for each method and measure.

    Parameters
    ----------
    model, condition : str
        Which features; written into the table.
    entries : sequence of mapping
        Per dataset `name` and the paths `features`, `labels`, `splits`.
    classes : Path
        CSV file of the classes in use.
    methods : mapping
        Name in the experiment -> config entry of each debias method.
    measures : sequence of str
        Names of discrepancy plugins.
    seed : int
        Of the draws.
    parts : Path
        Folder where results of tasks are kept.
    out : Path
        Parquet file to write: a row per held-out clip, measure, method and pair of
        datasets, with columns measure, a, b, repeat, fold, clip_id, recording,
        dataset, score, inner_fold.
    """
    chosen = read_classes(classes)
    all_domains = domains.load_all(entries, chosen)
    shared = {
        "entries": [dict(entry) for entry in entries],
        "digest": [domain.digest() for domain in all_domains],
        "classes": chosen,
        "measures": {m: registry.load("discrepancy", m).version for m in measures},
        "seed": seed,
        "version": versions.DISCREPANCY,
    }
    halves = [(repeat, half) for repeat in range(N_REPEATS) for half in (0, 1)]
    cells = evaluate.cells(methods, ["global"], halves)
    rows = cluster.run_tasks(
        measure_fold,
        [shared | cell for cell in cells],
        folder=parts,
        n_workers=0,  # tasks of a fraction of a second
        what=f"{model} / {condition}: discrepancy",
    )
    rows = rows.assign(model=model, condition=condition)
    with jobs.whole_file(out) as file:
        rows.to_parquet(file, index=False)


def measure_fold(
    *,
    entries: Sequence[Mapping[str, str]],
    classes: Sequence[str],
    measures: Mapping[str, int],
    seed: int,
    method: str,
    method_entry: Mapping[str, Any],
    repeat: int,
    fold: int,
    **_: Any,
) -> pd.DataFrame:
    """Fit a method on one half of the recordings, measure the other half.

    Parameters
    ----------
    entries, classes, measures, seed
        As in `measure_discrepancy`.
    method, method_entry
        Name and config entry of the debias method.
    repeat, fold : int
        Which halving, and which half is measured.

    Returns
    -------
    DataFrame
        As `measure_discrepancy` writes it.
    """
    all_domains = domains.load_all(entries, classes)
    draws = np.random.default_rng([seed, repeat])
    halves = _halves(all_domains, draws)
    # The other half is as it was when that is measured.
    both = [[_at_most(half == f, MAX_CLIPS, draws) for half in halves] for f in (0, 1)]
    train, test = both[1 - fold], both[fold]
    pooled = np.concatenate([d.X[t] for d, t in zip(all_domains, train, strict=True)])
    scaler = StandardScaler().fit(pooled)
    scaled = [scaler.transform(d.X) for d in all_domains]
    transformer = _fit_method(
        method_entry,
        [(d, x[t], t) for d, x, t in zip(all_domains, scaled, train, strict=True)],
    )
    held_out = [transformer.transform(x[t]) for x, t in zip(scaled, test, strict=True)]
    tables = []
    for a, b in combinations(range(len(all_domains)), 2):
        clips = pd.concat(
            [_clips(all_domains[i], test[i]) for i in (a, b)], ignore_index=True
        )
        recordings = [all_domains[i].recording[test[i]] for i in (a, b)]
        for name in measures:
            # The same draws for every method, so that their values are paired.
            rng = np.random.default_rng([seed, repeat, fold, a, b])
            found = registry.load("discrepancy", name).measure(
                held_out[a], held_out[b], *recordings, rng
            )
            tables.append(
                clips.assign(
                    measure=name,
                    a=all_domains[a].name,
                    b=all_domains[b].name,
                    score=found.scores,
                    inner_fold=found.folds,
                )
            )
    return pd.concat(tables, ignore_index=True).assign(
        method=method, repeat=repeat, fold=fold
    )


def _halves(
    all_domains: Sequence[Domain], draws: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Halve the recordings of all datasets; one that two have is in one half."""
    blocks = [
        np.column_stack([d.labels == PRESENT, np.ones(len(d.labels), bool)])
        for d in all_domains
    ]
    recordings = np.concatenate([d.recording for d in all_domains])
    half = assign_folds(block_diag(*blocks), recordings, 2, draws)
    return np.split(half, np.cumsum([len(d.recording) for d in all_domains])[:-1])


def _fit_method(
    entry: Mapping[str, Any],
    parts: Sequence[tuple[Domain, NDArray[np.float64], NDArray[np.bool_]]],
) -> TransformerMixin:
    """Fit a method, with the first dataset in the place of the source."""
    seen = domains.seen_by(entry, parts, source=parts[0][0].name)
    method = debias.make(entry["plugin"], **registry.own_options(entry))
    if isinstance(method, KernelMethod):
        # One kernel for all of them: 'k' sees no more than this.
        seen["source"] = parts[0][1]
    return method.fit(**seen)


def _at_most(
    chosen: NDArray[np.bool_], n: int, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return `n` of the chosen clips, or all if there are not so many."""
    out = np.zeros_like(chosen)
    out[rng.permutation(np.flatnonzero(chosen))[:n]] = True
    return out


def _clips(domain: Domain, chosen: NDArray[np.bool_]) -> pd.DataFrame:
    """Return dataset, id and recording of the chosen clips of a domain."""
    return pd.DataFrame(
        {
            "dataset": domain.name,
            "clip_id": domain.clip_id[chosen],
            "recording": domain.recording[chosen],
        }
    )
