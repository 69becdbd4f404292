"""The section on few labels: what corrections are worth in labels, and the curves."""

import numpy as np
import pandas as pd
import pytest

from earshift.stages.report import final_tables
from earshift.stages.report.figures import labels
from earshift.stages.report.sections import Experiment
from earshift.stages.report.sections.label_curves import LabelCurves, said
from earshift.tables import LABEL_CURVES, LABEL_VALUES, SUMMARY
from tests.helpers.figures import drawn_axes, texts
from tests.helpers.page import page, section
from tests.helpers.report_tables import MEASURES, config_of, write_results

NUMBERS = (0, 1, 5)
LINE = {"protocol": "fixed", "model": "mfcc", "condition": "clean"}
HOW = {"way": "balanced", "choice": "random"}


def curves():
    rows = []
    for train, test in (("here", "there"), ("there", "here")):
        for method, start in (("none", 0.6), ("lda", 0.7)):
            for metric in ("roc_auc", "balanced_accuracy", "brier"):
                for n in NUMBERS:
                    row = LINE | HOW | {"train": train, "test": test, "n_labels": n}
                    value = start + 0.05 * n
                    row |= {"method": method, "metric": metric, "value": value}
                    row |= {"low": value - 0.03, "high": value + 0.03}
                    row |= dict.fromkeys(("n_classes", "n_test", "n_recordings"), 2)
                    row |= {"n_train": 40, "n_train_positive": 10}
                    row |= {"n_train_recordings": 20}
                    if n:
                        row |= {"change": 0.05 * n, "change_low": 0.01}
                        row |= {"change_high": 0.09 * n}
                    rows.append(row)
    return pd.DataFrame(rows).reindex(columns=LABEL_CURVES.names)


def values():
    rows = [
        LINE
        | HOW
        | {"train": train, "test": test, "method": "lda", "metric": metric, "most": 5}
        | {"value": 2.0, "value_low": 1.25, "value_high": np.inf}
        for train, test in (("here", "there"), ("there", "here"))
        for metric in ("roc_auc", "balanced_accuracy")
    ]
    return pd.DataFrame(rows)[LABEL_VALUES.names]


@pytest.fixture
def results(tmp_path):
    results = write_results(tmp_path / "r", models=("mfcc",))
    LABEL_CURVES.write(curves(), results / "tables/label_curves.csv")
    LABEL_VALUES.write(values(), results / "tables/label_values.csv")
    return results


def experiment_of(results, methods):
    config = config_of(results) | {"few_labels": {"methods": methods}}
    found = final_tables.read(results / "tables", measures=MEASURES)
    return Experiment(results, config, {}, found)


def test_each_direction_and_metric_has_axes_with_a_line_per_method(results):
    summary = SUMMARY.read(results / "tables/summary.csv")
    figure = labels.label_curves(curves(), summary)
    axes = drawn_axes(figure)
    assert len(axes) == 2 * 2
    assert {"mean ROC-AUC", "mean balanced accuracy", "none", "lda"} <= texts(figure)
    none, lda = (line.get_xydata() for line in axes[0].lines[:2])
    np.testing.assert_allclose(none, [[0, 0.6], [1, 0.65], [5, 0.85]])
    np.testing.assert_allclose(lda, [[0, 0.7], [1, 0.75], [5, 0.95]])
    # Dashed: what the test dataset itself reaches.
    own = summary[summary["test"].eq("there") & summary["train"].eq("there")]
    own = own[own["metric"].eq("roc_auc") & own["method"].eq("none")]
    assert own["value"].tolist()[0] in [line.get_ydata()[0] for line in axes[0].lines]


def test_without_curves_their_figure_is_empty(results):
    summary = SUMMARY.read(results / "tables/summary.csv")
    assert not labels.label_curves(curves()[:0], summary).axes


def test_the_page_says_what_a_correction_is_worth_if_it_was_asked(results):
    labelled = LabelCurves()
    assert labelled.values(experiment_of(results, [])) is None
    assert labelled.needs({"few_labels": {"methods": []}}) == []
    experiment = experiment_of(results, ["none", "lda"])
    labels.draw_label_curves(
        results / "tables/label_curves.csv",
        results / "tables/summary.csv",
        results / "figures/label_curves.svg",
    )
    (found,) = labelled.findings(experiment)
    assert found.sentences == [
        f"lda, from {a} to {b} (mfcc): worth 2.0 [1.2, more than 5] labelled clips per "
        "class in balanced accuracy."
        for a, b in (("here", "there"), ("there", "here"))
    ]
    html = page(results, experiment.config)
    assert html.count("2.0 [1.2, more than 5] labelled clips per class") == 2 + 4
    # A row for each number, of metrics that the page tells.
    rows = section(html, "few-labels").split("<tbody>")[2]
    assert rows.count("<tr>") == 1 + 2 * 2 * 2 * len(NUMBERS)


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ((0, 0, 0), "no labelled clip: it is worse than none"),
        ((0, 0, 3.04), "0.0 [0.0, 3.0] labelled clips per class"),
        ((np.inf, 4.0, np.inf), "more than 20 [4.0, more than 20] labelled clips per"),
        ((np.inf,) * 3, "more than 20 labelled clips per class"),
        ((np.nan,) * 3, "an unknown number of labelled clips"),
    ],
)
def test_what_it_is_worth_is_said_in_words(ends, words):
    row = dict(zip(("value", "value_low", "value_high"), ends, strict=True))
    assert said(row | {"most": 20}).startswith(words)
