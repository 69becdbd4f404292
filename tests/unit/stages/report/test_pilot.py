"""A plan says what a finished run could have detected, and how many others need."""

import re
import subprocess
import sys

import pandas as pd
import pytest

from earshift.errors import ConfigError
from earshift.stages.report import pilot
from earshift.statistics import recordings_needed, smallest_detectable
from earshift.tables import GAPS, SUMMARY
from tests.helpers.places import ROOT
from tests.helpers.report_tables import write_results


def lines_of(text):
    """The numbers of each line: (heading, direction) -> five cells."""
    out, heading = {}, ""
    for line in text.splitlines():
        if ": to find " in line:
            heading = line.strip()
        elif " -> " in line:
            label, *cells = re.split(r" {2,}", line.strip())
            out[heading, label] = cells
    return out


def changed(results, table, rows, **values):
    """Change values of some rows of a table: those of a query."""
    file = results / table.file
    found = table.read(file)
    found.loc[found.query(rows).index, list(values)] = list(values.values())
    found.to_csv(file, index=False)


@pytest.fixture
def results(tmp_path):
    """Six recordings test; gaps have an error of 0.05, changes of 0.01, with 30 df."""
    return write_results(tmp_path / "r", methods=("none", "lda", "mlda"))


def test_each_model_metric_and_direction_has_its_line(results):
    found = lines_of(pilot.pilot_table(results, pilot.sizes([])))
    assert len(found) == 2 * 2 * 2
    gap = smallest_detectable(0.05, df=30)
    needs = recordings_needed(0.05, 6, 0.02, df=30)
    assert needs == 315
    assert found["mfcc, ROC-AUC: to find 0.02", "here -> there"] == [
        *("6", f"{gap:.3f}", "320"),
        *(f"{smallest_detectable(0.01, df=30):.3f}", "13"),
    ]
    # A change of 0.05 is larger than what six recordings find.
    cells = found["other, balanced accuracy: to find 0.05", "there -> here"]
    assert cells == ["6", f"{gap:.3f}", "51", "0.029", "enough"]


def test_other_sizes_and_metrics_may_be_asked_for(results):
    wanted = pilot.sizes(["roc_auc=0.1", "brier=0.01"])
    assert wanted == {"roc_auc": 0.1, "balanced_accuracy": 0.05, "brier": 0.01}
    found = lines_of(pilot.pilot_table(results, wanted))
    assert len(found) == 2 * 3 * 2
    assert found["mfcc, ROC-AUC: to find 0.1", "here -> there"][2] == "13"
    assert found["mfcc, Brier score: to find 0.01", "here -> there"][2] == "1,300"


@pytest.mark.parametrize("wrong", ["roc_auc", "roc_auc=0", "roc_auc=-1", "roc_auc=nan"])
def test_a_size_that_cannot_be_is_refused(wrong):
    with pytest.raises(ConfigError, match="a number above 0, got"):
        pilot.sizes([wrong])


def test_an_unknown_metric_gets_the_nearest_name():
    with pytest.raises(ConfigError, match="Did you mean 'roc_auc'"):
        pilot.sizes(["rocauc=0.1"])


def test_the_change_is_that_of_the_method_that_is_known_least(results):
    changed(results, SUMMARY, "method == 'mlda' and test == 'here'", change_se=0.03)
    found = lines_of(pilot.pilot_table(results, pilot.sizes([])))
    key = "mfcc, ROC-AUC: to find 0.02"
    assert found[key, "there -> here"][3:] == ["0.087", "110"]
    assert found[key, "here -> there"][3:] == ["0.029", "13"]
    # A control that knows the labels of tested clips is no method to plan for.
    changed(results, SUMMARY, "method == 'mlda'", access="oracle")
    found = lines_of(pilot.pilot_table(results, pilot.sizes([])))
    assert found[key, "there -> here"][3:] == ["0.029", "13"]


def test_what_is_not_known_is_said(results):
    """As of tables without standard errors of gaps, or with no method at all."""
    assert "not known" not in pilot.pilot_table(results, pilot.sizes([]))
    file = results / GAPS.file
    GAPS.read(file).drop(columns=["gap_se", "gap_df"]).to_csv(file, index=False)
    text = pilot.pilot_table(results, pilot.sizes([]))
    cells = lines_of(text)["mfcc, ROC-AUC: to find 0.02", "here -> there"]
    assert cells == ["6", "-", "-", "0.029", "13"]
    assert "- not known" in text
    pd.DataFrame(columns=GAPS.names).to_csv(file, index=False)
    assert "no gap between datasets" in pilot.pilot_table(results, pilot.sizes([]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--pilot", "r"], "--pilot and --detect belong to --plan"),
        (["--plan", "--pilot", "nowhere"], "'nowhere' has no tables/summary.csv"),
        (["--plan", "--detect", "roc_auc=0"], "with a number above 0, got 'roc_auc=0'"),
    ],
)
def test_what_a_plan_cannot_say_is_refused_before_it(results, arguments, message):
    config = results.parent / "config.yaml"
    config.write_text("results: nothing\n")
    done = subprocess.run(
        [sys.executable, ROOT / "workflow" / "scripts" / "run.py", *arguments],
        cwd=results.parent,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
