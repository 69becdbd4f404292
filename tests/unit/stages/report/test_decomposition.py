"""The section on what gaps are made of: sentences, tables and the figure."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from earshift.stages.report import final_tables, gap_parts
from earshift.stages.report.figures import parts, style
from earshift.stages.report.sections import Experiment
from earshift.stages.report.sections.decomposition import Decompositions
from earshift.stages.report.words import MINUS
from earshift.tables import DECOMPOSITION, DECOMPOSITION_CHECKS
from tests.helpers.figures import drawn_axes, texts
from tests.helpers.page import page, section
from tests.helpers.report_tables import MEASURES, config_of, write_results

PLACE = {"protocol": "fixed", "model": "mfcc", "condition": "clean"}
TERMS = (
    ("", "gap", 0.1, 0.04),
    ("", "less_data", 0.02, 0.03),
    ("lda", "removed", 0.08, 0.03),
    ("lda", "removed_by_labels", 0.02, 0.01),
    ("", "left", -0.02, 0.06),
)


def gap_rows(train, test, terms=TERMS, **more):
    """Rows of a gap: method, term, value and half of the width of its interval."""
    common = PLACE | {"train": train, "test": test, "metric": "balanced_accuracy"}
    common |= {"n_labels": 5, "of": "gap", "class": "", "n_classes": 2} | more
    return [
        common
        | {"method": method, "term": term, "value": value}
        | {"low": value - half, "high": value + half, "n_source": 9, "n_target": 9}
        for method, term, value, half in terms
    ]


def table():
    rows = gap_rows("here", "there")
    rows += gap_rows("there", "here", [("", "gap", 0.01, 0.03), *TERMS[1:]])
    rows += gap_rows("here", "there", [("none", "loss", 0.12, 0.02)], of="loss")
    rows += gap_rows("here", "there", [("none", "y_given_x", np.nan, 0)], of="loss")
    rows += gap_rows("here", "there", [("none", "x_target", np.nan, 0)], of="loss")
    rows[-1]["reason"] = rows[-2]["reason"] = "the datasets hardly overlap"
    rows += gap_rows("here", "there", [("none", "unsplit", 0.0, 0)], of="loss")
    # Rows of a class are not told.
    rows += gap_rows("here", "there", [("", "gap", 0.77, 0.1)], **{"class": "cello"})
    return pd.DataFrame(rows).reindex(columns=DECOMPOSITION.names)


def checks():
    row = PLACE | {"train": "here", "test": "there", "method": "none"}
    row |= {"domain_auc": 0.98, "slope": 1.0, "calibration_error": 0.02}
    return pd.DataFrame([row | {"effective": 0.3}])[DECOMPOSITION_CHECKS.names]


@pytest.fixture
def results(tmp_path):
    results = write_results(tmp_path / "r", models=("mfcc",))
    DECOMPOSITION.write(table(), results / "tables/decomposition.csv")
    DECOMPOSITION_CHECKS.write(checks(), results / "tables/decomposition_checks.csv")
    return results


def experiment_of(results, methods):
    asked = {"methods": methods, "metric": "balanced_accuracy", "n_labels": 5}
    config = config_of(results) | {"decomposition": asked}
    found = final_tables.read(results / "tables", measures=MEASURES)
    return Experiment(results, config, {}, found)


def test_the_page_says_what_a_gap_is_made_of_if_it_was_asked(results):
    decomposed = Decompositions()
    assert decomposed.values(experiment_of(results, [])) is None
    assert decomposed.needs({"decomposition": {"methods": []}}) == []
    assert decomposed.findings(experiment_of(results, [])) == []
    experiment = experiment_of(results, ["none", "lda"])
    parts.draw_parts(
        results / "tables/decomposition.csv", results / "figures/decomposition.svg"
    )
    (found,) = decomposed.findings(experiment)
    assert [s.replace(MINUS, "-") for s in found.sentences] == [
        "mfcc, from here to there: of the gap of 0.100 [0.060, 0.140] in balanced "
        "accuracy, lda removes 0.080 [0.050, 0.110] and 5 labels per class remove "
        "0.020 [0.010, 0.030]. Not told from 0: less training data 0.020 [-0.010, "
        "0.050] and what is left -0.020 [-0.080, 0.040].",
        "mfcc, from there to here: no gap in balanced accuracy is detected (0.010 "
        "[-0.020, 0.040]), so shares of it mean nothing.",
    ]
    html = page(results, experiment.config)
    assert "lda removes 0.080 [0.050, 0.110]" in html
    gaps, losses = section(html, "decomposition").split("Table of the terms")
    assert gaps.count('<th scope="row">') == 2 * len(TERMS)
    assert "0.77" not in gaps
    assert losses.count('<th scope="row">none</th>') == 3
    assert losses.count("the datasets hardly overlap") == 1
    assert '<td class="n">0.98</td>' in losses


def test_many_directions_are_told_together(results):
    several = [f"m{k}" for k in range(9)]
    own = gap_rows("here", "there", [("", "gap", 0.01, 0.03)])
    found = gap_rows("there", "here")
    rows = [row | {"model": model} for model in several for row in own]
    rows = pd.DataFrame(found + rows).reindex(columns=DECOMPOSITION.names)
    DECOMPOSITION.write(rows, results / "tables/decomposition.csv")
    (told,) = Decompositions().findings(experiment_of(results, ["none", "lda"]))
    first, last = told.sentences
    assert first.startswith("mfcc, from there to here: of the gap")
    assert last == "In 9 of 10 cases no gap is detected."


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ([("", "less_data", -0.05, 0.01)], "less training data hide 0.050 [0.040,"),
        ([("lda", "removed", -0.05, 0.01)], "lda adds 0.050 [0.040, 0.060]."),
        ([("", "left", 0.05, 0.01)], "is left (it needs more labels of b, or another"),
        ([("", "left", -0.05, 0.01)], "-0.040] is left (these do more than as many"),
        ([("", "left", 0.05, 0.06)], "balanced accuracy no part can be told from 0"),
    ],
)
def test_only_what_intervals_allow_is_claimed(terms, words):
    rows = pd.DataFrame(gap_rows("a", "b", [TERMS[0], *terms]))
    told = gap_parts.said(gap_parts.means(rows).to_dict("records"), "balanced accuracy")
    assert words in " ".join(told).replace(MINUS, "-")


def test_a_gap_that_is_not_known_says_why():
    rows = pd.DataFrame(gap_rows("a", "b", [("", "gap", np.nan, 0)], reason="few."))
    told = gap_parts.said(gap_parts.means(rows).to_dict("records"), "ROC-AUC")
    assert list(told) == ["not estimated: few."]
    figure = parts.parts(rows.reindex(columns=DECOMPOSITION.names))
    assert "not estimated" in texts(figure)


def test_each_bar_begins_where_the_one_above_it_ends():
    figure = parts.parts(table())
    first, second = drawn_axes(figure)
    labels = [label.get_text() for label in first.get_yticklabels()]
    assert labels == ["left", "5 labels per class", "lda", "less training data", "gap"]
    bars = [(bar.get_y() + bar.get_height() / 2, bar) for bar in first.patches]
    ends = {
        labels[round(y)]: np.sort([b.get_x(), b.get_x() + b.get_width()])
        for y, b in bars
    }
    np.testing.assert_allclose(ends["gap"], [0, 0.1])
    np.testing.assert_allclose(ends["less training data"], [0.08, 0.1])
    np.testing.assert_allclose(ends["lda"], [0, 0.08], atol=1e-12)
    np.testing.assert_allclose(ends["5 labels per class"], [-0.02, 0], atol=1e-12)
    np.testing.assert_allclose(ends["left"], [-0.02, 0])
    colours = {labels[round(y)]: to_hex(bar.get_facecolor()).upper() for y, bar in bars}
    assert colours["lda"] == style.GREEN
    # Pale: not told from 0, or a part of a gap that is not.
    opaque = {labels[round(y)]: bar.get_alpha() for y, bar in bars}
    assert [name for name in labels if opaque[name] == 1] == [
        *("5 labels per class", "lda", "gap")
    ]
    assert {bar.get_alpha() for bar in second.patches} == {parts.PALE}
    assert "part of the gap in mean balanced accuracy" in texts(figure)
