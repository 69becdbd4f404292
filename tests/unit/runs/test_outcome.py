"""Why a run failed is said in a few lines."""

import json
import os
from pathlib import Path

from earshift.runs import outcome


def job(logs, name, started=100.0, age=0.0, **said):
    """The log of a job, and what it says of itself."""
    log = logs / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("a log\n")
    record = log.with_suffix(".json")
    facts = {"state": "failed", "reason": "", "used": {"mb": 1500.0}}
    record.write_text(json.dumps(facts | {"started": started} | said))
    os.utime(record, (started + 5 - age, started + 5 - age))
    return log


def lines(logs):
    return list(outcome.failures(logs, since=100.0))


def test_a_job_that_failed_is_named_with_its_message_and_its_log(tmp_path):
    log = job(tmp_path, "gather_clips/hum", reason="no clip\ncan be used")
    job(tmp_path, "gather_clips/clear", state="done")
    job(tmp_path, "list_clips/hum", started=90.0, reason="of an earlier run")
    job(tmp_path, "list_clips/.hum.unfinished", reason="not whole")
    (tmp_path / "list_clips" / "half.json").write_text('{"state": "fai')
    assert lines(tmp_path) == [
        "Error: gather_clips hum: no clip can be used",
        f"       its log: {log}",
    ]


def test_a_job_that_was_killed_has_no_message(tmp_path):
    job(tmp_path, "cross_validate/fixed/mfcc/clean", state="running")
    assert lines(tmp_path)[0] == (
        "Error: cross_validate fixed/mfcc/clean: it was killed without a message (its "
        "memory, its time limit, or its node). It had used 1500 MB."
    )


def test_of_many_jobs_the_first_are_shown_in_five_lines(tmp_path):
    for i in range(7):
        job(tmp_path, f"extract/{i}", started=110.0 - i, reason="x" * 2000)
    found = lines(tmp_path)
    assert len(found) == 5
    assert found[0].startswith("Error: extract 6: xxx")
    assert found[2].startswith("Error: extract 5: xxx")
    assert all(len(line) < 700 for line in found)
    assert found[4] == f"       5 more failed; their logs are in '{tmp_path}'."


def test_logs_that_experiments_share_are_read_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    job(tmp_path / "logs", "fetch_weights/w.h5", reason="no such address")
    job(tmp_path / "logs" / "results", "audit", reason="damaged")
    own = Path("logs", "results")
    assert [line for line in lines(own) if "Error" in line] == [
        "Error: audit: damaged",
        "Error: fetch_weights w.h5: no such address",
    ]


def test_where_results_are_is_known_once_a_run_has_begun(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert outcome.noted() is None
    outcome.note("results/mine", "logs/results/mine")
    found = Path("results/mine"), Path("logs/results/mine")
    assert outcome.noted() == found
