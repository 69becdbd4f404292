"""What is left out is at the top of the page, and below the table in the terminal."""

import json
import re

import pandas as pd
import pytest

from earshift.stages.report.sections import left_out
from earshift.stages.report.terminal import main_table
from earshift.tables import read_table
from tests.helpers.report_tables import write_results
from tests.unit.stages.report.test_report import page

NAMES = ["here", "there"]


@pytest.fixture
def results(tmp_path):
    """Two datasets; of the first, one clip is silent."""
    return write_results(tmp_path / "r")


def lose(results, *names):
    """Add classes that only the first dataset has."""
    file = results / "4_splits" / "classes.csv"
    found = read_table(file)
    here, there = dict.fromkeys(["n_unknown"], 0), {"n_unknown": 6}
    here |= {"n_present": 2, "n_absent": 4, "n_negatives": 2}
    there |= {"n_present": 0, "n_absent": 0, "n_negatives": 0}
    here["reason"], there["reason"] = "cannot be used in there", "not labelled"
    rows = [
        {"class": c, "dataset": d, "used": False, "near": "", **own}
        | {"recordings_present": 1, "recordings_absent": 1}
        for c in names
        for d, own in zip(NAMES, (here, there), strict=True)
    ]
    pd.concat([found, pd.DataFrame(rows)]).to_csv(file, index=False)


def block(results):
    """The text of the block on the page."""
    html = page(results)
    assert html.index('id="findings"') < html.index('id="not-used"')
    return html[html.index('id="not-used"') : html.index("How well do classifiers")]


def test_classes_clips_features_and_warnings_are_told(results):
    lose(results, "sax")
    audit = results / "1_clips" / "there.audit.csv"
    audit.write_text(
        "clip_id,path,status,reason,usable\n,x.txt,not_listed,no audio,no\n"
    )
    skipped = results / "3_features" / "there" / "mfcc" / "clean.skipped.csv"
    skipped.write_text("clip_id,reason\nthere1,too short\nthere2,too short\n")
    notes = results / "1_clips" / "there.notes.json"
    notes.write_text(json.dumps({"warnings": ["5 rows were blank"]}))
    said = left_out.describe(results, NAMES, ["mfcc"])
    assert said == [
        "sax (here: 2 clips, 2 kept as negatives): not labelled in there.",
        "here: 1 of 6 clips cannot be used (1 silent; 1_clips/here.audit.csv).",
        "there: 1 file or row not listed as clips (no audio; 1_clips/there.audit.csv).",
        "there: 2 clips without features of mfcc (too short).",
        "there: 5 rows were blank",
    ]
    html = block(results)
    assert html.count("<li>") == 5
    assert "<details>" not in html
    terminal = main_table(results)
    assert "  there: 5 rows were blank\n\nReport: " in terminal
    assert max(map(len, terminal.splitlines())) <= 100


def test_a_long_list_is_folded_on_the_page_and_cut_in_the_terminal(results):
    notes = results / "1_clips" / "here.notes.json"
    notes.write_text(json.dumps({"warnings": [f"warning {i}" for i in range(9)]}))
    html = block(results)
    shown, folded = html.split("<details>")
    assert shown.count("<li>") == 8
    assert folded.count("<li>") == 2
    assert "<summary>2 more</summary>" in folded
    terminal = main_table(results)
    assert "warning 3" in terminal
    assert "warning 4" not in terminal
    assert "and 5 more: see the report." in terminal


def test_where_all_is_used_the_page_says_so_and_the_terminal_nothing(results):
    audit = results / "1_clips" / "here.audit.csv"
    audit.write_text("clip_id,path,status,reason,usable\n")
    assert left_out.describe(results, NAMES, ["mfcc"]) == []
    text = re.sub("<[^>]*>", "", block(results))
    assert "Nothing: every class and every clip is used." in text
    assert "Left out" not in main_table(results)


def test_usable_clips_that_are_not_in_use_are_counted(results):
    file = results / "4_splits" / "there.labels.parquet"
    pd.read_parquet(file).head(4).to_parquet(file)
    said = left_out.describe(results, NAMES, ["mfcc"])
    assert said[-1] == (
        "there: 2 usable clips not in the chosen subgroups or the official split."
    )
