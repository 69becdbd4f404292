"""Run stages 1 and 2 of one dataset and one model, as the workflow's jobs do."""

import json
import re

import pandas as pd
import soundfile

from earshift import store
from earshift.stages.clips import listing
from earshift.stages.embeddings import (
    extraction,
    indexing,
    region_files,
    regions,
    store_audit,
)
from earshift.stages.features import pool as features
from tests.helpers.tones import tone

VERSIONS = {"stage": 1, "plugin": 1}

#: A fast model of wide frames, some a second: a few clips fill a shard.
WIDE = """
import numpy as np
from earshift.models import Framing, ModelSpec
env, version, licence, citation = "analysis", 1, "", ""
def spec(*, hop: int = 1_600):
    framing = Framing(window=hop, hop=hop)
    return ModelSpec(16_000, framing, n_features=4_096, options={"hop": hop})
def network(spec):
    scale = np.arange(1, 4_097, dtype=np.float32) / 4_096
    return lambda windows: np.abs(windows).max(axis=1)[:, None] * scale
"""


def wide(tmp_path, **options):
    """The config entry of `WIDE`."""
    (tmp_path / "wide.py").write_text(WIDE)
    return {"plugin": str(tmp_path / "wide.py")} | options


def list_clips(folder, tmp_path, plugin="table", max_bad_clips=0.0, **options):
    """Stage 1 of a folder; return the clip table, which has audit.csv beside it."""
    table = tmp_path / "clips.parquet"
    listing.list_clips(
        "d",
        {"plugin": plugin, "folder": str(folder), **options},
        table=table,
        audit=tmp_path / "audit.csv",
        max_bad_clips=max_bad_clips,
        n_threads=2,
    )
    return table


def create(
    table,
    tmp_path,
    n_jobs,
    entry,
    versions=VERSIONS,
    dtype="float32",
    pooling=(),
    location=None,
    condition=None,
):
    """Plan the store of a model; return its plan."""
    plan = tmp_path / "e.plan.json"
    regions.plan_regions(
        "m",
        entry,
        table=table,
        versions=versions,
        location=location or tmp_path / "e.zarr",
        dtype=dtype,
        pooling=pooling,
        audio_s_per_job=1e-3,
        max_jobs=n_jobs,
        plan=plan,
        condition=condition,
    )
    return plan


def names(plan):
    """Regions of a plan."""
    return json.loads(plan.read_text())["regions"]


def embed(plan, region, marker, entry, max_bad_clips=1):
    """Fill one region."""
    extraction.extract_region(
        "d / m",
        entry,
        plan=plan,
        region=region,
        marker=marker,
        max_bad_clips=max_bad_clips,
        n_threads=2,
    )


def extract(table, tmp_path, n_jobs, entry, max_bad_clips=1, **changes):
    """Fill the store of a model, the last region first; return its plan and markers."""
    plan = create(table, tmp_path, n_jobs, entry, **changes)
    markers = [tmp_path / f"{region}.json" for region in names(plan)]
    for marker in reversed(markers):
        embed(plan, marker.stem, marker, entry, max_bad_clips)
    indexing.index_embeddings(plan, markers, out=tmp_path / "e.index.parquet")
    return plan, markers


def audit(plan, entry, n_clips=4, seed=0, **changes):
    """Audit a store that was made with the same changes; return the table's path."""
    table = region_files.beside(plan, ".audit.csv")
    options = {"versions": VERSIONS, "dtype": "float32", "pooling": ()} | changes
    options.setdefault(
        "location", region_files.location_of(plan) if plan.exists() else ""
    )
    store_audit.audit_store(
        "m",
        entry,
        plan=plan,
        **options,
        n_clips=n_clips,
        seed=seed,
        n_threads=2,
        out=table,
    )
    return table


def pool(plan, tmp_path, pooling=("mean",), strength=None):
    """Stage 3; return pooled vectors, their clips, and the reasons of the others."""
    out, skipped = tmp_path / "f.zarr", tmp_path / "s.csv"
    features.pool_frames(
        plan,
        tmp_path / "e.index.parquet",
        pooling=pooling,
        out=out,
        skipped=skipped,
        strength=strength,
    )
    reasons = pd.read_csv(skipped).set_index("clip_id")["reason"]
    return *store.read_features(out), reasons


def n_embedded(caplog):
    """Clips that were embedded since the log was cleared."""
    counts = re.findall(r"d / m: (\d+)/\1 clips", caplog.text)
    return sum(map(int, counts))


def add_clips(folder, n):
    """Put `n` more clips into a folder of `table`."""
    rows = pd.read_csv(folder / "clips.csv")
    more = []
    for i in range(n):
        name = f"audio/more_{i}.wav"
        soundfile.write(folder / name, tone(300 + i, 1.2 + 0.1 * i, seed=i), 16_000)
        more.append((name, "bass", f"more{i}", "x"))
    more = pd.DataFrame(more, columns=rows.columns)
    # In front: a clip's place in the table has nothing to do with its rows.
    pd.concat([more, rows]).to_csv(folder / "clips.csv", index=False)
