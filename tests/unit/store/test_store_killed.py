"""Jobs that are killed at any moment, again and again, lose nothing."""

import json
import subprocess
import sys

import pytest

from earshift.stages.embeddings import region_files
from earshift.store import sizes
from tests.helpers import stage2
from tests.helpers.stores import read_files
from tests.helpers.workflow import environment

#: Two processes share the regions that are not done, and are killed together. Each
#: round forks them anew from a process that has imported everything.
DRIVER = """
import json, os, random, signal, sys, time
from contextlib import suppress
from pathlib import Path
from earshift import models, store
from earshift.stages.embeddings import extraction as embeddings
from earshift.stages.embeddings import region_files as plans
from earshift.models import _batches

folder, entry, n_kills, seed = Path(sys.argv[1]), json.loads(sys.argv[2]), 20, 0
plan = folder / "e.plan.json"
names = json.loads(plan.read_text())["regions"]
draw = random.Random(seed)
done = lambda: [n for n in names if (folder / f"{n}.json").exists()]

ENDED = os.WEXITED | os.WNOHANG | os.WNOWAIT

def shards():
    found = []
    for path in folder.glob("e.zarr/embedding/c/*/0"):
        with suppress(FileNotFoundError):
            found.append(path.stat().st_mtime_ns)
    return found

def work(mine):
    for name in mine:
        embeddings.extract_region("d / m", entry, plan=plan, region=name,
            marker=folder / f"{name}.json", max_bad_clips=0, n_threads=1)

for kill in range(n_kills):
    left = [n for n in names if n not in done()]
    if not left:  # go on with four that have to be done again
        for name in draw.sample(names, 4):
            (folder / f"{name}.json").unlink()
            (folder / "e.kept" / f"{name}.json").unlink()
    left = [n for n in names if n not in done()]
    begun, wanted, children = time.time_ns(), draw.randrange(40), []
    for k in range(2):
        child = os.fork()
        if not child:
            work(left[k::2])
            os._exit(0)
        children.append(child)
    # After so many new shards, however busy the machine is, and then at any moment.
    running = True
    while running and sum(made > begun for made in shards()) < wanted:
        time.sleep(0.001)
        running = any(os.waitid(os.P_PID, child, ENDED) is None for child in children)
    time.sleep(draw.uniform(0, 0.02))
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    print(len(done()), len(shards()), flush=True)
"""


@pytest.mark.timeout(300)
def test_twenty_kills_and_a_clean_finish_give_the_files_of_an_undisturbed_run(
    table_dataset, tmp_path, monkeypatch
):
    monkeypatch.setattr(sizes, "MAX_CHUNKS_PER_SHARD", 1)
    entry = stage2.wide(tmp_path, hop=160)
    table = stage2.list_clips(table_dataset, tmp_path)
    (tmp_path / "whole").mkdir()
    stage2.extract(table, tmp_path / "whole", 8, entry)
    plan = stage2.create(table, tmp_path, 8, entry)
    assert len(stage2.names(plan)) == 8
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(tmp_path), json.dumps(entry)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    rounds = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
    assert len(rounds) == 20
    # They were killed between regions, and in the midst of them.
    assert len({n_done for n_done, _ in rounds}) > 2
    assert len({n_shards for _, n_shards in rounds}) > 4
    stage2.extract(table, tmp_path, 8, entry)
    for folder in ("e.zarr", "e.kept", "e.regions"):
        assert everything(tmp_path / folder) == everything(tmp_path / "whole" / folder)
    assert not region_files.unfinished(plan)


def everything(folder):
    """Every file of a folder, as bytes; of a record, all but what its job took."""
    found = read_files(folder)
    if folder.name == "e.kept":
        found = {
            name: json.loads(text) | {"spent": None} for name, text in found.items()
        }
    return found
