import logging
import os
import re
import socket
import subprocess
import sys
import time

import pytest

from earshift import files, jobs
from earshift.errors import DataError
from tests.helpers.places import SCRIPTS
from tests.helpers.waiting import runs, wait_for


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    out = tmp_path / "a.txt"

    def fail():
        with files.whole_file(out) as file:
            file.write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert list(tmp_path.iterdir()) == []
    with files.whole_file(out) as file:
        file.write_text("whole")
    assert out.read_text() == "whole"


#: Begins to write a file, and goes on once it is told to.
WRITER = """
import sys
from earshift import files

with files.whole_file(sys.argv[1]) as file, file.open("w") as out:
    out.write("first half, ")
    out.flush()
    print("begun", flush=True)
    input()
    out.write("second half")
"""


def test_two_processes_may_write_one_file_at_a_time(tmp_path):
    out = tmp_path / "a.txt"
    script = [sys.executable, "-c", WRITER, str(out)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    env = os.environ | {"PYTHONPATH": str(SCRIPTS)}
    with (
        subprocess.Popen(script, env=env, **pipes) as one,
        subprocess.Popen(script, env=env, **pipes) as two,
    ):
        assert {one.stdout.readline(), two.stdout.readline()} == {"begun\n"}
        for writer in (one, two):
            writer.communicate("go\n", timeout=200)
            assert out.read_text() == "first half, second half"
        assert [one.returncode, two.returncode] == [0, 0]
    assert list(tmp_path.iterdir()) == [out]


def test_what_a_killed_process_left_of_a_file_is_removed(tmp_path):
    out = tmp_path / "a.txt"
    script = [sys.executable, "-c", WRITER, str(out)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    env = os.environ | {"PYTHONPATH": str(SCRIPTS)}
    old = time.time() - 2 * files.LOST_AFTER_S
    elsewhere = [tmp_path / f".a.node{i}.7.unfinished.txt" for i in (1, 2)]
    others = [tmp_path / ".a.b.node1.7.unfinished.txt", tmp_path / ".b.unfinished.txt"]
    with (
        subprocess.Popen(script, env=env, **pipes) as dead,
        subprocess.Popen(script, env=env, **pipes) as alive,
    ):
        assert {dead.stdout.readline(), alive.stdout.readline()} == {"begun\n"}
        for file in (*elsewhere, *others):
            file.touch()
        os.utime(elsewhere[0], (old, old))
        dead.kill()
        dead.wait()
        assert len(list(tmp_path.iterdir())) == 6
        with files.whole_file(out) as file:
            file.write_text("whole")
        left = {f.name for f in tmp_path.iterdir()}
        host = socket.gethostname()
        assert left == {
            "a.txt",
            f".a.{host}.{alive.pid}.unfinished.txt",
            elsewhere[1].name,  # its process may live
            *(f.name for f in others),
        }
        alive.communicate("go\n", timeout=200)
    assert out.read_text() == "first half, second half"


def test_a_folder_replaces_the_old_one_only_when_it_is_whole(tmp_path):
    out = tmp_path / "d"
    with files.whole_folder(out) as folder:
        (folder / "one").touch()
    with pytest.raises(KeyError), files.whole_folder(out) as folder:
        raise KeyError
    assert [f.name for f in out.iterdir()] == ["one"]
    with files.whole_folder(out) as folder:
        (folder / "two").touch()
    assert [f.name for f in out.iterdir()] == ["two"]


def test_a_users_mistake_ends_the_job_with_its_message(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended, jobs.logged(tmp_path / "log"):
        raise DataError("the folder is empty: fill it")
    assert ended.value.code == 1
    assert capsys.readouterr().err == "    Error: the folder is empty: fill it\n"
    log = (tmp_path / "log").read_text()
    assert "the folder is empty: fill it" in log
    assert "Traceback" in log


def test_a_fault_leaves_its_traceback_in_the_log(tmp_path):
    with pytest.raises(ZeroDivisionError), jobs.logged(tmp_path / "log"):
        1 / 0  # noqa: B018
    assert "ZeroDivisionError" in (tmp_path / "log").read_text()


def test_keys_follow_the_content():
    assert files.content_key({"a": 1, "b": 2}) == files.content_key({"b": 2, "a": 1})
    assert files.content_key({"a": 1}) != files.content_key({"a": 2})


def test_a_job_ends_when_the_workflow_that_started_it_is_gone(tmp_path):
    job = (
        f"import os, sys, time; sys.path.insert(0, {str(SCRIPTS)!r})\n"
        "from earshift import jobs\n"
        f"with jobs.logged({str(tmp_path / 'log')!r}):\n"
        f"    file = open({str(tmp_path / 'started')!r}, 'w')\n"
        "    print(os.getpid(), file=file, flush=True)\n"
        "    time.sleep(60)\n"
    )
    (tmp_path / "job.py").write_text(job)
    driver = (
        f"import subprocess, sys; subprocess.run([sys.executable, "
        f"{str(tmp_path / 'job.py')!r}])"
    )
    # The argument makes the parent look like Snakemake, as the job sees it.
    parent = subprocess.Popen([sys.executable, "-c", driver, "snakemake"])
    started = tmp_path / "started"
    wait_for(lambda: started.exists() and started.read_text(), "its start")
    pid = int(started.read_text())
    os.kill(pid, 0)
    parent.kill()
    parent.wait()
    wait_for(lambda: not runs(pid), "the end of a job without its workflow", 20)


def test_progress_says_how_much_how_fast_and_how_long(caplog):
    with caplog.at_level(logging.INFO, "earshift"):
        progress = jobs.Progress("work", 2, "clips")
        progress.step()
        progress.step()
    (line,) = caplog.messages
    assert re.fullmatch(r"work: 2/2 clips, [\d.]+ clips/s, 0 s left", line)
