"""How far an experiment is, said from files, whoever works in the folder."""

import fcntl
import json
import os
import re
import shutil
import time

import pytest
import yaml

from earshift import registry
from earshift.evaluation.protocol import study_of
from earshift.runs import settings, status
from earshift.runs.job_list import RULES
from tests.helpers.places import ROOT
from tests.helpers.workflow import jobs_of, run, write_experiment

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(1800)]

#: Rules that make no results of an experiment: they fetch, plan, audit.
OTHERS = {
    *("0_data", "0_run", "2_audit", "common"),
}


def table_of(folder):
    """The table of jobs, and the stages that will have more."""
    raw = yaml.safe_load((folder / "experiment.yaml").read_text())
    config = settings.resolve(raw, ROOT / "workflow/schemas/config.schema.yaml")
    return status.job_table(config, folder / "results", folder / "logs/results")


def test_every_rule_that_makes_results_is_counted():
    files = (ROOT / "workflow" / "rules").glob("*.smk")
    texts = [file.read_text() for file in files if file.stem not in OTHERS]
    assert len(texts) >= 8
    found = {name for text in texts for name in re.findall(r"^\w+ (\w+):", text, re.M)}
    studies = [study_of(name) for name in registry.names("studies")]
    of_studies = [study.jobs({"deviations": True}) for study in studies]
    assert found == {name for jobs in (RULES, *of_studies) for name in jobs}


def test_a_finished_experiment_has_the_jobs_that_were_run_and_no_others(finished):
    folder, done = finished
    table, more = table_of(folder)
    assert more == []
    assert set(table["state"]) == {"done"}
    ran = {rule: jobs_of(done, rule) for rule in RULES}
    for name in ("list_clips", "plan_regions"):  # Snakemake calls them checkpoints
        ran[name] = (done.stdout + done.stderr).count(f"checkpoint {name}:")
    assert table["rule"].value_counts().to_dict() == {r: n for r, n in ran.items() if n}
    assert all(record["state"] == "done" for record in table["record"])
    assert table.loc[table["rule"].eq("extract_embeddings"), "clips"].sum() == 72
    assert (table["cpu_h"] > 0).all()


def test_it_is_said_before_a_run_and_beside_one(tmp_path):
    folder = write_experiment(tmp_path / "new")
    (folder / ".snakemake").mkdir()
    with (folder / ".snakemake" / "run.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # as a run does
        done = run(folder, "--status")
    assert done.returncode == 0, done.stderr
    lines = {line.strip().split("  ")[0]: line for line in done.stdout.splitlines()}
    # The shares of the files, and the regions of the clips, are not known yet.
    assert lines["1 clips"].split()[2:4] == ["6+", "-"]
    assert lines["2 embeddings"].split()[2:4] == ["6+", "-"]
    assert lines["3 features"].split()[2:4] == ["2", "-"]
    assert "+ more, once earlier jobs are done: 1 clips, 2 embeddings." in done.stdout
    assert not (folder / "results").exists()


def test_what_runs_and_what_failed_is_shown_with_its_reason(finished, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(finished[0], folder, symlinks=True)
    raw = yaml.safe_load((folder / "experiment.yaml").read_text())
    raw["extraction"] |= {"price_per_cpu_hour": 0.5}
    (folder / "experiment.yaml").write_text(yaml.safe_dump(raw))
    changes = {
        "clear/mfcc/clean/000000": {
            "state": "running",
            "pid": os.getpid(),
            "seconds": 7_200.0,
            "progress": {"done": 6, "total": 18, "unit": "clips", "rate": 0.1},
        },
        "clear/mfcc/clean/000001": {"state": "failed", "reason": "no room"},
        "hum/mfcc/clean/000000": {"state": "running", "host": "n9", "updated": 1.0},
        "hum/mfcc/clean/000001": {"state": "stopped", "reason": "SIGTERM came"},
    }
    for name, values in changes.items():
        file = folder / "logs/results/extract_embeddings" / f"{name}.json"
        values = {"updated": time.time()} | values
        file.write_text(json.dumps(json.loads(file.read_text()) | values))
        dataset, *_, region = name.split("/")
        store = folder / "results/2_embeddings" / dataset / "mfcc"
        (store / f"clean.done/{region}.json").unlink()
    table, _ = table_of(folder)
    own = table[table["rule"].eq("extract_embeddings")].set_index("name")
    for name, state in zip(
        changes, ("running", "failed", "lost", "stopped"), strict=True
    ):
        assert own.loc[name, "state"] == state
    assert own.loc["clear/mfcc/clean/000000", "left_s"] == pytest.approx(120)
    done = run(folder, "--status")
    assert done.returncode == 0, done.stderr
    heads = re.split(r"  +", done.stdout.splitlines()[1].strip())
    row = next(x for x in done.stdout.splitlines() if "clear / mfcc / clean" in x)
    cells = dict(zip(heads[1:], row.split()[5:], strict=False))
    assert cells["jobs"] == "2"
    assert (cells["running"], cells["failed"]) == ("1", "1")
    assert (cells["clips"], cells["of"], cells["clips/s"]) == ("6", "36", "0.100")
    assert "\n    no room\n    logs/results/extract_embeddings/clear" in done.stdout
    for line in ("Running:", "Failed:", "Lost: ", "Stopped in time: "):
        assert f"\n{line}" in done.stdout
    assert "6/18 clips, 0.100 clips/s, 2 min left" in done.stdout
    assert " cost" in done.stdout.splitlines()[1]


def test_what_jobs_asked_for_and_used_is_one_table(finished):
    folder, _ = finished
    done = run(folder, "--efficiency")
    assert done.returncode == 0, done.stderr
    (row,) = [x for x in done.stdout.splitlines() if "extract_embeddings / mfcc" in x]
    n, asked, used, enough, *_ = map(float, row.split()[3:])
    assert n == 4
    assert 50 < used < asked
    assert enough == pytest.approx(600 + 1.5 * used, abs=101)


def test_a_configuration_that_cannot_be_is_no_traceback(tmp_path):
    folder = write_experiment(tmp_path / "wrong", methods=["nothing"])
    done = run(folder, "--status")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr
    assert not (folder / ".snakemake").exists()
