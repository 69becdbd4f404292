"""Import a file of vectors for a dataset."""

import pandas as pd

from earshift.stages.embeddings import importing

#: Clips of the dataset, in its order.
CLIPS = ["a", "b", "é", "d"]


def run(tmp_path, file, limit=0.3, clips=CLIPS, **changes):
    """Import a file for a dataset of these clips; return its index."""
    pd.DataFrame({"clip_id": clips, "status": "ok"}).to_parquet(tmp_path / "c.parquet")
    options = {
        "datasets": ["ours", "table"],
        "name": "net",
        "table": tmp_path / "c.parquet",
        "versions": {"stage": 1},
        "location": tmp_path / "e.zarr",
        "dtype": "float32",
        "pooling": [],
        "max_bad_clips": limit,
        "plan": tmp_path / "e.plan.json",
        "index": tmp_path / "e.index.parquet",
    }
    importing.import_embeddings("m", file, **options | changes)
    return pd.read_parquet(tmp_path / "e.index.parquet").set_index("clip_id")
