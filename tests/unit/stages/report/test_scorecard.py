"""The sections of the scorecard, and of what is chosen without labels."""

import pandas as pd
import pytest

from earshift.stages.report import final_tables
from earshift.stages.report.figures import main
from earshift.tables import GATE
from tests.helpers.figures import drawn_axes, texts
from tests.helpers.page import page, section
from tests.helpers.report_tables import MEASURES, write_results


def test_the_scorecard_has_a_row_per_correction_and_direction(tmp_path):
    results = write_results(tmp_path / "r", models=("mfcc",), verdict="worth it")
    html = section(page(results), "scorecard")
    assert html.count('<th scope="row">lda<br>') == 2
    assert '<th scope="row">none' not in html
    assert "here<br>&rarr; there" in html
    table = pd.read_csv(results / "tables" / "scorecard.csv")
    row = table[table["method"].eq("lda") & table["train"].eq("here")].iloc[0]
    assert f"{row['roc_auc_change']:+.3f}".replace("-", "\N{MINUS SIGN}") in html
    assert html.count(">unlabelled</span></th>") == 2


def test_without_a_correction_there_is_no_scorecard(tmp_path):
    results = write_results(tmp_path / "r", models=("mfcc",), methods=("none",))
    assert 'id="scorecard"' not in page(results)


def gate_row(test, chosen, change, regret, rule="leave one dataset out"):
    decides = rule == "leave one dataset out"
    row = {"protocol": "fixed", "model": "mfcc", "condition": "clean"}
    row |= {"train": "here", "test": test, "metric": "roc_auc", "rule": rule}
    row |= {"decides": decides, "chosen": chosen, "change": change, "best": "lda"}
    row |= {"best_change": change + regret, "regret": regret}
    if decides:
        row |= {"candidate": "lda", "expected": 0.04, "expected_low": 0.01}
        row |= {"expected_high": 0.07, "n_directions": 2}
    return row


def test_what_is_chosen_without_labels_is_shown_with_what_it_costs(tmp_path):
    results = write_results(tmp_path / "r", models=("mfcc",))
    assert 'id="gate"' not in page(results)
    rows = [
        gate_row("there", "lda", 0.05, 0.0),
        gate_row("elsewhere", "none", 0.0, 0.02),
        gate_row("there", "none", 0.0, 0.05, rule="entropy"),
    ]
    table = pd.DataFrame(rows).reindex(columns=GATE.names)
    GATE.write(table, results / "tables" / "gate.csv")
    html = page(results)
    assert (
        "mfcc, ROC-AUC: chosen by the other datasets alone, a correction is taken in 1 "
        "of 2 directions; the choices change +0.025 in the mean and 0.000 in the worst "
        "direction, 0.010 less than the best correction of each direction."
    ) in html
    own = section(html, "gate")
    assert own.count("<tr>") == 1 + 1 + 3
    assert "lda +0.040" in " ".join(own.split())
    assert own.count("(does not decide)") == 1


def test_each_correction_has_a_mark_at_what_it_gains_and_costs(tmp_path):
    results = write_results(
        tmp_path / "r", models=("mfcc",), methods=("none", "lda", "k")
    )
    file = results / "tables" / "scorecard.csv"
    table = pd.read_csv(file)
    own = table["method"].eq("lda") & table["train"].eq("here")
    changes = {"roc_auc_within": -0.02, "roc_auc_change": 0.07, "unbeaten": False}
    table.loc[own, list(changes)] = list(changes.values())
    table.to_csv(file, index=False)
    found = final_tables.read(results / "tables", measures=MEASURES)
    figure = main.FIGURES["trade_offs"](found)
    axes = drawn_axes(figure)
    assert len(axes) == 2
    assert {"lda", "k", "unbeaten", "here \N{RIGHTWARDS ARROW} there\nmfcc"} <= texts(
        figure
    )
    (ax,) = (ax for ax in axes if ax.get_title("left").startswith("here"))
    marks = [line for line in ax.lines if line.get_marker() == "o"]
    assert len(marks) == 2
    lda = next(m for m in marks if m.get_xdata()[0] == pytest.approx(-0.02))
    assert lda.get_ydata()[0] == pytest.approx(0.07)
    assert lda.get_markerfacecolor() == "white"
