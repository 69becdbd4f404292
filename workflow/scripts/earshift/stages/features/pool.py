"""Stage 3, features: pool the frames of each clip into one vector."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from earshift import jobs, store
from earshift.errors import DataError
from earshift.numerics.pooling import pooled
from earshift.stages.embeddings import owners, strengths
from earshift.tables import SKIPPED

log = logging.getLogger(__name__)

#: What the features' attributes say of their model, as far as the frames' do.
MODEL_FACTS = (
    "model",
    "plugin",
    "options",
    "short",
    "resampler",
    "precision",
    "weights_sha256",
    "weights_published",
    "imported",
    "condition",
    "provenance",
)


def pool_frames(
    plan: Path,
    index: Path,
    *,
    pooling: Sequence[str],
    out: Path,
    skipped: Path,
    strength: str | None = None,
) -> None:
    """Write the pooled vector of each clip.

    Parameters
    ----------
    plan : Path
        Plan of a store of embeddings, all of its regions done.
    index : Path
        Its index, from `indexing.index_embeddings`.
    pooling : sequence of str
        Statistics over frames, names in `pooling.STATISTICS`.
    out : Path
        Store of features to write: shape (n_clips, n_features), float32, in embedding
        units, in the order of the store. Clips without frames are left out.
    skipped : Path
        CSV file to write: the clips left out, and why.
    strength : str, optional
        Which strength of a condition, as the index has it, if that has several.

    Raises
    ------
    DataError
        If the store is not that of the plan (`owners.store_of`), a clip that no job
        skipped has rows that were never written, or no clip is left.
    """
    location = owners.store_of(plan)
    rows = pd.read_parquet(index)
    owners.check_index(plan, rows)
    if strength is not None:
        rows = rows[rows[strengths.COLUMN].eq(strength)]
    left_out = rows[rows["status"] != "ok"]
    rows = rows[rows["status"] == "ok"].sort_values("first_frame", ignore_index=True)
    if rows.empty:
        reason = next(iter(left_out["reason"]), "there is no clip")
        raise DataError(f"{location}: no clip gave a frame. The first: {reason}.")
    SKIPPED.write(left_out[SKIPPED.names].sort_values("clip_id"), skipped)
    facts = store.attributes(location)
    n_features = store.n_features_of(location)
    if not facts["pooling"]:
        n_features *= len(pooling)
    attributes = {key: facts[key] for key in MODEL_FACTS if key in facts}
    attributes["pooling"] = list(pooling)
    if strength is not None:
        attributes["strength"] = strength
    vectors = _vectors(location, rows, pooling, stored=facts["pooling"])
    ids = rows["clip_id"].tolist()
    store.write_features(out, vectors, ids, n_features, attributes)
    log.info("%s: %d clips pooled, %d left out", out, len(ids), len(left_out))


def _vectors(
    location: store.Location,
    rows: pd.DataFrame,
    pooling: Sequence[str],
    *,
    stored: Sequence[str],
) -> Iterator[NDArray[np.float32]]:
    """Yield the vector of each clip, shape (1, n_features)."""
    first, n = (rows[c].to_numpy(np.int64) for c in ("first_frame", "n_frames"))
    parts = store.read_clips(location, first, n)
    # A store of vectors has them already: the mean of one row is that row.
    vectors = pooled(parts, n, ["mean"] if stored else pooling)
    progress = jobs.Progress(f"{location}: pooling", len(rows), "clips")
    for clip, vector in vectors:
        if not np.isfinite(vector).all():
            raise DataError(
                f"{location}: rows {first[clip]}:{first[clip] + n[clip]} of clip "
                f"'{rows['clip_id'][clip]}' were never written, though their job is "
                "marked done. 'make repair' marks it, and the next run embeds it again."
            )
        progress.step()
        yield vector[None]
