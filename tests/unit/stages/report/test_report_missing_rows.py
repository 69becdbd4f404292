"""A method that cannot serve a direction is shown where it can, and nowhere else."""

import pandas as pd
import pytest

from earshift.stages.report.figures import main
from earshift.stages.report.terminal import main_table
from tests.helpers.page import page, said, section
from tests.helpers.report_tables import MEASURES, write_results


def results_without(folder, keep):
    """Results in which `lda` has rows of the directions in `keep` alone."""
    results = write_results(folder)
    for name in ("scores", "summary", "gaps"):
        file = results / "tables" / f"{name}.csv"
        table = pd.read_csv(file, keep_default_na=False)
        pairs = pd.Series(list(zip(table["train"], table["test"], strict=True)))
        kept = table["method"].ne("lda") | pairs.isin(keep)
        if name == "gaps":  # they need the classifier within, too
            within = [(test, test) in keep for _, test in pairs]
            kept &= table["method"].ne("lda") | pd.Series(within)
        table[kept].to_csv(file, index=False)
    return results


CASES = {
    "one way": [("here", "here"), ("there", "there"), ("here", "there")],
    "across": [("here", "there"), ("there", "here")],
    "within": [("here", "here"), ("there", "there")],
}


@pytest.mark.parametrize("case", CASES)
def test_findings_page_and_figures_do_without_the_rows(tmp_path, case):
    results = results_without(tmp_path / "r", CASES[case])
    (line,) = (one for one in said(results).splitlines() if one.startswith("lda"))
    assert ("across datasets" in line) == (case != "within")
    assert ("ithin datasets" in line) == (case != "across")
    assert ("gap" in line) == (case == "one way")
    assert "nan" not in line
    html = section(page(results), "results")
    assert html.count('<th scope="row">lda</th>') == 2 * len(CASES[case])
    assert html.count('<th scope="row">none</th>') == 2 * 4
    main.draw_figures(results / "tables", MEASURES, tmp_path / "figures")
    names = {file.name for file in (tmp_path / "figures").iterdir()}
    assert {f"{name}.svg" for name in main.FIGURES} <= names


@pytest.mark.parametrize("case", CASES)
def test_the_table_in_the_terminal_does_without_the_rows(tmp_path, case):
    results = results_without(tmp_path / "r", CASES[case])
    lines = main_table(results).splitlines()
    (head, *_) = (line for line in lines if line.startswith("  method"))
    cells = ["A -> A", "B -> B", "A -> B", "B -> A"]
    starts = [head.index(cell) for cell in cells]
    letters = {"A": "here", "B": "there"}
    served = [(letters[c[0]], letters[c[-1]]) in CASES[case] for c in cells]
    rows = [line for line in lines if line.startswith("  lda ")]
    assert rows
    for row in rows:
        shown = [row[at:].split("  ")[0] for at in starts]
        assert [one != "-" for one in shown] == served
        assert all("[" in one for one in shown if one != "-")
