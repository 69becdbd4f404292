"""Stage 3, features: pool the frames of each clip into one vector."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from earshift import jobs, store
from earshift.embeddings import store_of
from earshift.errors import DataError

log = logging.getLogger(__name__)

#: What the features' attributes say of their model, as the frames' do.
MODEL_FACTS = (
    "model",
    "plugin",
    "options",
    "short",
    "resampler",
    "precision",
    "weights_sha256",
    "weights_published",
    "provenance",
)


def pool_frames(
    plan: Path, markers: Sequence[Path], *, out: Path, skipped: Path
) -> None:
    """Write the mean over frames of each clip.

    Parameters
    ----------
    plan : Path
        Plan of a store of frames, all of its regions done.
    markers : sequence of Path
        Done-markers of its extraction jobs.
    out : Path
        Store of features to write: shape (n_clips, n_features), float32, in embedding
        units. Clips without frames are left out.
    skipped : Path
        CSV file to write: the clips left out, and why.

    Raises
    ------
    DataError
        If a clip that no job skipped has rows that were never written, or if no clip
        is left.
    """
    embeddings = store_of(plan)
    ids, first, n_frames = store.read_index(embeddings)
    reasons: dict[str, str] = {}
    for marker in markers:
        reasons |= json.loads(marker.read_text())["skipped"]
    kept, pooled = [], []
    for clip_id, start, n in zip(ids, first.tolist(), n_frames.tolist(), strict=True):
        if clip_id in reasons:
            continue
        if n == 0:
            reasons[clip_id] = "short: not one whole window"
            continue
        mean = store.read_embeddings(embeddings, start, start + n).mean(
            axis=0, dtype=np.float64
        )
        if not np.isfinite(mean).all():
            raise DataError(
                f"{embeddings}: rows {start}:{start + n} of clip '{clip_id}' were "
                "never written, though their job is marked done. Delete the store and "
                "run again."
            )
        kept.append(clip_id)
        pooled.append(mean.astype(np.float32))
    if not kept:
        reason = next(iter(reasons.values()), "there is no clip")
        raise DataError(f"{embeddings}: no clip gave a frame. The first: {reason}.")
    table = pd.DataFrame(sorted(reasons.items()), columns=["clip_id", "reason"])
    with jobs.whole_file(skipped) as file:
        table.to_csv(file, index=False)
    facts = store.attributes(embeddings)
    attributes = {key: facts[key] for key in MODEL_FACTS}
    attributes |= {"pooling": "mean over frames"}
    store.write_features(out, np.stack(pooled), kept, attributes)
    log.info("%s: %d clips pooled, %d left out", out, len(kept), len(reasons))
