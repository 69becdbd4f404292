"""Scores of a run whose processes are killed: the same bytes as of one left alone."""

import contextlib
import os
import signal
import subprocess
import sys

import psutil
import pytest

from tests.helpers import paper
from tests.helpers.places import ROOT
from tests.helpers.waiting import wait_for

TABLES = ("clips.parquet", "scores.csv", "directions.parquet")

#: Dask starts its workers by importing this file again.
SCRIPT = """
import sys
from pathlib import Path
from tests.helpers import paper

if __name__ == "__main__":
    folder, out = map(Path, sys.argv[1:])
    entries = [
        {"name": name} | {
            key: str(folder / f"{name}.{key}")
            for key in ("features", "labels", "splits")
        }
        for name in ("a", "b")
    ]
    paper.run((folder, entries), out, n_workers=2)
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return paper.write_inputs(tmp_path_factory.mktemp("study"))


def start(study, tmp_path, out):
    """Run the study in a process of its own, with two workers."""
    script = tmp_path / "study.py"
    script.write_text(SCRIPT)
    root = ROOT
    paths = os.pathsep.join([str(root), str(root / "workflow" / "scripts")])
    return subprocess.Popen(
        [sys.executable, script, study[0], out],
        env=os.environ | {"PYTHONPATH": paths},
        stderr=subprocess.PIPE,
        text=True,
    )


def done(out):
    return sorted((out / "parts").glob("[!.]*.directions.parquet"))


def workers(process):
    """The processes that Dask started, without the one that watches semaphores."""
    children = psutil.Process(process.pid).children(recursive=True)
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


@pytest.fixture
def expected(study, tmp_path):
    paper.run(study, tmp_path / "alone")
    return [(tmp_path / "alone" / name).read_bytes() for name in TABLES]


@pytest.mark.parametrize("n_killed", [1, 2])
def test_a_killed_worker_is_replaced(study, tmp_path, expected, n_killed):
    out = tmp_path / "out"
    process = start(study, tmp_path, out)
    wait_for(lambda: done(out), "a first task", pause=0.005)
    found = workers(process)
    assert len(found) == 2
    for worker in found[:n_killed]:
        worker.kill()
    _, said = process.communicate(timeout=250)
    assert process.returncode == 0, said
    assert [(out / name).read_bytes() for name in TABLES] == expected


def test_a_killed_run_is_taken_up_where_it_was(study, tmp_path, expected):
    out = tmp_path / "out"
    process = start(study, tmp_path, out)
    wait_for(lambda: len(done(out)) >= 2, "two tasks", pause=0.005)
    orphans = workers(process)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=200)
    assert not (out / "scores.csv").exists()
    kept = {path: path.stat().st_mtime_ns for path in done(out)}
    assert len(kept) < 20
    paper.run(study, out)
    assert [(out / name).read_bytes() for name in TABLES] == expected
    now = {path: path.stat().st_mtime_ns for path in done(out)}
    assert kept.items() <= now.items()
    # Workers without a scheduler end by themselves.
    with contextlib.suppress(psutil.NoSuchProcess):
        _, alive = psutil.wait_procs(orphans, timeout=200)
        assert not alive
