"""Inputs of the protocol of the published code, and its cross-validation."""

import numpy as np
import pandas as pd

from earshift import datasets, store
from earshift.evaluation.protocol import study_of
from earshift.stages.scores import cross_validation
from earshift.stages.splits import draws
from earshift.studies.ismir2023 import numerics

GENRES = ("rock", "jazz", "folk")
METHODS = {name: {"plugin": name} for name in numerics.METHODS}
N_FEATURES = 8


def write_domain(folder, name, genres, seed, n_clips=520):
    """Two classes, genres and a shift; half of the recordings test."""
    rng = np.random.default_rng(seed)
    genre = rng.choice(genres, n_clips).astype(object)
    X = rng.standard_normal((n_clips, N_FEATURES)) * np.linspace(0.3, 3, N_FEATURES)
    table = pd.DataFrame({"clip_id": [f"{name}{i:03d}" for i in range(n_clips)]})
    table["recording"] = [f"{name}r{i // 2}" for i in range(n_clips)]
    table["subgroup"], table["split"], table["status"] = genre, None, "ok"
    for c in (0, 1):
        present = rng.random(n_clips) < 0.3
        X[present, c + 2] += 2.0
        X[present, c + 4] -= 1.0 if name == "a" else 0.2
        labels = pd.array(present, dtype="boolean")
        labels[rng.random(n_clips) < 0.2] = pd.NA
        table[f"{datasets.LABEL}c{c}"] = labels
    X += np.array([GENRES.index(g) for g in genre])[:, None] * np.linspace(0, 1, 8)
    X += 0.0 if name == "a" else np.linspace(2, -1, N_FEATURES)
    # One clip without a genre neither trains nor tests.
    table.loc[0, "subgroup"] = None
    entry = {"name": name} | {
        key: str(folder / f"{name}.{key}") for key in ("features", "labels", "splits")
    }
    ids = table["clip_id"].tolist()
    store.write_features(
        folder / f"{name}.features", [X.astype(np.float32)], ids, N_FEATURES, {}
    )
    table.to_parquet(entry["labels"])
    tests = [clip for i, clip in enumerate(ids) if i // 2 % 2 == 0]
    tested = pd.DataFrame({"clip_id": tests, "repeat": 0, "fold": 0, "tests": True})
    tested.to_parquet(entry["splits"])
    return entry


def write_inputs(folder):
    """Write two datasets, the second without one genre; return folder and entries."""
    entries = [
        write_domain(folder, "a", GENRES, 1),
        write_domain(folder, "b", GENRES[:2], 2),
    ]
    draws.draw_balanced(
        {e["name"]: e["labels"] for e in entries},
        {e["name"]: e["splits"] for e in entries},
        balance="paper",
        subgroups=GENRES,
        seed=0,
        out=folder / "draws.parquet",
    )
    classes = pd.DataFrame({"class": ["c0", "c1"], "used": True})
    classes.to_csv(folder / "classes.csv", index=False)
    return folder, entries


def run(study, out, **changes):
    """Score what `write_inputs` returned; return the tables of all training clips."""
    folder, entries = study
    out.mkdir(exist_ok=True)
    options = {
        "entries": entries,
        "draws": folder / "draws.parquet",
        "methods": METHODS,
        "scopes": ["global", "classwise"],
        "n_workers": 0,
    } | changes
    cross_validation.cross_validate(
        model="m",
        condition="clean",
        classes=folder / "classes.csv",
        protocol=study_of("ismir2023").protocol("paper"),
        classifier={"plugin": "logistic", "C": [1.0], "n_inner_folds": 2},
        seed=0,
        parts=out / "parts",
        clip_scores=out / "clips.parquet",
        scores=out / "scores.csv",
        directions=out / "directions.parquet",
        **options,
    )
    clips, scores = (
        table[table["sample"].eq("all")].reset_index(drop=True)
        for table in (
            pd.read_parquet(out / "clips.parquet"),
            pd.read_csv(out / "scores.csv"),
        )
    )
    return clips, scores, pd.read_parquet(out / "directions.parquet")
