"""What jobs say of themselves, and what is made of it."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from earshift import jobs
from earshift.errors import DataError, StoppedError
from earshift.jobs import monitor
from earshift.runs import efficiency, status
from tests.helpers.places import SCRIPTS
from tests.helpers.waiting import wait_for

ASKED = {"mem_mb": 4_000, "runtime": 30, "gpu": 1, "tmpdir": "elsewhere"}


@pytest.fixture(autouse=True)
def often(monkeypatch):
    """Jobs look at themselves, and say so, many times a second."""
    monkeypatch.setattr(monitor, "SAMPLE_S", 0.05)
    monkeypatch.setattr(monitor, "WRITE_S", 0.05)


def said(log):
    return json.loads(monitor.record_of(log).read_text())


def test_a_job_says_what_it_asked_for_how_far_it_is_and_how_it_ended(tmp_path):
    log = tmp_path / "rule" / "a.log"
    with jobs.logged(log, 2, ASKED):
        begun = said(log)
        assert begun["state"] == "running"
        assert begun["pid"] == os.getpid()
        assert begun["slurm_job"] is None
        asked = {"cpus": 2, "mem_mb": 4_000, "minutes": 30, "gpus": 1}
        assert begun["asked"] == asked
        progress = jobs.Progress("d / m", 10, "clips", 4)
        progress.step(6)
        later = wait_for(
            lambda: "progress" in said(log) and said(log), "a sign of progress"
        )
        assert later["updated"] > begun["updated"]
        assert later["progress"]["done"] == 10
        assert later["progress"]["unit"] == "clips"
        # The speed is that of this job's own six clips.
        assert later["progress"]["rate"] > 0
    ended = said(log)
    assert ended["state"] == "done"
    assert ended["seconds"] == pytest.approx(
        ended["updated"] - begun["started"], abs=0.1
    )
    assert sorted(f.name for f in log.parent.iterdir()) == ["a.json", "a.log"]


def test_cores_of_all_nodes_are_counted(tmp_path):
    with jobs.logged(tmp_path / "a.log", 8, ASKED | {"nodes": 3}):
        pass
    assert said(tmp_path / "a.log")["asked"]["cpus"] == 24
    with jobs.logged(tmp_path / "b.log", 8, {"cpus_per_task": 1}):
        pass
    unknown = dict.fromkeys(("mem_mb", "minutes", "gpus"))
    assert said(tmp_path / "b.log")["asked"] == {"cpus": 1} | unknown


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (DataError("the folder is empty"), "failed", "the folder is empty"),
        (StoppedError("SIGTERM came"), "stopped", "SIGTERM came"),
        (ZeroDivisionError("by 0"), "failed", "ZeroDivisionError: by 0"),
    ],
)
def test_a_job_says_why_it_did_not_finish(tmp_path, error, state, reason):
    with pytest.raises((SystemExit, type(error))), jobs.logged(tmp_path / "a.log"):
        raise error
    assert said(tmp_path / "a.log")["state"] == state
    assert said(tmp_path / "a.log")["reason"] == reason


def test_memory_and_time_of_what_a_job_starts_are_its_own(tmp_path):
    log = tmp_path / "a.log"
    work = "import time; x = bytearray(300_000_000); sum(range(10**7)); time.sleep(0.5)"
    with jobs.logged(log):
        subprocess.run([sys.executable, "-c", work], check=True)
    assert said(log)["used"]["mb"] > 300
    assert said(log)["used"]["cpu_s"] > 0.1
    log = tmp_path / "b.log"
    with jobs.logged(log):
        pass
    assert said(log)["used"]["cpu_s"] < 0.1


def test_what_earlier_attempts_took_is_added(tmp_path):
    log = tmp_path / "a.log"
    for _ in range(3):
        with jobs.logged(log, 4, ASKED):
            time.sleep(0.05)
    found = said(log)
    total = monitor.spent(found)
    assert total["attempts"] == 3
    assert total["seconds"] > found["seconds"] + 0.1
    assert total["cpu_h"] == pytest.approx(4 * total["seconds"] / 3600)
    assert total["gpu_h"] == pytest.approx(total["seconds"] / 3600)


def test_a_file_that_cannot_be_written_is_no_reason_to_fail(tmp_path):
    (tmp_path / "a.json").mkdir()
    with jobs.logged(tmp_path / "a.log"):
        pass
    assert "could not be written" in (tmp_path / "a.log").read_text()


def nvidia_smi(tmp_path, monkeypatch, script):
    command = tmp_path / "bin" / "nvidia-smi"
    command.parent.mkdir()
    command.write_text(f"#!/bin/sh\necho asked >> {tmp_path / 'asked'}\n{script}\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")


def test_how_busy_gpus_are_is_sampled(tmp_path, monkeypatch):
    said_to = f'echo "$@" > {tmp_path / "arguments"}'
    nvidia_smi(tmp_path, monkeypatch, f"{said_to}\nprintf '80, 1000\\n40, 3000\\n'")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    log = tmp_path / "a.log"
    with jobs.logged(log, 2, ASKED):
        wait_for(lambda: "gpu_share" in said(log)["used"], "a look at the GPU")
    assert said(log)["used"]["gpu_share"] == pytest.approx(0.6)
    assert said(log)["used"]["gpu_mb"] == pytest.approx(4000 * 1.048576, abs=1)
    assert "--id=2,3" in (tmp_path / "arguments").read_text()


@pytest.mark.parametrize("script", ["exit 9", "echo '[N/A], [N/A]'", "echo nonsense"])
def test_a_gpu_that_tells_nothing_is_asked_once(tmp_path, monkeypatch, script):
    nvidia_smi(tmp_path, monkeypatch, script)
    log = tmp_path / "a.log"
    with jobs.logged(log, 2, ASKED):
        wait_for(
            lambda: "what the GPU does is not known" in log.read_text(), "a warning"
        )
        before = said(log)["updated"]
        wait_for(lambda: said(log)["updated"] > before + 0.5, "a sign of life")
    assert "gpu_share" not in said(log)["used"]
    assert (tmp_path / "asked").read_text() == "asked\n"


def test_a_job_without_gpu_asks_for_none(tmp_path, monkeypatch):
    nvidia_smi(tmp_path, monkeypatch, "echo '80, 1000'")
    log = tmp_path / "a.log"
    with jobs.logged(log, 2, ASKED | {"gpu": 0}):
        before = said(log)["updated"]
        wait_for(lambda: said(log)["updated"] > before + 0.3, "a sign of life")
    assert not (tmp_path / "asked").exists()


def test_a_job_that_was_killed_is_lost(tmp_path):
    log = tmp_path / "logs" / "rule" / "a.log"
    work = (
        f"import sys, time; sys.path.insert(0, {str(SCRIPTS)!r})\n"
        "from earshift import jobs\n"
        f"with jobs.logged({str(log)!r}):\n    time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", work])
    wait_for(monitor.record_of(log).exists, "its start")

    def state(seconds=0.0, **changes):
        (record,) = status.read_records(tmp_path / "logs").values()
        return status.state_of(record | changes, time.time() + seconds)

    assert state() == "running"
    # Of another machine only silence tells.
    assert state(60, host="n1") == "running"
    assert state(600, host="n1") == "lost"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert state() == "lost"


def write_record(logs, name, **changes):
    record = {
        "state": "done",
        "reason": "",
        "host": "n1",
        "pid": 1,
        "slurm_job": None,
        "started": 0.0,
        "updated": time.time(),
        "seconds": 600.0,
        "asked": {"cpus": 2, "mem_mb": 4_000, "minutes": 60, "gpus": 0},
        "used": {"mb": 1_000, "cpu_s": 900.0},
        "earlier": {"attempts": 0, "seconds": 0.0, "cpu_h": 0.0, "gpu_h": 0.0},
    } | changes
    file = logs / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(record))


def test_what_would_have_been_enough_is_said_for_each_rule_and_model(tmp_path):
    write_record(tmp_path, "extract_embeddings/d/vggish/clean/000000")
    write_record(
        tmp_path,
        "extract_embeddings/d/vggish/clean/000001",
        state="failed",
        seconds=6_000.0,
        used={"mb": 2_000, "cpu_s": 300.0, "gpu_share": 0.5, "gpu_mb": 700},
    )
    write_record(tmp_path, "extract_embeddings/d/openl3/clean/000000")
    unknown = dict.fromkeys(("cpus", "mem_mb", "minutes", "gpus"))
    write_record(tmp_path, "make_splits", asked=unknown)
    table = efficiency.used_and_asked(tmp_path).set_index(["rule", "model"])
    assert len(table) == 3
    row = table.loc["extract_embeddings", "vggish"]
    assert row["jobs"] == 2
    assert row["mb_asked"] == 4_000
    assert row["mb_used"] == 2_000
    assert row["mb_enough"] == 600 + 1.5 * 2_000
    assert row["minutes_used"] == 10  # a job that failed says nothing of the time
    assert row["minutes_enough"] == 10 + 2 * 10
    assert row["cpu_share"] == pytest.approx((900 + 300) / (2 * 600 + 2 * 6_000))
    assert row["gpu_share"] == 0.5
    assert table.loc[("make_splits", "")].isna()["mb_asked"]
    assert table.loc[("make_splits", "")].isna()["cpu_share"]


def test_no_logs_are_no_jobs(tmp_path):
    assert efficiency.used_and_asked(tmp_path / "logs").empty
