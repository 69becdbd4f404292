"""Stage 2, embeddings: how many clips are shorter than a window and are filled up.

What fills them up is in their embeddings. Where one dataset has more such clips than
another, that alone may tell the two apart.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from earshift import models
from earshift.audio.resampling import n_resampled
from earshift.stages.clips import listing
from earshift.tables import PADDING

log = logging.getLogger(__name__)


def count_padding(
    tables: Mapping[str, Path],
    entries: Mapping[str, Mapping[str, Any]],
    conditions: Sequence[str],
    *,
    out: Path,
) -> None:
    """Count the clips of each dataset that are filled up for each model.

    Parameters
    ----------
    tables : mapping of str to Path
        Dataset -> its clip table.
    entries : mapping
        Config entries of the models that embed audio.
    conditions : sequence of str
        Names of the conditions.
    out : Path
        CSV file to write, `tables.PADDING`: the model's option `short`; its window, the
        length from which on nothing is filled up, in seconds; usable clips; those of
        them that are shorter and are filled up, none where `short` leaves them out; and
        the share of the samples of these windows that is not the clip's own.
    """
    loaded = {name: models.from_entry(entry) for name, entry in entries.items()}
    rows: list[dict[str, Any]] = []
    for dataset, table in tables.items():
        # Clips of a corpus have few different lengths.
        listed = listing.usable(table)[["n_samples", "sample_rate_hz"]]
        lengths = listed.value_counts().rename("n_clips").reset_index()
        for (name, model), condition in product(loaded.items(), conditions):
            key = {"dataset": dataset, "model": name, "condition": condition}
            rows.append(key | _count(model, lengths))
    PADDING.write(pd.DataFrame(rows, columns=PADDING.names), out)


def _count(model: models.Model, lengths: pd.DataFrame) -> dict[str, Any]:
    """Count the clips of some lengths that a model fills up."""
    rate, shortest = model.spec.sample_rate_hz, model.shortest
    n_padded = n_own = 0
    if model.short in models.FILLS:
        for row in lengths.itertuples():
            n = n_resampled(row.n_samples, model.resampler, row.sample_rate_hz, rate)
            if n < shortest:
                n_padded += row.n_clips
                n_own += n * row.n_clips
    log.info("%s: %d clips are filled up", model.name, n_padded)
    return {
        "short": model.short,
        "window_s": shortest / rate,
        "n_clips": int(lengths["n_clips"].sum()),
        "n_padded": n_padded,
        "padding": 1 - n_own / (n_padded * shortest) if n_padded else 0.0,
    }
