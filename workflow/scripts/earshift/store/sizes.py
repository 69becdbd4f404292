"""How many rows of a store are read, and written, at once."""

from __future__ import annotations

import numpy as np

#: Bytes of an inner chunk, the smallest piece that is read: large enough that a clip
#: costs one read, small enough that one clip does not cost a shard.
CHUNK_BYTES = 1 << 18

#: Chunks of a shard at most: a shard is what one job holds in memory when it writes.
MAX_CHUNKS_PER_SHARD = 64


def shard_frames(n_frames: int, n_features: int, dtype: str) -> tuple[int, int]:
    """Return the rows of a chunk and of a shard of a store.

    Parameters
    ----------
    n_frames : int
        Rows that the largest job will write at first.
    n_features : int
        Length of a row.
    dtype : {"float32", "float16"}
        Type of the values.

    Returns
    -------
    chunk, shard : int
        A shard holds whole chunks.
    """
    chunk = max(16, CHUNK_BYTES // (np.dtype(dtype).itemsize * n_features))
    return chunk, chunk * min(MAX_CHUNKS_PER_SHARD, max(1, -(-n_frames // chunk)))
