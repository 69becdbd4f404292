"""What a run will take is said before it, and held to the truth after it."""

import json
import re
import shutil

import pandas as pd
import pytest

from earshift.statistics import recordings_needed, smallest_detectable
from earshift.tables import GAPS, SUMMARY
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
    assert "\nNo pilot: run a part of the recordings" in done.stdout
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


def numbers_of(said, heading):
    """What a plan says of each direction under a heading: five cells of each."""
    rows = said.partition(f"  mfcc, {heading}\n")[2].splitlines()[:2]
    cells = [row.split() for row in rows]
    return {(source, target): rest for source, _, target, *rest in cells}


def assert_is_of(cells, rows, error, size):
    """Assert that two cells are of those rows that are known least, or of none."""
    known = rows[rows[f"{error}_se"].gt(0)]
    if known.empty:
        assert cells == ["-", "-"]
        return
    errors = known[[f"{error}_se", f"{error}_df"]].to_numpy()
    least = max(smallest_detectable(se, df=df) for se, df in errors)
    needed = max(recordings_needed(se, 18, size, df=df) for se, df in errors)
    assert float(cells[0]) == pytest.approx(least, abs=6e-4)
    if needed <= 18:
        assert cells[1] == "enough"
    else:
        assert int(cells[1].replace(",", "")) == pytest.approx(needed, rel=0.06)


def test_a_finished_run_is_a_pilot_for_itself_and_for_others(tmp_path, finished):
    folder = tmp_path / "pilot"
    shutil.copytree(finished[0], folder)
    done = run(folder, "--plan")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "What is left to do" in done.stdout
    assert done.stdout.endswith("Pilot: results\n")
    summary, gaps = (
        table.read(folder / "results" / table.file) for table in (SUMMARY, GAPS)
    )
    changes = summary.query("reference == 'none'")
    # All ROC-AUCs of this run are 1: there is nothing to plan with.
    for metric, size, heading in (
        ("roc_auc", 0.02, "ROC-AUC: to find 0.02"),
        ("balanced_accuracy", 0.05, "balanced accuracy: to find 0.05"),
    ):
        found = numbers_of(done.stdout, heading)
        assert set(found) == {("clear", "hum"), ("hum", "clear")}
        for (train, test), (tested, *cells) in found.items():
            place = f"train == '{train}' and test == '{test}' and metric == '{metric}'"
            gap = gaps.query(f"{place} and method == 'none'")
            assert int(tested) == int(gap["n_recordings"].iloc[0]) == 18
            assert_is_of(cells[:2], gap, "gap", size)
            own = changes.query(place)
            assert len(own) == 3
            assert_is_of(cells[2:], own, "change", size)
    gap, _, change, _ = found["clear", "hum"][1:]
    assert min(float(gap), float(change)) > 0.01
    own = changes.query(
        "train == 'clear' and test == 'hum' and metric == 'balanced_accuracy'"
    )
    assert float(change) == pytest.approx(own["detectable"].max(), abs=6e-4)

    other = write_experiment(tmp_path / "larger")
    pilot = ("--pilot", str(folder / "results"), "--detect", "balanced_accuracy=0.04")
    done = run(other, "--plan", *pilot)
    assert done.returncode == 0, done.stderr[-3000:]
    assert not (other / "results" / "tables").exists()
    larger = numbers_of(done.stdout, "balanced accuracy: to find 0.04")
    assert larger["clear", "hum"][1::2] == [gap, change]
    assert int(larger["clear", "hum"][2]) > int(found["clear", "hum"][2])
