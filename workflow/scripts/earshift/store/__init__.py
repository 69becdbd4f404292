"""Zarr stores of embeddings and features. No other module opens Zarr.

A store of embeddings is one group per dataset, model and condition:

``embedding (frame, feature)``
    float32 or float16, NaN where nothing was written. One extraction job owns a
    *region*: a run of whole Zarr shards, so two jobs never touch one shard. Rows of a
    region after its last frame stay NaN; so do those of clips that are no longer used.
    Where the attribute ``pooling`` names statistics, a clip has one row with these.
``clip_id``, ``first_frame``, ``n_frames``, ``status``
    One entry per clip: rows ``first_frame`` to ``first_frame + n_frames`` are its.
    Written when all jobs are done.
``strength``
    Of a condition with strengths alone: there is one entry per clip and strength.

Bytes are checked on reading (crc32c). A store of features has ``feature (clip,
feature)`` and ``clip_id``.
"""

from __future__ import annotations

from earshift.store._base import (
    ANEW,
    Array,
    Location,
    attributes,
    folder_of,
    read_index,
    set_attributes,
)
from earshift.store._embeddings import (
    DTYPES,
    STATUS,
    RegionWriter,
    clear_rows,
    create_embeddings,
    grow,
    n_features_of,
    n_rows_of,
    read_clips,
    read_embeddings,
    shard_of,
    write_index,
    write_region,
)
from earshift.store._features import read_features, write_features
from earshift.store._rows import open_rows, read_index_of_usable, read_strengths
from earshift.store._shards import (
    PARTIAL,
    Shard,
    check_shards,
    clear_partials,
    files,
    first_row_of,
    remove_file,
    stored_bytes,
)
from earshift.store.sizes import CHUNK_BYTES, shard_frames

__all__ = [
    "ANEW",
    "CHUNK_BYTES",
    "DTYPES",
    "PARTIAL",
    "STATUS",
    "Array",
    "Location",
    "RegionWriter",
    "Shard",
    "attributes",
    "check_shards",
    "clear_partials",
    "clear_rows",
    "create_embeddings",
    "files",
    "first_row_of",
    "folder_of",
    "grow",
    "n_features_of",
    "n_rows_of",
    "open_rows",
    "read_clips",
    "read_embeddings",
    "read_features",
    "read_index",
    "read_index_of_usable",
    "read_strengths",
    "remove_file",
    "set_attributes",
    "shard_frames",
    "shard_of",
    "stored_bytes",
    "write_features",
    "write_index",
    "write_region",
]
