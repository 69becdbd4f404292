"""One run at a time works in a folder."""

import json
import os
import subprocess
import sys
import time

import pytest

from earshift.jobs import run_lock

HOLDER = """
import sys, time
from pathlib import Path
from earshift.jobs.run_lock import one_at_a_time
with one_at_a_time(Path(sys.argv[1]), print):
    print("holds", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where no Snakemake works
    return tmp_path / ".snakemake" / "run.lock"


def test_a_second_run_waits_until_the_first_is_gone(path):
    variables = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, path],
        env=variables,
        stdout=subprocess.PIPE,
        text=True,
    ) as first:
        assert first.stdout.readline() == "holds\n"
        said = []

        def say(line):
            said.append(line)
            first.kill()  # it leaves its name in the lock

        with run_lock.one_at_a_time(path, say):
            assert first.wait() == -9
            assert said == ["Another run is going on in this folder; waiting for it."]
            assert json.loads(path.read_text())["process"] == os.getpid()
    assert path.read_text() == ""


def test_a_run_on_another_machine_is_waited_for_while_it_gives_signs_of_life(
    path, monkeypatch
):
    monkeypatch.setattr(run_lock, "DEAD_AFTER_S", 2)
    monkeypatch.setattr(run_lock, "PULSE_S", 0.4)
    monkeypatch.setattr(run_lock, "CLAIM_S", 0.1)
    path.parent.mkdir()
    path.write_text(json.dumps({"host": "login2", "process": 7}))
    said, start = [], time.monotonic()
    with run_lock.one_at_a_time(path, said.append):
        assert time.monotonic() - start > 1.5
        before = path.stat().st_mtime_ns
        time.sleep(1)
        assert path.stat().st_mtime_ns > before  # signs of ours
    assert said == [
        "A run is going on in this folder on login2 (process 7); waiting for it."
    ]
    assert [file.name for file in path.parent.iterdir()] == ["run.lock"]


#: A machine of another name. Its locks are its own, and its file system is slow.
MACHINE = """
import fcntl, socket, sys, time
from pathlib import Path
from earshift.jobs import run_lock as lock
socket.gethostname = lambda: sys.argv[2]
fcntl.flock = lambda descriptor, how: None
write = Path.write_text
def write_late(path, text):
    time.sleep(0.5)
    return write(path, text)
Path.write_text = write_late
lock.PULSE_S, lock.CLAIM_S = 0.4, 1.5
with lock.one_at_a_time(Path(sys.argv[1]), lambda line: print("waits", flush=True)):
    print(time.time(), flush=True)
    time.sleep(1)
    print(time.time(), flush=True)
"""


def test_of_two_machines_that_wait_for_a_third_one_goes_on_at_a_time(path):
    path.parent.mkdir()
    path.write_text(json.dumps({"host": "login1", "process": 7}))
    variables = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    waiting = [
        subprocess.Popen(
            [sys.executable, "-c", MACHINE, path, name],
            env=variables,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("login2", "login3")
    ]
    for machine in waiting:
        assert machine.stdout.readline() == "waits\n"
    path.write_text("")
    times = []
    for machine in waiting:
        said, _ = machine.communicate(timeout=200)
        assert machine.returncode == 0
        times.append([float(line) for line in said.split("\n") if "." in line])
    (_, end), (start, _) = sorted(times)
    assert end < start
    assert path.read_text() == ""


def test_a_snakemake_that_was_started_by_hand_is_waited_for(path):
    path.parent.mkdir()
    with subprocess.Popen(
        ["bash", "-c", "exec -a snakemake sleep 2"], cwd=path.parent.parent
    ) as other:
        time.sleep(0.3)
        said = []
        run_lock.wait_for_snakemakes(said.append)
        assert other.poll() == 0
    assert len(said) == 1
    assert f"(process {other.pid}) works in this folder; waiting" in said[0]
