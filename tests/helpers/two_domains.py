"""Two small datasets with a shift between them, and their cross-validation."""

import numpy as np
import pandas as pd

from earshift import datasets, store
from earshift.stages.discrepancy.measuring import measure_discrepancy
from earshift.stages.scores import cross_validation
from earshift.stages.splits import classes, draws, splitting
from earshift.stages.statistics import discrepancy_summary, summary
from earshift.tables import SCORES

METHODS = {name: {"plugin": name} for name in ("none", "lda", "mean_projection")}
MEASURES = {"domain_auc_linear": {"plugin": "domain_auc_linear"}}
SHIFT = np.r_[np.full(4, 2.5), np.zeros(8)]


def entry_of(folder, name):
    """A dataset of a folder, as stages 5 and 6 are told of it."""
    return {
        "name": name,
        "features": str(folder / f"{name}.zarr"),
        "labels": str(folder / f"{name}.parquet"),
        "splits": str(folder / f"{name}.splits.parquet"),
    }


def entries_in(folder):
    """Both datasets of `write_two_domains`."""
    return [entry_of(folder, name) for name in ("a", "b")]


def write_domain(folder, name, shift, seed, n_recordings=40):
    """Two classes along their own directions; the dataset shift overlaps with one."""
    rng = np.random.default_rng(seed)
    n = 2 * n_recordings
    kind = np.repeat(np.arange(n_recordings) % 3, 2)
    X = rng.standard_normal((n, 12)) + shift
    X[kind == 0, 0] += 2.5
    X[kind == 1, 6] += 2.5
    ids = [f"{name}{i}" for i in range(n)]
    table = pd.DataFrame(
        {
            "clip_id": ids,
            "recording": np.repeat([f"{name}r{r}" for r in range(n_recordings)], 2),
            "subgroup": None,
            "split": None,
            "status": "ok",
        }
    )
    for c in (0, 1):
        labels = pd.array(kind == c, dtype="boolean")
        labels[rng.random(n) < 0.2] = pd.NA
        table[f"{datasets.LABEL}c{c}"] = labels
    entry = entry_of(folder, name)
    store.write_features(folder / f"{name}.zarr", [X.astype(np.float32)], ids, 12, {})
    table.to_parquet(entry["labels"])
    splitting.make_splits(
        {name: folder / f"{name}.parquet"},
        {name: folder / f"{name}.splits.parquet"},
        kind="grouped",
        n_folds=3,
        n_repeats=2,
        seed=0,
        grouped=folder / f"{name}.groups.parquet",
        shared=folder / f"{name}.shared.csv",
    )
    return entry


def write_two_domains(folder, n_recordings=40):
    """Write datasets 'a' and 'b', of which the second is shifted, and their classes."""
    entries = [
        write_domain(folder, "a", 0 * SHIFT, 1, n_recordings),
        write_domain(folder, "b", SHIFT, 2, n_recordings),
    ]
    classes.choose_classes(entries, [], folder / "classes.csv", n_inner_folds=3)
    return entries


def run(tmp_path, entries, n_workers=0, samples=("all",), **changes):
    """Cross-validate; return the rows of clips and of cells, of some samples."""
    options = {
        "methods": METHODS,
        "scopes": ["global"],
        "classifier": {"plugin": "logistic", "C": [0.01, 1.0], "n_inner_folds": 3},
        "seed": 0,
    } | changes
    out = tmp_path / "scores"
    out.mkdir(exist_ok=True)
    cross_validation.cross_validate(
        model="m",
        condition="clean",
        entries=entries,
        classes=tmp_path / "classes.csv",
        n_workers=n_workers,
        parts=out / "parts",
        clip_scores=out / "clips.parquet",
        scores=out / "scores.csv",
        directions=out / "directions.parquet",
        **options,
    )
    tables = pd.read_parquet(out / "clips.parquet"), SCORES.read(out / "scores.csv")
    rows, scores = (
        table[table["sample"].isin(samples)].reset_index(drop=True) for table in tables
    )
    return rows, scores


def summarised(tmp_path, methods=METHODS, **options):
    """Run stage 7 on what `run` has scored; return its tables by name."""
    out = {name: tmp_path / f"{name}.csv" for name in summary.TABLES}
    summary.summarise(
        [tmp_path / "scores" / "clips.parquet"],
        methods,
        **{"n_resamples": 199, "confidence": 0.9, "seed": 0} | options,
        out=out,
    )
    return {name: summary.TABLES[name].read(path) for name, path in out.items()}


def measure(tmp_path, entries, methods=METHODS, measures=MEASURES, fit="pair"):
    """Run stage 6; return what it measured."""
    measure_discrepancy(
        model="m",
        condition="clean",
        entries=entries,
        classes=tmp_path / "classes.csv",
        methods=methods,
        measures=measures,
        fit=fit,
        seed=0,
        parts=tmp_path / "parts",
        out=tmp_path / "d.parquet",
        size_parts=tmp_path / "size_parts",
        sizes=tmp_path / "sizes.parquet",
    )
    return pd.read_parquet(tmp_path / "d.parquet")


def discrepancy_table(tmp_path, methods=METHODS, measures=MEASURES, **options):
    """Run stage 7 on what `measure` has written; return its table."""
    discrepancy_summary.summarise_discrepancy(
        [tmp_path / "d.parquet"],
        [tmp_path / "sizes.parquet"],
        methods,
        measures,
        **{"n_resamples": 199, "confidence": 0.95, "seed": 0} | options,
        out=tmp_path / "d.csv",
        curve=tmp_path / "curve.csv",
        null=tmp_path / "null.csv",
    )
    return pd.read_csv(tmp_path / "d.csv", keep_default_na=False)


def balanced(tmp_path, entries):
    """Draws of both datasets."""
    labels = {e["name"]: e["labels"] for e in entries}
    tested = {e["name"]: e["splits"] for e in entries}
    out = tmp_path / "draws.parquet"
    draws.draw_balanced(labels, tested, balance="joint", subgroups=(), seed=0, out=out)
    return out


def domain_r2(X, domain):
    """Share of the domain's variance that a least-squares classifier explains."""
    target = (domain == np.unique(domain)[0]).astype(float)
    design = np.column_stack([X, np.ones(len(X))])
    residual = target - design @ np.linalg.lstsq(design, target, rcond=None)[0]
    return 1 - residual.var() / target.var()
