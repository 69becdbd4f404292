"""Run stages 1 and 2 of one dataset and one model, as the workflow's jobs do."""

import json

import pandas as pd

from earshift import clips, embeddings, features, regions, store

VERSIONS = {"stage": 1, "plugin": 1}


def list_clips(folder, tmp_path):
    """Stage 1 of a folder in the layout of `table`; return the clip table."""
    table = tmp_path / "clips.parquet"
    clips.list_clips(
        "d",
        {"plugin": "table", "folder": str(folder)},
        table=table,
        audit=tmp_path / "audit.csv",
        max_bad_clips=0.0,
        n_threads=2,
    )
    return table


def create(
    table, tmp_path, n_jobs, entry, versions=VERSIONS, dtype="float32", pooling=()
):
    """Plan the store of a model; return its plan."""
    plan = tmp_path / "e.plan.json"
    regions.plan_regions(
        "m",
        entry,
        table=table,
        versions=versions,
        location=tmp_path / "e.zarr",
        dtype=dtype,
        pooling=pooling,
        audio_s_per_job=1e-3,
        max_jobs=n_jobs,
        plan=plan,
    )
    return plan


def names(plan):
    """Regions of a plan."""
    return json.loads(plan.read_text())["regions"]


def extract(table, tmp_path, n_jobs, entry, max_bad_clips=1, **changes):
    """Fill the store of a model, the last region first; return its plan and markers."""
    plan = create(table, tmp_path, n_jobs, entry, **changes)
    markers = [tmp_path / f"{region}.json" for region in names(plan)]
    for marker in reversed(markers):
        embeddings.extract_region(
            "d / m",
            entry,
            plan=plan,
            region=marker.stem,
            marker=marker,
            max_bad_clips=max_bad_clips,
            n_threads=2,
        )
    regions.index_embeddings(plan, markers, out=tmp_path / "e.index.parquet")
    return plan, markers


def pool(plan, tmp_path, pooling=("mean",)):
    """Stage 3; return pooled vectors, their clips, and the reasons of the others."""
    out, skipped = tmp_path / "f.zarr", tmp_path / "s.csv"
    features.pool_frames(
        plan, tmp_path / "e.index.parquet", pooling=pooling, out=out, skipped=skipped
    )
    reasons = pd.read_csv(skipped).set_index("clip_id")["reason"]
    return *store.read_features(out), reasons
