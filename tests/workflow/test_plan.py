"""What a run will take is said before it, and held to the truth after it."""

import json
import re

import pandas as pd
import pytest

from tests.helpers.workflow import run, write_experiment

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(1800)]

STAGES = ["1 clips", "2 embeddings", "3 features"]


def read_plan(folder):
    """Rows of the plan, of the dataset 'hum', by stage."""
    plan = pd.read_csv(folder / "results" / "plan.csv")
    assert len(plan) == 6
    return plan[plan["dataset"].eq("hum")].set_index("stage")


def test_a_plan_comes_before_the_run_and_is_held_to_it(tmp_path):
    folder = write_experiment(
        tmp_path / "planned",
        extraction={"minutes_per_job": 1e-4, "max_jobs": 3, "price_per_cpu_hour": 0.1},
    )
    done = run(folder, "--plan")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "What is left to do" in done.stdout
    assert "hum / mfcc / clean" in done.stdout
    assert "cost" in done.stdout
    assert "rule extract_embeddings:" not in done.stderr
    assert not (folder / "results" / "1_clips").exists()
    plan = read_plan(folder)
    assert list(plan.index) == STAGES
    assert list(plan["clips_to_do"]) == [36, 36, 36]
    # 36 clips are fewer than a sample: all of them were looked at.
    assert 3600 * plan.loc["2 embeddings", "audio_h"] == pytest.approx(36 * 1.2)
    assert list(plan["jobs"]) == [1, 3, 1]
    assert (plan["hours"] > 0).all()

    done = run(folder)
    assert done.returncode == 0, done.stderr[-3000:]
    plans = list((folder / "results/2_embeddings").glob("*/mfcc/clean.plan.json"))
    assert [len(json.loads(file.read_text())["regions"]) for file in plans] == [3, 3]
    page = (folder / "results" / "report.html").read_text()
    table = page[page.index("Plan and truth") :].partition("</table>")[0]
    rows = [
        [re.sub("<.*?>", "", cell) for cell in re.findall("<t[hd].*?</t[hd]>", row)]
        for row in table.split("<tr>")[2:]
    ]
    assert [row[0] for row in rows] == [stage for stage in STAGES for _ in range(2)]
    embedded = next(row for row in rows if row[1] == "hum / mfcc / clean")
    assert embedded[2:4] == ["3", "3"]  # jobs, planned and run
    assert embedded[6] == embedded[7]  # MB, planned and written
    assert all(row[3] == row[2] for row in rows)

    done = run(folder, "--plan")
    assert done.returncode == 0, done.stderr[-3000:]
    assert (read_plan(folder)[["clips_to_do", "jobs", "bytes", "cost"]] == 0).all(
        axis=None
    )
    # A plan, or a calibration, makes no other job run.
    done = run(folder, "--forcerun", "calibrate_model")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "rule calibrate_model:" in done.stderr
    assert "plan_regions:" not in done.stderr
    assert "rule write_report:" not in done.stderr
