"""Stores of known contents, made without any audio."""

import json

import numpy as np

from earshift import store

FACTS = {"hop_s": 0.5, "model": "m", "pooling": []}


def write_store(path, n_frames, *, n_features=3, dtype="float32", status=None, gap=0):
    """A store whose clips `c0`, `c1`, ... have rows that hold clip, frame and place.

    Shards are of 32 rows. The last clip comes first in the store, and `gap` rows of no
    clip follow each.
    """
    store.create_embeddings(
        path, n_features=n_features, chunk=16, shard=32, dtype=dtype, attributes=FACTS
    )
    n = np.array(n_frames)
    order = np.r_[len(n) - 1, : len(n) - 1]
    first = np.empty(len(n), np.int64)
    first[order] = np.cumsum(n[order] + gap) - n[order] - gap
    region = store.grow(path, int((n + gap).sum()))
    with store.RegionWriter(path, region) as writer:
        for clip in order:
            writer.put(
                first[clip] + np.arange(n[clip]), values(clip, n[clip], n_features)
            )
    ids = [f"c{i}" for i in range(len(n))]
    status = np.zeros(len(n), np.uint8) if status is None else np.asarray(status, "u1")
    store.write_index(path, ids, first, n, status)
    return path


def read_files(folder):
    """Every file of a store as bytes; of its description, all but whose store it is."""
    found = {name: (folder / name).read_bytes() for name in store.files(folder)}
    if "zarr.json" in found:
        said = json.loads(found["zarr.json"])
        said["attributes"].pop("owner", None)
        found["zarr.json"] = json.dumps(said).encode()
    return found


def values(clip, n, n_features=3):
    """What `write_store` puts into the rows of a clip."""
    rows = np.zeros((n, n_features), np.float32)
    rows[:, 0], rows[:, 1] = clip, np.arange(n)
    return rows
