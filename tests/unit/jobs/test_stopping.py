"""Jobs that are told to stop keep what is done, and the next one does the rest."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from earshift import jobs, store
from earshift.errors import StoppedError
from earshift.jobs import stopping
from earshift.stages.clips import listing
from earshift.stages.embeddings import region_files
from earshift.store import sizes
from tests.helpers import stage2
from tests.helpers.stores import read_files
from tests.helpers.waiting import wait_for

#: A fast model that counts its calls in a file, and sends its process a signal at some.
SIGNALLED = """
import os
import signal
from pathlib import Path
import numpy as np
from earshift.models import Framing, ModelSpec
env, version, licence, citation = "analysis", 1, "", ""
def spec():
    framing = Framing(window=160, hop=160)
    return ModelSpec(16_000, framing, n_features=4_096)
def network(spec):
    scale = np.arange(1, 4_097, dtype=np.float32) / 4_096
    counter = Path(__file__).with_name("calls")
    def embed(windows):
        # Each call has a place of its own, also of those that come at the same time.
        with counter.open("ab", buffering=0) as file:
            file.write(b".")
            place = file.tell()
        at, number = map(int, os.environ["TEST_SIGNAL"].split())
        if place == at:
            os.kill(os.getpid(), number)
        return np.abs(windows).max(axis=1)[:, None] * scale
    return embed
"""


@pytest.fixture
def signalled(tmp_path, monkeypatch):
    """The entry of such a model, and a function that sets when the signal comes."""
    (tmp_path / "signalled.py").write_text(SIGNALLED)
    calls = tmp_path / "calls"

    def plan(at, number=signal.SIGTERM):
        calls.write_bytes(b"")
        monkeypatch.setenv("TEST_SIGNAL", f"{at} {int(number)}")
        return lambda: calls.stat().st_size

    return {"plugin": str(tmp_path / "signalled.py")}, plan


def attempt(plan, tmp_path, entry, max_bad_clips=2):
    """One job, as the workflow runs it; its exit status and its log."""
    log, marker = tmp_path / "log", tmp_path / "000000.json"
    try:
        with jobs.logged(log):
            stage2.embed(plan, "000000", marker, entry, max_bad_clips)
    except SystemExit as error:
        return error.code, log.read_text()
    return 0, log.read_text()


def everything(folder):
    """The store's files as bytes, and what its job said but for what it took."""
    kept = json.loads((folder / "e.kept/000000.json").read_text())
    return read_files(folder / "e.zarr"), kept | {"spent": None}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"dtype": "float16"},
        {"pooling": ["mean", "max"]},
        {"condition": {"plugin": "gain", "options": {}, "strengths": ["-6", "0", "6"]}},
    ],
    ids=["frames", "float16", "pooled", "strengths"],
)
def test_a_job_that_is_stopped_again_and_again_gives_the_bytes_of_one_that_is_not(
    table_dataset, tmp_path, signalled, monkeypatch, options
):
    monkeypatch.setattr(sizes, "MAX_CHUNKS_PER_SHARD", 16)
    entry, send = signalled
    table = stage2.list_clips(table_dataset, tmp_path)
    n = len(options.get("condition", {"strengths": [None]})["strengths"])
    # Clips that stage 1 could read and nobody can now.
    for place in (2, 20):
        Path(listing.usable(table)["path"].iloc[place]).unlink()
    count = send(0)
    (tmp_path / "whole").mkdir()
    plan = stage2.create(table, tmp_path / "whole", 1, entry, **options)
    stage2.embed(plan, "000000", tmp_path / "whole/000000.json", entry, 2 * n)
    n_undisturbed = count()

    plan = stage2.create(table, tmp_path, 1, entry, **options)
    begun = region_files.begun_of(plan, "000000")
    n_done, n_calls, spent = [0], 0, {"seconds": 0.0}
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGTERM):
        count = send(20, number)
        status, log = attempt(plan, tmp_path, entry, 2 * n)
        assert status == 1
        assert f"{number.name} came. " in log
        assert not (tmp_path / "000000.json").exists()
        said = json.loads(begun.read_text())
        assert f"{said['clips']} of {24 * n} clips are kept" in log
        n_done.append(said["clips"])
        assert said["spent"]["seconds"] > spent["seconds"]
        spent, n_calls = said["spent"], n_calls + count()
    assert n_done == sorted(set(n_done))
    count = send(0)
    status, log = attempt(plan, tmp_path, entry, 2 * n)
    assert status == 0
    assert f"{n_done[-1]} of {24 * n} clips embedded before" in log
    assert everything(tmp_path) == everything(tmp_path / "whole")
    kept = json.loads((tmp_path / "e.kept/000000.json").read_text())
    assert len(kept["skipped"]) == 2 * n
    assert kept["spent"]["seconds"] > spent["seconds"]
    assert not begun.exists()
    # Of the clips at hand, and of warming up and of calls ahead, some are done twice.
    assert n_calls + count() < n_undisturbed + 3 * 15


def test_a_kept_shard_that_was_damaged_is_embedded_again(
    table_dataset, tmp_path, signalled
):
    entry, send = signalled
    table = stage2.list_clips(table_dataset, tmp_path)
    send(0)
    (tmp_path / "whole").mkdir()
    plan = stage2.create(table, tmp_path / "whole", 1, entry)
    stage2.embed(plan, "000000", tmp_path / "whole/000000.json", entry)
    plan = stage2.create(table, tmp_path, 1, entry)
    send(40)
    assert attempt(plan, tmp_path, entry)[0] == 1
    shard = max(f for f in (tmp_path / "e.zarr/embedding/c").rglob("0") if f.is_file())
    content = bytearray(shard.read_bytes())
    content[1000] ^= 1
    shard.write_bytes(content)
    send(0)
    status, log = attempt(plan, tmp_path, entry)
    assert status == 0
    assert "all clips are embedded anew" in log
    assert everything(tmp_path) == everything(tmp_path / "whole")


def test_too_many_bad_clips_are_all_tried_again(table_dataset, tmp_path, signalled):
    entry, send = signalled
    table = stage2.list_clips(table_dataset, tmp_path)
    paths = [Path(path) for path in listing.usable(table)["path"].iloc[:3]]
    for path in paths:
        path.rename(path.with_suffix(".away"))
    plan = stage2.create(table, tmp_path, 1, entry)
    send(50)
    assert attempt(plan, tmp_path, entry)[0] == 1
    assert (
        len(json.loads(region_files.begun_of(plan, "000000").read_text())["skipped"])
        == 3
    )
    send(0)
    status, log = attempt(plan, tmp_path, entry)
    assert status == 1
    assert "3 of 24 clips that stage 1 could read failed now" in log
    for path in paths:
        path.with_suffix(".away").rename(path)
    assert attempt(plan, tmp_path, entry)[0] == 0
    assert region_files.skipped_in(plan, "000000") == {}


@pytest.mark.parametrize("number", stopping.SIGNALS)
def test_a_job_that_never_asks_ends_at_once(tmp_path, number):
    before = signal.getsignal(number)

    def work():
        with jobs.logged(tmp_path / "log"):
            os.kill(os.getpid(), number)
            time.sleep(30)

    with pytest.raises(SystemExit) as ended:
        work()
    assert ended.value.code == 1
    assert f"stopped: {number.name} came" in (tmp_path / "log").read_text()
    assert signal.getsignal(number) == before


def test_the_second_signal_does_not_disturb_what_the_first_began():
    cleared = []

    def work():
        with stopping.listening():
            try:
                os.kill(os.getpid(), signal.SIGTERM)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)
                cleared.append(True)

    with pytest.raises(StoppedError):
        work()
    assert cleared


def test_a_job_in_another_thread_hears_nothing_and_runs(tmp_path):
    found = []

    def work():
        with jobs.logged(tmp_path / "log"):
            found.append(stopping.reason())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [None]


def squeue(tmp_path, monkeypatch, script):
    """Put a command `squeue` first on the path, in a job of SLURM."""
    command = tmp_path / "bin" / "squeue"
    command.parent.mkdir()
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "17")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")


def test_a_job_stops_before_its_time_is_over(tmp_path, monkeypatch):
    said = tmp_path / "said"
    script = f'echo "$@" > {said}; echo 0:13'
    squeue(tmp_path, monkeypatch, script)
    with stopping.listening():
        assert stopping.reason() is None
        assert wait_for(stopping.reason, "a reason to stop")
        assert stopping.reason() == "its time is nearly over"
    assert "--jobs 17_3 " in said.read_text()


def test_a_squeue_that_fails_is_no_error(tmp_path, monkeypatch):
    squeue(tmp_path, monkeypatch, "echo 'no controller' >&2; exit 1")
    log = tmp_path / "log"
    with jobs.logged(log):
        wait_for(
            lambda: "did not say how much time job" in log.read_text(), "a warning"
        )
        assert stopping.reason() is None


def test_rows_that_stay_are_not_written_again_until_their_shard_is_whole(tmp_path):
    place = tmp_path / "e.zarr"
    store.create_embeddings(
        place, n_features=4, chunk=8, shard=16, dtype="float32", attributes={"a": 1}
    )
    region = store.grow(place, 48)
    frames = np.arange(48 * 4, dtype=np.float32).reshape(48, 4)

    def stop():
        with store.RegionWriter(place, region) as writer:
            writer.put(np.arange(20), frames[:20])
            assert writer.n_whole == 16
            writer.keep()
            raise KeyError

    with pytest.raises(KeyError):
        stop()
    assert np.isnan(store.read_embeddings(place, 20, 48)).all()
    with store.RegionWriter(place, region, 18) as writer:
        assert writer.n_whole == 16
        np.testing.assert_array_equal(
            store.read_embeddings(place, 0, 20), frames[:20], strict=True
        )
        writer.put(np.arange(18, 40), frames[18:40])
    np.testing.assert_array_equal(store.read_embeddings(place, 0, 40), frames[:40])
    assert np.isnan(store.read_embeddings(place, 40, 48)).all()
