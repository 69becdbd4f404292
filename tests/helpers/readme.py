"""The Python of the README, and results of the names it uses."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from earshift import store
from tests.helpers.stores import write_store
from tests.helpers.workflow import environment

ROOT = Path(__file__).parents[2]

#: Said at the end of the block, which prints nothing itself.
SAY = """
print(frames.values.shape, frames.time_s.shape)
print(X.shape, y.shape, domain.shape, recording.shape, sorted(set(domain.tolist())))
print(corrected.shape, bool(abs(corrected - X).max() > 1e-3))
print(sorted(set(cello.clip_id.values.tolist())), cello.embedding.shape)
"""


def block(heading="As a library"):
    """The first block of Python under a heading of the README."""
    text = (ROOT / "README.md").read_text()
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.search(r"```python\n(.*?)```", section, re.DOTALL)[1]


def run_block(folder):
    """Run the block as it stands in a folder; return what it made, line by line."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", block() + SAY],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()


def write_results(folder, names=("mini_irmas", "mini_openmic"), n_clips=6):
    """The results of a small experiment, as far as they are read as a library."""
    results = folder / "results"
    rng = np.random.default_rng(0)
    for k, name in enumerate(names):
        ids = [f"c{i}" for i in range(n_clips)]
        clips = pd.DataFrame({"clip_id": ids, "status": "ok"})
        clips["recording"] = [f"r{i // 2}" for i in range(n_clips)]
        clips["label:cello"] = pd.array(np.arange(n_clips) % 2 == 0, "boolean")
        clips["label:flute"] = pd.array([True, None, False] * (n_clips // 3), "boolean")
        if k:
            clips = clips.drop(columns="label:flute")
        write_store(folder_of(results, "2_embeddings", name), [3] * n_clips)
        rows = rng.standard_normal((n_clips, 4)).astype(np.float32) + 5 * k
        facts = {"model": "mfcc", "pooling": ["mean"]}
        store.write_features(
            folder_of(results, "3_features", name), [rows], ids, 4, facts
        )
        for file, table in (
            (f"1_clips/{name}.parquet", clips),
            (f"4_splits/fixed/{name}.labels.parquet", clips.iloc[:-1]),
            (f"4_splits/paper/{name}.labels.parquet", clips.iloc[:2]),
        ):
            (results / file).parent.mkdir(parents=True, exist_ok=True)
            table.to_parquet(results / file)
    (results / "4_splits" / "classes.csv").write_text(
        "class,dataset,used,reason\ncello,mini_irmas,True,\nflute,mini_irmas,False,few\n"
    )
    return results


def folder_of(results, stage, name):
    folder = results / stage / name / "mfcc" / "clean.zarr"
    folder.parent.mkdir(parents=True)
    return folder
