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

from earshift import discrepancy, files, registry, versions
from earshift.debias import Method, calls, checks, controls, fit_checks
from earshift.errors import DataError
from earshift.evaluation import domains
from earshift.evaluation.domains import PRESENT, Domain
from earshift.numerics.grouped_folds import assign_folds
from earshift.stages.discrepancy.pair import Side, measure_pair
from earshift.stages.scores import cross_validation, inputs, score_tables
from earshift.stages.splits.classes import read_classes
from earshift.workers import tasks

#: How often the datasets are halved. A method is fitted on one half of the recordings
#: and measured on the other, then the other way round: a probe trained on the clips
#: that a method was fitted to would call every mean-matching method perfect.
N_REPEATS = 3

#: Clips of a dataset at most that a method is fitted to, and that are measured, in each
#: half: with a thousand, an AUC is known to about 0.01, and a kernel's time grows with
#: their square.
MAX_CLIPS = 1000

#: Columns that say which call of a measure a value is of.
CALL = ["measure", "a", "b", "method", "repeat", "fold"]


def measure_discrepancy(
    *,
    model: str,
    condition: str,
    entries: Sequence[Mapping[str, str]],
    classes: Path,
    methods: Mapping[str, Mapping[str, Any]],
    measures: Mapping[str, Mapping[str, Any]],
    seed: int,
    parts: Path,
    out: Path,
) -> None:
    """Measure held-out clips of each two datasets after each method.

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
    measures : mapping
        Name in the experiment -> config entry of each measure.
    seed : int
        Of the draws.
    parts : Path
        Folder where results of tasks are kept.
    out : Path
        Parquet file to write: for each measure, method, pair of datasets (columns a, b)
        and half (columns repeat, fold), a row per held-out clip, with columns clip_id,
        recording, dataset, score, inner_fold, where the measure scores clips. Of other
        measures a row per value, with columns quantity (``value``, ``null`` or
        ``resampled``), draw (counts the values of a quantity) and value; a file of the
        former alone has none of these columns.

    Raises
    ------
    DataError
        If a method or a measure does what none may.
    """
    chosen = read_classes(classes)
    all_domains = inputs.load_all(entries, chosen)
    shared = {
        "entries": [dict(entry) for entry in entries],
        "digest": [domain.digest() for domain in all_domains],
        "classes": chosen,
        "measures": discrepancy.identities(measures),
        "seed": seed,
        "version": versions.DISCREPANCY,
    }
    halves = [(repeat, half) for repeat in range(N_REPEATS) for half in (0, 1)]
    names = [domain.name for domain in all_domains]
    served = {n: m for n, m in Method.of_all(methods).items() if _pairs(m, names)}
    cells = cross_validation.cells(served, ["global"], halves)
    rows = tasks.run_tasks(
        measure_fold,
        [shared | cell for cell in cells],
        name="earshift.discrepancy._stage.measure_fold",
        folder=parts,
        n_workers=0,  # tasks of a fraction of a second
        what=f"{model} / {condition}: discrepancy",
    )
    check_draws(rows)
    rows = rows.assign(model=model, condition=condition)
    with files.whole_file(out) as file:
        rows.to_parquet(file, index=False)


def check_draws(rows: pd.DataFrame) -> None:
    """Refuse a measure that gives more values in one call than in another.

    Parameters
    ----------
    rows : DataFrame
        As `measure_discrepancy` writes them. Values are averaged, and methods compared,
        draw by draw.

    Raises
    ------
    DataError
        With the measure, and how many values it gave.
    """
    if "quantity" not in rows:
        return
    values = rows[rows["quantity"].notna()]
    calls = values.groupby([*CALL, "quantity"]).size().unstack(fill_value=0)
    for (name, _, _), counts in calls.groupby(["measure", "a", "b"]):
        for quantity in ("null", "resampled"):
            numbers = set(counts.get(quantity, []))
            if len(numbers) > 1:
                raise DataError(
                    f"the measure '{name}' gives {min(numbers)} {quantity} values for "
                    f"some halves or methods and {max(numbers)} for others: it must "
                    "always give as many."
                )


def measure_fold(
    *,
    entries: Sequence[Mapping[str, str]],
    classes: Sequence[str],
    measures: Mapping[str, Any],
    seed: int,
    method: str,
    method_entry: Mapping[str, Any],
    method_version: int | str,
    repeat: int,
    fold: int,
    **_: Any,
) -> pd.DataFrame:
    """Fit a method on one half of the recordings, measure the other half.

    Parameters
    ----------
    entries, classes, seed
        As in `measure_discrepancy`.
    measures : mapping
        Name in the experiment -> what decides the results of the measure, as
        `discrepancy.identities` returns it.
    method, method_entry, method_version
        Name, config entry and version of the debias method.
    repeat, fold : int
        Which halving, and which half is measured.

    Returns
    -------
    DataFrame
        As `measure_discrepancy` writes it.

    Raises
    ------
    DataError
        If the method does what none may, or a measure returns what none may.
    """
    own = Method.of_task(method, method_entry, method_version)
    measure_entries = {}
    for name, identity in measures.items():
        entry, version = discrepancy.entry_of(name, identity)
        registry.check_version("discrepancy", entry["plugin"], version)
        measure_entries[name] = entry
    all_domains = inputs.load_all(entries, classes)
    draws = np.random.default_rng([seed, repeat])
    halves = halve(all_domains, draws)
    # The other half is as it was when that is measured.
    both = [[_at_most(half == f, MAX_CLIPS, draws) for half in halves] for f in (0, 1)]
    train, test = both[1 - fold], both[fold]
    with score_tables.named(method, f"in stage 6 (halving {repeat}, half {fold})"):
        held_out = _corrected(own, all_domains, train, test, (repeat, fold))
    sides = [
        Side(X, domain.labels[chosen], _clips(domain, chosen))
        for X, domain, chosen in zip(held_out, all_domains, test, strict=True)
    ]
    tables = []
    for a, b in _pairs(own, [domain.name for domain in all_domains]):
        for name, entry in measure_entries.items():
            # The same draws for every method, so that their values are paired.
            rng = np.random.default_rng([seed, repeat, fold, a, b])
            key = {"measure": name, "a": all_domains[a].name, "b": all_domains[b].name}
            tables.append(measure_pair(entry, sides[a], sides[b], rng, key))
    return pd.concat(tables, ignore_index=True).assign(
        method=method, repeat=repeat, fold=fold
    )


def _pairs(method: Method, names: Sequence[str]) -> list[tuple[int, int]]:
    """Return the pairs of datasets that a method can serve, fitted to the first."""
    targets = {
        i
        for i, name in enumerate(names)
        if method.cannot(names[0], name, names) is None
    }
    pairs = combinations(range(len(names)), 2)
    return [pair for pair in pairs if targets.issuperset({*pair} - {0})]


def _corrected(
    method: Method,
    all_domains: Sequence[Domain],
    train: Sequence[NDArray[np.bool_]],
    test: Sequence[NDArray[np.bool_]],
    place: tuple[int, int],
) -> list[NDArray[np.float64]]:
    """Fit a method to the clips that train; return those that test as it leaves them.

    A method may do what it may in stage 5, and no more. `place` is which halving, and
    which half tests.
    """
    pooled = np.concatenate([d.X[t] for d, t in zip(all_domains, train, strict=True)])
    scaler = StandardScaler().fit(pooled)
    scaled = [scaler.transform(d.X) for d in all_domains]
    groups = [
        [
            checks.Clips(d.name, d.clip_id[t], x[t])
            for d, x, t in zip(all_domains, scaled, test, strict=True)
        ]
    ]
    repeat, half = place
    if method.replaces:
        labels = [d.labels[t] for d, t in zip(all_domains, test, strict=True)]
        # Unlike other methods in this stage, it draws anew in each repeat.
        rng = controls.generator(method.redrawn(repeat), half, controls.TEST)
        return controls.replaced(method.make(), groups[0], labels, rng)
    parts = [(d, x[t], t) for d, x, t in zip(all_domains, scaled, train, strict=True)]
    fitted, seen = fit_method(method, parts)
    told = method.looks_at_domains
    rng = np.random.default_rng(0)
    (held_out,) = checks.transformed(fitted, groups, mixed=not told, rng=rng)
    if half == 0:  # once in each repeat
        some = [clips.X[: checks.SAMPLE] for clips in groups[0]]
        datasets = np.repeat(
            [clips.dataset for clips in groups[0]], list(map(len, some))
        )
        again = (np.concatenate(some), datasets if told else None)
        fit_checks.check_fit(method.plugin, method.make, seen, *again)
    return held_out


def halve(
    all_domains: Sequence[Domain], draws: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Halve the recordings of all datasets; one that two have is in one half.

    Parameters
    ----------
    all_domains : sequence of Domain
        The datasets.
    draws : Generator
        Draws.

    Returns
    -------
    list of ndarray of shape (n_clips,), int
        For each dataset, the half of each clip: 0 or 1.
    """
    blocks = [
        np.column_stack([d.labels == PRESENT, np.ones(len(d.labels), bool)])
        for d in all_domains
    ]
    recordings = np.concatenate([d.recording for d in all_domains])
    half = assign_folds(block_diag(*blocks), recordings, 2, draws)
    return np.split(half, np.cumsum([len(d.recording) for d in all_domains])[:-1])


def fit_method(
    method: Method,
    parts: Sequence[tuple[Domain, NDArray[np.float64], NDArray[np.bool_]]],
) -> tuple[TransformerMixin, dict[str, Any]]:
    """Fit a method, with the first dataset in the place of the source.

    Parameters
    ----------
    method : Method
        The method.
    parts : sequence of (Domain, features, seen)
        Of each dataset, its features of shape (n_clips, n_features), and which clips
        the method is fitted to.

    Returns
    -------
    fitted : transformer
        The method.
    seen : dict
        What it was fitted to, by the names of the arguments of `fit`.
    """
    seen = domains.seen_by(method, parts, source=parts[0][0].name)
    # One kernel for all of them: 'k' sees no more than this.
    seen["source_clips"] = parts[0][1]
    return calls.fit(method.make(), seen), seen


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
