"""Stage 6, discrepancy: each measure, between each two datasets, for each method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import TransformerMixin

from earshift import discrepancy, files, versions
from earshift.debias import Method, calls, checks, controls, fit_checks
from earshift.errors import DataError
from earshift.evaluation import domains
from earshift.evaluation.domains import Domain
from earshift.stages.discrepancy import curves
from earshift.stages.discrepancy.halves import (
    MAX_CLIPS,
    N_REPEATS,
    clips_per_side,
    draw_clips,
    halve,
)
from earshift.stages.discrepancy.pair import Side, measure_pair
from earshift.stages.discrepancy.sizes import (
    checked_entries,
    measure_sizes,
    standardised,
)
from earshift.stages.scores import cross_validation, inputs, score_tables
from earshift.stages.splits.classes import read_classes
from earshift.workers import tasks

#: Columns that say which call of a measure a value is of.
CALL = ["measure", "a", "b", "method", "repeat", "fold"]


def measure_discrepancy(
    *,
    model: str,
    condition: str,
    entries: Sequence[Mapping[str, Any]],
    classes: Path,
    methods: Mapping[str, Mapping[str, Any]],
    measures: Mapping[str, Mapping[str, Any]],
    fit: str = "pair",
    seed: int,
    parts: Path,
    out: Path,
    size_parts: Path,
    sizes: Path,
) -> None:
    """Measure held-out clips of each two datasets after each method.

    All pairs are measured with one number of clips of each dataset, that of the
    smallest (`halves.clips_per_side`). With ``fit="pair"``, this number is all that a
    pair knows of other datasets.

    Parameters
    ----------
    model, condition : str
        Which features; written into the table.
    entries : sequence of mapping
        Per dataset `name` and the paths `features`, `labels`, `splits`; also `fronts`,
        if methods have one (`inputs.behind`).
    classes : Path
        CSV file of the classes in use.
    methods : mapping
        Name in the experiment -> config entry of each debias method.
    measures : mapping
        Name in the experiment -> config entry of each measure.
    fit : {"pair", "all"}, default="pair"
        Whether the datasets are halved and scaled, and methods fitted to them, pair by
        pair, or all at once.
    seed : int
        Of the draws.
    parts : Path
        Folder where results of tasks are kept.
    out : Path
        Parquet file to write: for each measure, method, pair of datasets (columns a, b)
        and half (columns repeat, fold), a row per held-out clip, with columns clip_id,
        recording, dataset, of_b, score, inner_fold, where the measure scores clips. Of
        other measures a row per value, with columns quantity (``value``, ``null`` or
        ``resampled``), draw (counts the values of a quantity) and value; a file of the
        former alone has none of these columns. All have those of `pair.COUNTS`.
    size_parts : Path
        As `parts`, for `sizes`.
    sizes : Path
        Parquet file to write, alike: of the method ``none`` with fewer clips, and of
        two halves of each dataset, which is then a and b (`sizes.measure_sizes`).

    Raises
    ------
    DataError
        If a method or a measure does what none may.
    """
    chosen = read_classes(classes)
    served = cross_validation.served(Method.of_all(methods), entries, condition)
    by_front: dict[str, Mapping[str, Method]] = {"": {}}
    by_front |= cross_validation.by_front(served)
    loaded = {front: _loaded(entries, front, fit, chosen) for front in by_front}
    what = f"{model} / {condition}: discrepancy"
    told = {
        "classes": chosen,
        "measures": discrepancy.identities(measures),
        "seed": seed,
        "n_clips": clips_per_side([some for _, some in loaded[""]], seed, what),
        "version": versions.DISCREPANCY,
    }
    shared: dict[str, list[dict[str, Any]]] = {
        front: [
            {
                "entries": [dict(entry) for entry in group],
                "digest": [domain.digest() for domain in some],
                **told,
            }
            for group, some in groups
        ]
        for front, groups in loaded.items()
    }
    rows = tasks.run_tasks(
        measure_fold,
        [
            one | cell
            for front, some_methods in by_front.items()
            for one in shared[front]
            for cell in _cells(one["entries"], some_methods)
        ],
        name="earshift.discrepancy._stage.measure_fold",
        folder=parts,
        n_workers=0,  # tasks of a fraction of a second
        what=what,
    )
    check_draws(rows)
    _write(rows.assign(model=model, condition=condition), out)
    scoring = {"scoring": curves.scoring(rows)}
    rows = tasks.run_tasks(
        measure_sizes,
        [
            one | scoring | {"halved": names, "repeat": repeat}
            for one, names in zip(shared[""], _first_in(loaded[""]), strict=True)
            for repeat in range(N_REPEATS)
        ],
        name="earshift.discrepancy.measure_sizes",
        folder=size_parts,
        n_workers=0,
        what=f"{what} by number of clips",
    )
    _write(rows.assign(model=model, condition=condition), sizes)


def _cells(
    entries: Sequence[Mapping[str, str]], methods: Mapping[str, Method]
) -> Iterator[dict[str, Any]]:
    """Yield what distinguishes the tasks of some datasets from one another."""
    names = [entry["name"] for entry in entries]
    served = {n: m for n, m in methods.items() if _pairs(m, names)}
    halves = [(repeat, half) for repeat in range(N_REPEATS) for half in (0, 1)]
    yield from cross_validation.cells(served, ["global"], halves)


def _loaded(
    entries: Sequence[Mapping[str, Any]], front: str, fit: str, classes: list[str]
) -> list[tuple[list[Mapping[str, str]], list[Domain]]]:
    """Return the datasets that are seen together, behind a front: entries, contents."""
    groups = cross_validation.together(inputs.behind(entries, front), fit)
    return [(group, inputs.load_all(group, classes)) for group in groups]


def _first_in(
    groups: Sequence[tuple[Sequence[Mapping[str, str]], Sequence[Domain]]],
) -> Iterator[list[str]]:
    """Yield the names of the datasets of each group that no earlier group has."""
    seen: set[str] = set()
    for group, _ in groups:
        names = [entry["name"] for entry in group if entry["name"] not in seen]
        seen.update(names)
        yield names


def _write(rows: pd.DataFrame, out: Path) -> None:
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
    n_clips: int,
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
    entries : sequence of mapping
        As in `measure_discrepancy`, of the datasets that the method is fitted to.
    classes, seed
        As in `measure_discrepancy`.
    measures : mapping
        Name in the experiment -> what decides the results of the measure, as
        `discrepancy.identities` returns it.
    n_clips : int
        Clips of each dataset that are measured.
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
    measure_entries = checked_entries(measures)
    all_domains = inputs.load_all(entries, classes)
    halves = halve(all_domains, seed, repeat)
    train = draw_clips(all_domains, halves, (seed, repeat, 1 - fold), MAX_CLIPS)
    test = draw_clips(all_domains, halves, (seed, repeat, fold), n_clips)
    with score_tables.named(method, f"in stage 6 (halving {repeat}, half {fold})"):
        held_out = _corrected(own, all_domains, train, test, (repeat, fold))
    sides = [
        Side.of(domain, chosen, X)
        for X, domain, chosen in zip(held_out, all_domains, test, strict=True)
    ]
    tables = []
    for a, b in _pairs(own, [domain.name for domain in all_domains]):
        names = {"a": all_domains[a].name, "b": all_domains[b].name}
        for name, entry in measure_entries.items():
            # The same draws for every method, so that their values are paired.
            rng = domains.generator(seed, repeat, fold, *names.values())
            key = {"measure": name, **names}
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
    scaled = standardised(all_domains, train)
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
    domain, seen["source_clips"], own = parts[0]
    seen["source_labels"] = domain.labels[own]
    return calls.fit(method.make(), seen), seen
