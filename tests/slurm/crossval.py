"""A cross-validation whose tasks last long enough to be disturbed.

Each says in a file when it began and ended, on which node and in which process.
"""

import importlib
import json
import os
import sys
import time
from pathlib import Path

from earshift import jobs
from earshift.stages.scores import cross_validation
from earshift.workers.start import Spread
from tests.helpers.two_domains import entries_in

METHODS = {name: {"plugin": name} for name in ("none", "lda", "mean_projection")}
TABLES = ("clips.parquet", "scores.csv", "directions.parquet")
TASK_S = 0.6

if os.environ.get("SLURMD_NODENAME") == os.environ.get("BROKEN_NODE", "none"):
    importlib.import_module("a_module_that_this_node_lacks")


def score_fold(**task):
    """The task of the protocol, slowly."""
    file = Path(os.environ["JOURNAL"])
    key = [task[name] for name in ("method", "scope", "repeat", "fold")]
    line = {"task": key, "node": os.environ["SLURMD_NODENAME"], "pid": os.getpid()}
    _say(file, line | {"event": "begin"})
    time.sleep(TASK_S)
    found = cross_validation.score_fold(**task)
    _say(file, line | {"event": "end"})
    return found


def _say(file, line):
    with file.open("a") as journal:
        journal.write(json.dumps(line | {"time": time.time()}) + "\n")


def run(folder, out, n_workers=0, spread=None):
    """Score what the tests of cross-validation wrote into a folder."""
    cross_validation.cross_validate(
        model="m",
        condition="clean",
        entries=entries_in(folder),
        classes=folder / "classes.csv",
        methods=METHODS,
        scopes=["global", "classwise"],
        classifier={"plugin": "logistic", "C": [0.01, 1.0], "n_inner_folds": 3},
        seed=0,
        n_workers=n_workers,
        spread=spread,
        parts=out / "parts",
        clip_scores=out / TABLES[0],
        scores=out / TABLES[1],
        directions=out / TABLES[2],
    )


if __name__ == "__main__":
    from tests.slurm import crossval

    folder, out, spread = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
    cross_validation.score_fold = crossval.score_fold  # here, not in the workers
    with jobs.logged(out / "log"):
        run(folder, out, n_workers=2, spread=Spread(**spread))
