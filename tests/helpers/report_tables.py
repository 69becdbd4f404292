"""Result folders for tests of figures and pages: small tables with chosen numbers."""

from __future__ import annotations

from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd
import zarr

from earshift.audio import meter
from earshift.numerics.metrics import METRICS
from earshift.stages.clips import dataset_audit
from earshift.stages.report.figures.audio import DISTRIBUTIONS
from earshift.stages.report.sections.audit import FAULTS
from earshift.stages.statistics import scorecard
from earshift.tables import (
    CLASS_VALUES,
    DIFFERENCES,
    DUPLICATES,
    GAPS,
    GATE,
    LEARNING_CURVES,
    NULL_GAPS,
    RESCALED,
    SCORES,
    SUMMARY,
    Table,
)

NAN = float("nan")

#: Measures of discrepancy in `write_results`.
MEASURES = {
    name: {"plugin": name} for name in ("domain_auc_linear", "domain_auc_nonlinear")
}

#: How much trains and tests.
SIZES = {
    "n_train": 16,
    "n_train_positive": 6,
    "n_train_recordings": 8,
    "n_test": 6,
    "n_recordings": 6,
}

#: Methods that are the same in all scopes.
ALIKE = ("none", "k")


def write_results(
    folder: Path,
    *,
    datasets: tuple[str, ...] = ("here", "there"),
    models: tuple[str, ...] = ("mfcc", "other"),
    methods: tuple[str, ...] = ("none", "lda"),
    scopes: tuple[str, ...] = ("global",),
    classes: tuple[str, ...] = ("cello", "flute"),
    gap: tuple[float, float, float] = (0.2, 0.1, 0.3),
    remaining: tuple[float, float, float] | None = None,
    measured: tuple[float, float] = (0.8, 0.5),
    verdict: str = "no detectable effect",
) -> Path:
    """Write the files that stage 8 reads; every gap and verdict is as given.

    `remaining` is that of the methods, by default their gap; `measured` is the value of
    each measure without a method and with one, and the interval is 0.05 to either side.
    """
    tables = folder / "tables"
    tables.mkdir(parents=True)
    scores, summary, gaps = [], [], []
    pair = {datasets[0]: datasets[1], datasets[1]: datasets[0]}
    for model, method, scope, train, test in product(
        models, methods, scopes, datasets, datasets
    ):
        key = {"protocol": "fixed", "model": model, "condition": "clean"}
        key |= {"method": method, "scope": scope, "train": train, "test": test}
        partner = {"partner": pair.get(train, datasets[0]) if train == test else test}
        value = 0.9 if train == test else 0.9 - gap[0]
        own = dict.fromkeys(SCORES.names, 0.5) | {"roc_auc": value} | SIZES
        own |= key | partner | {"sample": "all", "repeat": 0, "n_positive": 3}
        scores += [own | {"class": c} for c in classes]
        if method in ALIKE and scope != scopes[0]:
            continue
        access = {"global": "target_unlabelled", "classwise": "target_labelled"}
        row = key | partner | {"access": "none" if method in ALIKE else access[scope]}
        row |= {"n_classes": len(classes)} | SIZES
        row |= {"verdict": "", "reference": "", "is_control": False}
        if method != "none":
            row |= _change(verdict) | {"verdict": verdict, "reference": "none"}
        for metric in METRICS:
            at = value if metric.name == "roc_auc" else 0.5
            ends = {"metric": metric.name, "value": at, "low": at - 0.05}
            summary.append(row | ends | {"high": at + 0.05, "tied_for_best": True})
            if train == test:
                continue
            left = gap if method == "none" else remaining or gap
            p_value = 0.4 if gap[1] <= 0 <= gap[2] else 0.01
            values = {"within": 0.9, "across": value}
            values |= {"p_value": p_value, "p_holm": 2 * p_value}
            values |= _level("gap", gap) | _level("remaining", left)
            values["p_remaining_holm"] = 0.4 if left[1] <= 0 <= left[2] else 0.02
            if method != "none":
                values |= {"gain": row["change"], "p_gain_holm": row["p_holm"]}
            values |= {"gap_se": (gap[2] - gap[1]) / 4, "gap_df": 30}
            values |= _level("gap_all", gap) | _level("of_size", (0.0, -0.01, 0.01))
            values |= {"n_train_within": 12, "n_train_across": 24}
            gaps.append(key | values | SIZES | ends | {"n_classes": len(classes)})
    pairs = [(a, b) for a, b in product(datasets, datasets) if a < b]
    discrepancy = [
        {"model": model, "condition": "clean", "method": method, "measure": measure}
        | {"access": "none" if method in ALIKE else "target_unlabelled"}
        | {"a": a, "b": b, "value": value, "low": value - 0.05, "high": value + 0.05}
        | {"n_a": 70, "n_b": 70, "n_recordings_a": 35, "n_recordings_b": 34}
        | {"change": value - 0.8, "change_low": -0.35, "change_high": -0.25}
        | {"p_value": 0.01 if value > 0.55 else 0.4, "detected": value > 0.55}
        for model, method, measure, (a, b) in product(models, methods, MEASURES, pairs)
        for value in [measured[method != "none"]]
    ]
    of_none = {"condition": "clean"}
    curve = [
        of_none
        | {"model": model, "measure": measure, "a": a, "b": b, "n": n}
        | {"value": value, "low": value - 0.05, "high": value + 0.05}
        for model, measure, (a, b) in product(models, MEASURES, pairs)
        for n, value in ((17, 0.6), (35, 0.7), (70, measured[0]))
    ]
    halves = [
        of_none
        | {"model": model, "measure": measure, "dataset": dataset, "n": 70}
        | {"value": 0.51, "low": 0.46, "high": 0.56}
        for model, measure, dataset in product(models, MEASURES, datasets)
    ]
    declared = {SCORES: scores, SUMMARY: summary, GAPS: gaps, RESCALED: [], GATE: []}
    declared |= _of_none(datasets, models, classes, gap)
    for table, rows in declared.items():
        pd.DataFrame(rows).reindex(columns=table.names).to_csv(
            folder / table.file, index=False
        )
    found = {"discrepancy": discrepancy, "discrepancy_curve": curve}
    for name, rows in (found | {"discrepancy_null": halves}).items():
        pd.DataFrame(rows).to_csv(tables / f"{name}.csv", index=False)
    of_scores = {n: tables / f"{n}.csv" for n in ("summary", "gaps", "class_values")}
    scorecard.write_scorecard(
        of_scores,
        tables / "discrepancy.csv",
        rope=0.01,
        out=tables / "scorecard.csv",
    )
    _write_sources(folder, datasets, models, classes)
    return folder


def _level(name: str, values: tuple[float, float, float]) -> dict[str, float]:
    ends = (name, f"{name}_low", f"{name}_high")
    return dict(zip(ends, values, strict=True))


def _of_none(
    datasets: tuple[str, ...],
    models: tuple[str, ...],
    classes: tuple[str, ...],
    gap: tuple[float, float, float],
) -> dict[Table, list[dict[str, object]]]:
    """Return rows of the tables of the method ``none`` alone, and of classes."""
    curves, nulls, values = [], [], []
    for model, metric, train, test in product(models, METRICS, datasets, datasets):
        other = next(d for d in datasets if d != train)
        key = {"protocol": "fixed", "model": model, "condition": "clean"}
        key |= {"metric": metric.name, "n_classes": len(classes)} | SIZES
        key |= {"train": train, "test": test}
        key |= {"partner": other if train == test else test}
        value = 0.9 if train == test else 0.9 - gap[0]
        for share in (0.25, 0.5, 1.0):
            at = value - 0.1 * (1 - share)
            ends = {"value": at, "low": at - 0.05, "high": at + 0.05}
            curves.append(
                key | {"share": share, "n_train_recordings": 8 * share} | ends
            )
        if train == test:
            null = {"dataset": train, "within": 0.8, "across": 0.79, "p_value": 0.6}
            nulls.append(key | null | _level("gap", (0.01, -0.02, 0.04)))
        cell = {"method": "none", "scope": "global"}
        for i, c in enumerate(classes):
            ends = _level("value", (value, value - 0.08, value + 0.08))
            ends |= _level("value_shrunken", (value, value - 0.06, value + 0.06))
            values.append(key | cell | {"class": c, "is_worst": i == 0} | ends)
    differences = [
        {"kind": "models", "protocol": "fixed", "model": "", "condition": "clean"}
        | {"train": train, "test": test, "metric": metric.name, "a": a, "b": b}
        | {"partner": next(d for d in datasets if d != train)}
        | {"scope_a": "", "scope_b": "", "p_value": 0.01, "p_holm": 0.02}
        | {"difference": 0.1, "low": 0.04, "high": 0.16}
        for a, b in combinations(models, 2)
        for metric, train, test in product(METRICS, datasets, datasets)
    ]
    return {LEARNING_CURVES: curves, NULL_GAPS: nulls, CLASS_VALUES: values} | {
        DIFFERENCES: differences
    }


def _change(verdict: str) -> dict[str, float]:
    """Return the change that a verdict is of, with all that goes with it."""
    change, low, high, p_value, p_holm = {
        "no detectable effect": [0.001, -0.02, 0.02, 0.8, 0.9],
        "practically equivalent": [0.001, -0.002, 0.004, 0.8, 0.9],
        "worth it": [0.05, 0.02, 0.08, 0.002, 0.004],
        "gain of unsure worth": [0.02, 0.005, 0.035, 0.002, 0.004],
        "harmful": [-0.05, -0.08, -0.02, 0.002, 0.004],
    }[verdict]
    values = _level("change", (change, low, high))
    values |= {"change_low_holm": low, "change_high_holm": high}
    values |= {"p_value": p_value, "p_holm": p_holm, "p_holm_all": p_holm}
    values |= {"change_se": 0.01, "change_df": 30, "detectable": 0.028}
    is_equivalent = verdict == "practically equivalent"
    values |= dict.fromkeys(
        ("p_equivalent", "p_equivalent_holm"), 0.01 if is_equivalent else 0.5
    )
    values["p_beyond_holm"] = 0.01 if verdict in ("worth it", "harmful") else 0.5
    return values


def _write_sources(
    folder: Path, datasets: tuple[str, ...], models: tuple[str, ...], classes: tuple
) -> None:
    for name in ("1_clips", "4_splits"):
        (folder / name).mkdir()
    for name in datasets:
        n = 6
        clips = pd.DataFrame({"clip_id": [f"{name}{i}" for i in range(n)]})
        clips = clips.assign(path=clips["clip_id"] + ".wav", recording=clips["clip_id"])
        clips = clips.assign(subgroup=None, split=None, status="ok", reason="")
        clips = clips.assign(sample_rate_hz=44_100, duration_s=30.0)
        for i, c in enumerate(classes):
            clips[f"label:{c}"] = pd.array(np.arange(n) % 2 == i % 2, dtype="boolean")
        clips.to_parquet(folder / "1_clips" / f"{name}.parquet")
        clips.to_parquet(folder / "4_splits" / f"{name}.labels.parquet")
        columns = ["clip_id", "path", "status", "reason", "usable"]
        bad = [
            ("bad1", "bad1.wav", "silent", "all samples are 0", "no"),
            ("odd1", "odd1.wav", "clipped", "1 % of samples clipped", "yes"),
        ]
        listed = pd.DataFrame(bad if name == datasets[0] else [], columns=columns)
        listed.to_csv(folder / "1_clips" / f"{name}.audit.csv", index=False)
        for model in models:
            own = folder / "3_features" / name / model
            own.mkdir(parents=True)
            (own / "clean.skipped.csv").write_text("clip_id,reason\n")
            group = zarr.open_group(own / "clean.zarr", mode="w")
            group.attrs["weights_sha256"] = ["ab" * 32]
    _write_audit(folder, datasets)
    _write_splits(folder / "4_splits", datasets)
    rows = [
        {"class": c, "dataset": d, "n_present": 3, "n_absent": 3, "n_unknown": 0}
        | {"recordings_present": 3, "recordings_absent": 3, "n_negatives": 0}
        | {"used": True, "near": "", "reason": ""}
        for c, d in product(classes, datasets)
    ]
    pd.DataFrame(rows).to_csv(folder / "4_splits" / "classes.csv", index=False)


def _write_splits(folder: Path, datasets: tuple[str, ...]) -> None:
    """Write splits, and groups of recordings that no two datasets have in common."""
    parts = []
    for name in datasets:
        clips = pd.read_parquet(folder / f"{name}.labels.parquet")[["clip_id"]]
        splits = clips.assign(repeat=0, fold=np.arange(len(clips)) % 2, tests=True)
        splits.to_parquet(folder / f"{name}.parquet")
        own = clips.assign(dataset=name, recording=name + "/" + clips["clip_id"])
        parts.append(own.assign(group=own["recording"]))
    pd.concat(parts).to_parquet(folder / "groups.parquet")


def _write_audit(folder: Path, datasets: tuple[str, ...]) -> None:
    """Write the tables of the audit: one near copy across the first two datasets."""
    out = folder / "1_clips"
    a, b = datasets[:2]
    row = {
        "clips": 7,
        "usable": 6,
        **dict.fromkeys((*dataset_audit.UNUSABLE, *FAULTS), 0),
    }
    faults = pd.DataFrame([{"dataset": d} | row for d in datasets])
    faults["in_other_dataset"] = [1, 1] + [0] * (len(datasets) - 2)
    faults.to_csv(out / "audit.csv", index=False)
    clips = {"dataset": (a, b), "clip_id": (f"{a}1", f"{b}2"), "recording": ("r", "r")}
    pair = {"kind": "near", "similarity": 0.99, "splits_differ": "no"}
    pair |= {
        f"{k}_{side}": v[i] for k, v in clips.items() for i, side in enumerate("ab")
    }
    pair |= {"split_a": "", "split_b": "", "same_recording": "no"}
    pair |= {"label_conflict": "cello"}
    pd.DataFrame([pair], columns=DUPLICATES.names).to_csv(
        out / "duplicates.csv", index=False
    )
    both = {"dataset": a, "recording": "r7", "splits": "test, train", "n_clips": 4}
    pd.DataFrame([both]).to_csv(out / "both_sides.csv", index=False)
    counts = [
        {"dataset": d, "split": split, "kind": kind, "name": name, "n_present": 3}
        | {"n_absent": 3, "n_unknown": 0, "n_recordings": 2}
        for d, split in product(datasets, ("", "train"))
        for kind, name in (("class", "cello"), ("subgroup", "<rock>"))
    ]
    pd.DataFrame(counts).to_csv(out / "counts.csv", index=False)
    cues = [
        {"a": x, "b": y, "cue": cue, "auc": auc, "low": auc - 0.05, "high": auc + 0.05}
        for x, y in combinations(datasets, 2)
        for cue, auc in (
            ("level", 0.52),
            ("bandwidth", 0.9),
            (dataset_audit.ALL_CUES, 0.95),
        )
    ]
    pd.DataFrame(cues).to_csv(out / "cues.csv", index=False)
    spectra = [
        {"dataset": d, "centre_hz": hertz, "lower_db": -30 - i, "median_db": -20 - i}
        | {"upper_db": -10 - i}
        for i, d in enumerate(datasets)
        for hertz in meter.CENTRES_HZ
    ]
    pd.DataFrame(spectra).to_csv(out / "spectra.csv", index=False)
    distributions = [
        {"dataset": d, "measure": measure, "quantile": q, "value": 1 + i + q}
        for i, d in enumerate(datasets)
        for measure in DISTRIBUTIONS
        for q in dataset_audit.QUANTILES
    ]
    pd.DataFrame(distributions).to_csv(out / "distributions.csv", index=False)


def config_of(results: Path) -> dict:
    """Return a complete configuration of a folder that `write_results` made."""
    summary = pd.read_csv(results / "tables" / "summary.csv")
    dataset = {"plugin": "table", "folder": "nowhere"}
    protocols = list(summary["protocol"].unique())
    return {
        "study": "ismir2023" if "paper" in protocols else None,
        "protocols": protocols,
        "alignment": None,
        "splits": {"balance": "none"},
        "few_labels": {"methods": []},
        "decomposition": {"methods": []},
        "sensitivity": {"conditions": [], "methods": ["none"], "measures": []},
        "datasets": {name: dataset for name in summary["train"].unique()},
        "models": {name: {"plugin": "mfcc"} for name in summary["model"].unique()},
        "conditions": {"clean": {"plugin": "clean"}},
        "classifier": {"plugin": "logistic", "C": [0.1, 1.0], "n_inner_folds": 3},
        "methods": {name: {"plugin": name} for name in summary["method"].unique()},
        "scopes": list(summary["scope"].unique()),
        "discrepancy": MEASURES,
        "statistics": {
            "n_resamples": 999,
            "n_refits": 20,
            "confidence": 0.9,
            "rope": 0.01,
        },
    }
